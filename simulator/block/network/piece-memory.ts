import type { MemorySource } from '#simulator/block/world-memory';

/*
 * Memory of what is on its way. Which memory a piece is in makes no difference to anybody: every byte of it is written before
 * it is sent.
 *
 *     short    as long as it is, and nobody's afterwards
 *     long     as long as any piece, used again once somebody has said that it was read and is kept by nobody
 */

/** A piece is no longer than this. */
export const pieceMax = 64 * 1024;
const shortMax = 4 * 1024;

/** The memory of one network. */
export interface PieceMemory {
  /** Memory for a piece, with whatever was in it before. */
  take(length: number): Uint8Array;
  /** A piece was read, and nobody keeps it: its memory may be used for another one. */
  wasRead(piece: Uint8Array): void;
}

/** Memory for pieces, out of a world's. */
export function pieceMemory(memory: MemorySource): PieceMemory {
  const spares: Uint8Array[] = [];
  return {
    take: (length) =>
      length > shortMax ? (spares.pop() ?? memory.take(pieceMax)).subarray(0, length) : memory.take(length),
    wasRead: ({ length, buffer, byteOffset }) => {
      if (length > shortMax) spares.push(new Uint8Array(buffer, byteOffset, pieceMax));
    },
  };
}
