import { invariant } from '#core/invariant';

/** Buffers of one length that are used again and again: a fresh 256 KiB for each chunk costs more than reading it. */
export interface BufferPool {
  readonly length: number;
  /** A buffer with old content in it, or undefined when `max` are out. */
  take(): Buffer | undefined;
  give(buffer: Buffer): void;
}

/** A pool that makes at most `max` buffers, each when it is first needed. */
export function bufferPool(length: number, max: number): BufferPool {
  const free: Buffer[] = [];
  let made = 0;
  return {
    length,
    take: () => {
      const buffer = free.pop();
      if (buffer || made === max) return buffer;
      made += 1;
      return Buffer.allocUnsafeSlow(length);
    },
    give: (buffer) => {
      invariant(buffer.length === length && free.length < made, 'a buffer was given back that this pool did not make');
      free.push(buffer);
    },
  };
}
