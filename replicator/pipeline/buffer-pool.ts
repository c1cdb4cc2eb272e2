import { MiB } from '#core/units';

/** Buffers that are used again and again: a fresh 256 KiB for each chunk costs more than reading it. */
export interface BufferPool {
  /** The longest that is made. */
  readonly length: number;
  /** A buffer of at least `length` bytes with old content in it, or undefined when `max` are out. */
  take(length: number): Buffer | undefined;
  /** Takes a buffer back. One that is not of this pool is left to the garbage collector. */
  give(buffer: Buffer): void;
  /** Leaves its buffers to the pools that come after it. Those that are out follow as they are given back. Idempotent. */
  close(): void;
}

/**
 * Buffers of pools that are closed. V8 collects all of its heap for every 64 MiB that were allocated outside of it, and rounds
 * of a few blocks each would allocate that again and again.
 */
const spares: Buffer[] = [];
let sparesLength = 0;
// What two rounds at full speed have out. More is left to the garbage collector.
const sparesMax = 16 * MiB;

function spare(buffer: Buffer): void {
  if (sparesLength + buffer.length > sparesMax) return;
  spares.push(buffer);
  sparesLength += buffer.length;
}

/** The last that is long enough, and not much longer than is needed. */
function takeSpare(wanted: number): Buffer | undefined {
  const at = spares.findLastIndex(({ length }) => length >= wanted && length <= 2 * wanted);
  const [found] = at < 0 ? [] : spares.splice(at, 1);
  sparesLength -= found?.length ?? 0;
  return found;
}

/**
 * A pool that makes at most `max` buffers, each when it is first needed and not much longer than is needed then: of a round
 * of a few scattered blocks, most of a full buffer would be room for nothing.
 */
export function bufferPool(length: number, max: number): BufferPool {
  const free: Buffer[] = [];
  const out = new Set<Buffer>();
  let closed = false;
  const takeFree = (wanted: number): Buffer | undefined => {
    const at = free.findLastIndex((buffer) => buffer.length >= wanted);
    if (at >= 0) return free.splice(at, 1)[0];
    // One that is too short makes room for one that is not.
    if (free.length + out.size >= max) free.pop();
    return undefined;
  };
  return {
    length,
    take: (wanted) => {
      const found =
        takeFree(wanted) ??
        (out.size < max ? (takeSpare(wanted) ?? Buffer.allocUnsafeSlow(rounded(wanted, length))) : undefined);
      if (found) out.add(found);
      return found;
    },
    give: (buffer) => {
      if (!out.delete(buffer)) return;
      if (closed) spare(buffer);
      else free.push(buffer);
    },
    close: () => {
      closed = true;
      for (const buffer of free.splice(0)) spare(buffer);
    },
  };
}

/** The full length, halved as long as that is enough. */
function rounded(wanted: number, length: number): number {
  let enough = length;
  while (enough / 2 >= wanted) enough = Math.ceil(enough / 2);
  return enough;
}
