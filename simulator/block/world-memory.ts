/*
 * Memory of what a world moves: bytes on their way, and what was written to files. Each piece with memory of its own would have
 * V8 collect its young objects for every 32 MiB of them, and a world moves three times as much; so a world takes from slabs, and
 * gives them back as a whole when it is over, for the next one.
 *
 *     slab  |piece|piece|   piece   |piece|       |      from the front to the end; then another slab
 */

/** Where pieces of memory come from. */
export interface MemorySource {
  /** Memory of this length, with whatever was in it before. */
  take(length: number): Uint8Array;
}

/** The memory of one world. */
export interface WorldMemory extends MemorySource {
  /** The world is over, and nothing that was taken is looked at any more. */
  end(): void;
}

const slabLength = 4 * 1024 * 1024;
// What worlds of a search need, by far most of them. What is beyond is left to the garbage collector, as is a piece that
// would take much of a slab.
const slabsMax = 16;
const pieceMax = slabLength / 4;

/** Slabs that no world has. */
const spares: Uint8Array[] = [];

/** Memory from the garbage collector, for those who are no world. */
export const collectedMemory: MemorySource = { take: (length) => new Uint8Array(length) };

/** Memory for one world. */
export function worldMemory(): WorldMemory {
  const slabs: Uint8Array[] = [];
  let left: Uint8Array | undefined;
  const nextSlab = (): Uint8Array | undefined => {
    if (slabs.length === slabsMax) return undefined;
    const slab = spares.pop() ?? new Uint8Array(slabLength);
    slabs.push(slab);
    return slab;
  };
  return {
    take: (length) => {
      if (length > pieceMax) return collectedMemory.take(length);
      if (left === undefined || left.length < length) left = nextSlab();
      if (left === undefined) return collectedMemory.take(length);
      const piece = left.subarray(0, length);
      left = left.subarray(length);
      return piece;
    },
    end: () => {
      left = undefined;
      spares.push(...slabs.splice(0, slabsMax - spares.length));
    },
  };
}
