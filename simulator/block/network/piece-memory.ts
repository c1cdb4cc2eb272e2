/*
 * Memory of what is on its way. A world sends some hundred MiB in pieces, and each piece with memory of its own would have V8
 * collect all of its heap for every 64 MiB of them. Which memory a piece is in makes no difference to anybody: every byte of
 * it is written before it is sent.
 *
 *     short    cut from a stretch that they share, and gone with it
 *     long     in a whole one, used again once somebody has said that the piece was read and is kept by nobody
 */

/** A piece is no longer than this. */
export const pieceMax = 64 * 1024;
const shortMax = 4 * 1024;
// What is in a few windows at once. More is left to the garbage collector.
const sparesMax = 64;

let stretch = new Uint8Array(pieceMax);
let taken = 0;
const spares: ArrayBuffer[] = [];

/** Memory for a piece, with whatever was in it before. */
export function pieceOf(length: number): Uint8Array {
  if (length > shortMax) return new Uint8Array(spares.pop() ?? new ArrayBuffer(pieceMax), 0, length);
  if (taken + length > stretch.length) {
    stretch = new Uint8Array(pieceMax);
    taken = 0;
  }
  const piece = stretch.subarray(taken, taken + length);
  taken += length;
  return piece;
}

/** A piece was read, and nobody keeps it: its memory may be used for another one. */
export function pieceRead(piece: Uint8Array): void {
  if (piece.length > shortMax && piece.buffer.byteLength === pieceMax && spares.length < sparesMax)
    spares.push(piece.buffer as ArrayBuffer);
}
