import { extentEnd, type Extent } from '#core/disk/extent';
import { blocksOf } from '#replicator/pipeline/block-set';

/** What was read again of a disk and digested, until its sender has said what of it is the same at the source. */
export interface Rereads {
  keep(range: Extent, digests: BigUint64Array): void;
  /** The digests of a range; undefined if it was not read again, or too long ago. */
  of(range: Extent): BigUint64Array | undefined;
}

// A sender has one segment under way and one planned. A segment has 128 KiB of digests.
const rereadsMax = 4;

/** Of a disk of `size` bytes, nothing yet. */
export function rereads(size: number): Rereads {
  let all: readonly { readonly range: Extent; readonly digests: BigUint64Array }[] = [];
  return {
    keep: (range, digests) => {
      all = [{ range, digests }, ...all].slice(0, rereadsMax);
    },
    of: (range) => {
      const held = all.find(({ range: at }) => at.start <= range.start && extentEnd(at) >= extentEnd(range));
      if (!held) return undefined;
      const { first, end } = blocksOf(range, size);
      const skipped = first - blocksOf(held.range, size).first;
      return held.digests.slice(skipped, skipped + end - first);
    },
  };
}
