import { invariant } from '#core/invariant';
import { extent, extentEnd, type Extent } from '#core/disk/extent';
import { blocksIn, grain } from './digest.ts';

/*
 * Which blocks of a disk are settled.
 *
 * One bit per block in pages of 1,024 blocks. A page that is full is one shared value, so a sync in order needs a
 * handful of pages, and a scattered one 128 bytes per 64 MiB.
 */

/** A set of blocks of one disk. */
export interface BlockSet {
  /** Blocks in the set. */
  readonly count: number;
  /** Adds whole blocks. The extent starts at a block and ends at one or at the end of the disk. */
  add(range: Extent): void;
  /** Takes whole blocks out, whether they are in or not. */
  remove(range: Extent): void;
  /** The parts of `range` that are in the set, in order, joined where they touch. */
  within(range: Extent): readonly Extent[];
}

const blocksPerPage = 1_024;
const full = new Uint8Array(blocksPerPage / 8).fill(0xff);

const placeOf = (block: number): { readonly number: number; readonly inPage: number } => ({
  number: Math.floor(block / blocksPerPage),
  inPage: block % blocksPerPage,
});

/** An empty set for a disk of `size` bytes. */
export function blockSet(size: number): BlockSet {
  const pages = new Map<number, Uint8Array>();
  const counts = new Map<number, number>();
  let count = 0;
  const has = (block: number): boolean => {
    const page = pages.get(Math.floor(block / blocksPerPage));
    const inPage = block % blocksPerPage;
    return page !== undefined && ((page[inPage >> 3] ?? 0) & (1 << (inPage & 7))) !== 0;
  };
  const addBlock = (block: number): void => {
    if (has(block)) return;
    const { number, inPage } = placeOf(block);
    const page = pages.get(number) ?? new Uint8Array(full.length);
    page[inPage >> 3] = (page[inPage >> 3] ?? 0) | (1 << (inPage & 7));
    const held = (counts.get(number) ?? 0) + 1;
    counts.set(number, held);
    pages.set(number, held === blocksPerPage ? full : page);
    count += 1;
  };
  const removeBlock = (block: number): void => {
    const { number, inPage } = placeOf(block);
    const held = pages.get(number);
    if (!held || !has(block)) return;
    // The page that is full is everyone's.
    const page = held === full ? full.slice() : held;
    page[inPage >> 3] = (page[inPage >> 3] ?? 0) & ~(1 << (inPage & 7));
    pages.set(number, page);
    counts.set(number, (counts.get(number) ?? 0) - 1);
    count -= 1;
  };
  const addPage = (number: number): void => {
    count += blocksPerPage - (counts.get(number) ?? 0);
    counts.set(number, blocksPerPage);
    pages.set(number, full);
  };
  return {
    get count() {
      return count;
    },
    add: (range) => {
      const { first, end } = blocksOf(range, size);
      for (let block = first; block < end;) {
        if (block % blocksPerPage === 0 && end - block >= blocksPerPage) {
          addPage(block / blocksPerPage);
          block += blocksPerPage;
        } else {
          addBlock(block);
          block += 1;
        }
      }
    },
    remove: (range) => {
      const { first, end } = blocksOf(range, size);
      for (let block = first; block < end; block += 1) removeBlock(block);
    },
    within: (range) => {
      const { first, end } = blocksOf(range, size);
      const found: Extent[] = [];
      let start = -1;
      for (let block = first; block <= end; block += 1) {
        const present = block < end && has(block);
        if (present && start < 0) start = block;
        if (!present && start >= 0) {
          found.push(extent(start * grain, Math.min(size, block * grain) - start * grain));
          start = -1;
        }
      }
      return found;
    },
  };
}

/** The blocks of an extent that consists of whole ones. */
export function blocksOf(range: Extent, size: number): { readonly first: number; readonly end: number } {
  const end = extentEnd(range);
  invariant(range.start % grain === 0, `${range.start} is not the start of a block`);
  invariant(end % grain === 0 || end === size, `${end} is not the end of a block of a disk of ${size} bytes`);
  return { first: range.start / grain, end: blocksIn(end) };
}
