import { err, ok, type Result } from '#core/result';

/**
 * Bytes to lines, without any I/O. QMP is one JSON object per line; what has not ended yet is kept, and how much is
 * kept is bounded, so that a peer that never ends its line cannot fill our memory.
 */
export interface LineDecoder {
  /** The lines that ended within `chunk`, blank ones left out. After an error the decoder must not be used again. */
  push(chunk: Uint8Array): Result<readonly string[], LineError>;
}

/** What makes a stream of bytes no stream of lines. */
export interface LineError {
  readonly type: 'LineTooLong' | 'NotUtf8';
  readonly detail: string;
}

/**
 * The longest line taken, in bytes. QEMU's longest answer (its whole schema) is about 200 KiB; an inventory costs about
 * 1 KiB per block node. Sixteen times the schema leaves room for any real machine and still bounds memory.
 */
export const lineLengthMax = 4 * 1024 * 1024;

const newline = 0x0a;

/** Makes a decoder. Nothing longer than `lengthMax` bytes is ever held. */
export function lineDecoder(lengthMax: number = lineLengthMax): LineDecoder {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  // Chunks of the unfinished line, joined once when it ends: joining at each push would be quadratic.
  let held: Uint8Array[] = [];
  let heldLength = 0;

  const tooLong = () =>
    err({ type: 'LineTooLong', detail: `a line is longer than ${lengthMax} bytes` } satisfies LineError);

  const take = (tail: Uint8Array): Result<string, LineError> => {
    const line = held.length === 0 ? tail : Buffer.concat([...held, tail]);
    held = [];
    heldLength = 0;
    try {
      return ok(utf8.decode(line).trim());
    } catch {
      return err({ type: 'NotUtf8', detail: 'a line is not valid UTF-8' });
    }
  };

  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        if (heldLength + (end - start) > lengthMax) return tooLong();
        const line = take(chunk.subarray(start, end));
        if (!line.ok) return line;
        if (line.value !== '') lines.push(line.value);
        start = end + 1;
      }
      const rest = chunk.length - start;
      if (heldLength + rest > lengthMax) return tooLong();
      // A copy: the chunk belongs to the socket, which may reuse it.
      if (rest > 0) held.push(chunk.slice(start));
      heldLength += rest;
      return ok(lines);
    },
  };
}
