/** Buffers of one length that are used again and again: a fresh 256 KiB for each chunk costs more than reading it. */
export interface BufferPool {
  readonly length: number;
  /** A buffer with old content in it, or undefined when `max` are out. */
  take(): Buffer | undefined;
  /** Takes a buffer back. One that is not of this pool is left to the garbage collector. */
  give(buffer: Buffer): void;
}

/** A pool that makes at most `max` buffers, each when it is first needed. */
export function bufferPool(length: number, max: number): BufferPool {
  const free: Buffer[] = [];
  const out = new Set<Buffer>();
  return {
    length,
    take: () => {
      const buffer = free.pop() ?? (out.size < max ? Buffer.allocUnsafeSlow(length) : undefined);
      if (buffer) out.add(buffer);
      return buffer;
    },
    give: (buffer) => {
      if (out.delete(buffer)) free.push(buffer);
    },
  };
}
