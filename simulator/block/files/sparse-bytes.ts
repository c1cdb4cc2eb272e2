// A grain of replication: most writes are whole chunks, and a whole chunk is taken over instead of copied.
const chunkLength = 65_536;
// What a file system counts allocated space in.
const pageLength = 4_096;

interface Chunk {
  /** Shorter than a chunk where nothing was written behind. */
  bytes: Uint8Array;
  /** Whether nobody else has these bytes: others are copied before they are changed. */
  own: boolean;
  /** Which of its pages were ever written, a bit each. */
  pages: number;
}

/** The bytes of one version of a file, holes left out. Versions that have much in common share it. */
export class SparseBytes {
  readonly #chunks: Map<number, Chunk>;
  #pages = 0;

  constructor(chunks = new Map<number, Chunk>()) {
    this.#chunks = chunks;
    for (const { pages } of chunks.values()) this.#pages += bitsIn(pages);
  }

  /** Bytes that are no hole, in whole pages. */
  get allocated(): number {
    return this.#pages * pageLength;
  }

  /** How much more `length` bytes at `at` would take. */
  wouldAllocate(at: number, length: number): number {
    let pages = 0;
    eachChunk(at, length, (number, from, count) => {
      pages += bitsIn(pagesOf(from, count) & ~(this.#chunks.get(number)?.pages ?? 0));
    });
    return pages * pageLength;
  }

  /** Takes bytes over. Nobody may change `data` afterwards. */
  put(at: number, data: Uint8Array): void {
    eachChunk(at, data.length, (number, from, count, done) => {
      const piece = data.subarray(done, done + count);
      const found = this.#chunks.get(number);
      const pages = (found?.pages ?? 0) | pagesOf(from, count);
      this.#pages += bitsIn(pages) - bitsIn(found?.pages ?? 0);
      if (from === 0 && count >= (found?.bytes.length ?? 0)) {
        this.#chunks.set(number, { bytes: piece, own: false, pages });
        return;
      }
      const chunk = writable(found, from + count);
      chunk.bytes.set(piece, from);
      chunk.pages = pages;
      this.#chunks.set(number, chunk);
    });
  }

  /** Fills `into` from index `start` on with `length` bytes; holes are zeroes. */
  read(into: Uint8Array, start: number, at: number, length: number): void {
    eachChunk(at, length, (number, from, count, done) => {
      const piece = this.#chunks.get(number)?.bytes.subarray(from, from + count) ?? new Uint8Array(0);
      into.set(piece, start + done);
      into.fill(0, start + done + piece.length, start + done + count);
    });
  }

  /** Makes everything from `length` on a hole. */
  cut(length: number): void {
    for (const [number, chunk] of this.#chunks) {
      const left = length - number * chunkLength;
      if (left >= chunkLength) continue;
      const pages = left > 0 ? chunk.pages & pagesOf(0, left) : 0;
      this.#pages += bitsIn(pages) - bitsIn(chunk.pages);
      if (left <= 0) this.#chunks.delete(number);
      else this.#chunks.set(number, { bytes: chunk.bytes.subarray(0, left), own: chunk.own, pages });
    }
  }

  /** The same bytes, to be changed apart. */
  copy(): SparseBytes {
    const chunks = new Map<number, Chunk>();
    for (const [number, chunk] of this.#chunks) {
      chunk.own = false;
      chunks.set(number, { ...chunk });
    }
    return new SparseBytes(chunks);
  }
}

/** Calls `visit` for each chunk that a range touches, with the part of the chunk and how much came before. */
function eachChunk(
  at: number,
  length: number,
  visit: (chunk: number, from: number, count: number, done: number) => void,
): void {
  for (let done = 0; done < length;) {
    const from = (at + done) % chunkLength;
    const count = Math.min(chunkLength - from, length - done);
    visit((at + done - from) / chunkLength, from, count, done);
    done += count;
  }
}

function writable(found: Chunk | undefined, length: number): Chunk {
  if (found?.own && found.bytes.length >= length) return found;
  // A file that grows by small pieces, such as a journal, would be copied for each of them.
  const room = Math.min(chunkLength, Math.max(found?.bytes.length ?? 0, 2 ** Math.ceil(Math.log2(length))));
  const bytes = new Uint8Array(room);
  if (found) bytes.set(found.bytes);
  return { bytes, own: true, pages: found?.pages ?? 0 };
}

const pagesOf = (from: number, count: number): number => {
  const first = Math.floor(from / pageLength);
  const end = Math.ceil((from + count) / pageLength);
  return (2 ** end - 1) & ~(2 ** first - 1);
};

function bitsIn(pages: number): number {
  let count = 0;
  for (let left = pages; left !== 0; left &= left - 1) count += 1;
  return count;
}
