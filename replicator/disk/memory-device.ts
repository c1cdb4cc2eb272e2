import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import type { MappedExtent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { bytes, offset, type Offset } from '#core/units';

/** A small disk in memory that keeps the promises of a real one, and no others: what was not flushed may be lost. */
export interface MemoryDevice extends BlockDevice {
  /** What a reader sees now. */
  readonly content: Uint8Array;
  /** Power fails: of the writes since the last flush, those survive for which `survives` says so, in their order. */
  crash(survives: (write: number) => boolean): void;
}

// Holes are told at this grain, as file systems do.
const holeGrain = 4_096;
const zeroes = Buffer.alloc(holeGrain);

/** A disk with the given content. It tells its holes, and takes writes unless told otherwise. */
export function memoryDevice(
  content: Uint8Array,
  { writable = true }: { readonly writable?: boolean } = {},
): MemoryDevice {
  const size = bytes(content.length);
  const blockSize = bytes(size % 512 === 0 ? 512 : 1);
  // Not `slice`, which of a Buffer is the same memory.
  let durable = new Uint8Array(content);
  const unflushed: { readonly at: number; readonly data: Uint8Array }[] = [];
  const refusal = (at: number, length: number, writing: boolean): DeviceError | undefined => {
    if (writing && !writable) return { type: 'ReadOnly', detail: 'a disk in memory' };
    if (at % blockSize === 0 && length % blockSize === 0 && at + length <= size) return undefined;
    return { type: 'InvalidRange', at: offset(at), length: bytes(length), detail: `a disk of ${size} bytes` };
  };
  const put = (at: Offset, data: Uint8Array): Result<void, DeviceError> => {
    const refused = refusal(at, data.length, true);
    if (refused) return err(refused);
    content.set(data, at);
    unflushed.push({ at, data });
    return ok(undefined);
  };
  return {
    content,
    blockSize,
    size,
    can: { write: writable, zero: writable, extents: true },
    crash: (survives) => {
      unflushed.forEach(({ at, data }, write) => {
        if (survives(write)) durable.set(data, at);
      });
      content.set(durable);
      unflushed.length = 0;
    },
    read: async (at, into) => {
      const refused = refusal(at, into.length, false);
      if (refused) return err(refused);
      into.set(content.subarray(at, at + into.length));
      return ok(undefined);
    },
    write: async (at, data) => put(at, new Uint8Array(data)),
    zero: async (at, length) => put(at, new Uint8Array(length)),
    extents: async (range) => {
      const refused = refusal(range.start, range.length, false);
      return refused ? err(refused) : ok(holesIn(content, range.start, range.start + range.length));
    },
    flush: async () => {
      durable = new Uint8Array(content);
      unflushed.length = 0;
      return ok(undefined);
    },
    close: async () => undefined,
  };
}

function holesIn(content: Uint8Array, start: number, end: number): readonly MappedExtent[] {
  const found: { start: number; end: number; kind: MappedExtent['kind'] }[] = [];
  for (let at = start; at < end;) {
    const next = Math.min(end, at - (at % holeGrain) + holeGrain);
    const kind = zeroes.compare(content, at, next, 0, next - at) === 0 ? 'zero' : 'data';
    const last = found.at(-1);
    if (last?.kind === kind) last.end = next;
    else found.push({ start: at, end: next, kind });
    at = next;
  }
  return found.map((part) => ({ start: offset(part.start), length: bytes(part.end - part.start), kind: part.kind }));
}
