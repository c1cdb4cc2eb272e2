import { alignUp, KiB } from '#core/units';

/*
 * Memory for direct I/O.
 *
 * A read past the cache needs memory aligned to the disk's logical block, and Node promises nothing about where a Buffer
 * is: large ones begin 16 bytes into a page. The memory of a WebAssembly instance, though, is mapped by the engine in
 * whole pages of the system, so whatever lies at a multiple of 4 KiB in it is aligned for every disk there is. It is
 * used as plain memory: no WebAssembly runs. Its address space is reserved at once, and becomes memory as it is used.
 */

/** Memory that is borrowed in pieces and given back. */
export interface AlignedMemory {
  /** How long each piece is. */
  readonly length: number;
  readonly pieces: number;
  /** Pieces that are lent now. */
  readonly lent: number;
  /** A piece with old content in it, once there is one; in the order of asking. */
  take(): Promise<Buffer>;
  give(piece: Buffer): void;
}

// No disk has larger logical blocks that Linux could boot from.
const alignment = 4 * KiB;
const wasmPage = 64 * KiB;

/** Memory for `pieces` reads at a time, each of up to `length` bytes, rounded up to 4 KiB. */
export function alignedMemory(pieces: number, length: number): AlignedMemory {
  const stride = alignUp(length, alignment);
  const memory = new WebAssembly.Memory({ initial: Math.ceil((pieces * stride) / wasmPage) });
  return lentMemory(pieces, stride, (index) => Buffer.from(memory.buffer, index * stride, stride));
}

/** Memory for devices that do not ask where it is. A piece is made when it is first needed, of what `make` gives. */
export const plainMemory = (
  pieces: number,
  length: number,
  make: (length: number) => Uint8Array = (count) => new Uint8Array(count),
): AlignedMemory =>
  lentMemory(pieces, length, () => {
    const { buffer, byteOffset } = make(length);
    return Buffer.from(buffer, byteOffset, length);
  });

function lentMemory(pieces: number, length: number, make: (index: number) => Buffer): AlignedMemory {
  const free: Buffer[] = [];
  let made = 0;
  const out = new Set<Buffer>();
  const waiting: ((piece: Buffer) => void)[] = [];
  const next = (): Buffer | undefined => free.pop() ?? (made < pieces ? make(made++) : undefined);
  return {
    length,
    pieces,
    get lent() {
      return out.size;
    },
    take: () =>
      new Promise((resolve) => {
        const lend = (piece: Buffer): void => {
          out.add(piece);
          resolve(piece);
        };
        const piece = next();
        if (piece === undefined) waiting.push(lend);
        else lend(piece);
      }),
    give: (piece) => {
      // Given back twice it would be lent twice, and two reads would land in it.
      if (!out.delete(piece)) return;
      const lend = waiting.shift();
      if (lend) lend(piece);
      else free.push(piece);
    },
  };
}
