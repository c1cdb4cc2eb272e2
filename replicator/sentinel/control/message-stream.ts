import { err, ok, type Result } from '#core/result';
import { MiB } from '#core/units';

/*
 * A control connection, as bytes: messages, each the length of its JSON (u32, big-endian) and then the JSON in UTF-8.
 *
 * The length is checked before a byte of content is kept, so a peer makes us hold one message and no more. What breaks
 * the rule ends the reader: after it nothing can be trusted to begin a message.
 */

/** The longest JSON of a message. An inventory with a thousand services is a tenth of it. */
export const messageMax = MiB;

const head = 4;

/** One message as bytes. Its length is the caller's to keep within `messageMax`. */
export function encodeMessage(message: object): Buffer {
  const json = Buffer.from(JSON.stringify(message));
  const encoded = Buffer.allocUnsafe(head + json.length);
  encoded.writeUInt32BE(json.length);
  encoded.set(json, head);
  return encoded;
}

/** Turns bytes as they arrive into the JSON of messages. */
export interface MessageReader {
  /** What `chunk` completes, in order; or how it broke the rule, after which nothing is taken any more. */
  feed(chunk: Uint8Array): Result<readonly string[], string>;
  /** Bytes of a message that is not complete. */
  rest(): Buffer;
}

/** A reader for one direction of one connection. */
export function messageReader(): MessageReader {
  // Joined when a message is complete: joining with each chunk would copy a long message once for every record of TLS.
  let parts: Uint8Array[] = [];
  let held = 0;
  let wanted = head;
  let broken: string | undefined;
  const join = (): Buffer => {
    const joined = Buffer.concat(parts);
    parts = joined.length > 0 ? [joined] : [];
    return joined;
  };
  return {
    rest: join,
    feed: (chunk) => {
      const complete: string[] = [];
      if (broken !== undefined) return err(broken);
      if (chunk.length > 0) parts.push(chunk);
      held += chunk.length;
      while (held >= wanted) {
        const bytes = join();
        const length = bytes.readUInt32BE();
        if (length > messageMax) {
          broken = `a message of ${length} bytes, where ${messageMax} are allowed`;
          return err(broken);
        }
        wanted = head + length;
        if (held < wanted) break;
        complete.push(bytes.toString('utf8', head, wanted));
        parts = [bytes.subarray(wanted)];
        held -= wanted;
        wanted = head;
      }
      return ok(complete);
    },
  };
}
