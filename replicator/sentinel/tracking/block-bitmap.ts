import { extent, type Extent } from '#core/disk/extent';
import { bytes, KiB, type Bytes } from '#core/units';

/** How finely writes are recorded: as finely as the replicator sends. */
export const grain = 64 * KiB;

/**
 * Which grains of a disk were written. Memory follows what was written: a kilobyte for each 512 MiB with a write in it,
 * so 2 MiB for each TiB at most.
 */
export interface BlockBitmap {
  /** Bytes of the disk in dirty grains; the last grain of a disk may be shorter. */
  readonly dirty: Bytes;
  /** Bytes of memory held. */
  readonly memory: Bytes;
  /** Makes every grain dirty that has a byte of the range in it. What lies beyond the disk is left out. */
  add(start: number, length: number): void;
  /**
   * The dirty extents in `range`, in order, neighbours merged, cut to the range: at most `max` of them, and up to where
   * they tell.
   */
  extents(range: Extent, max: number): { readonly extents: readonly Extent[]; readonly until: number };
}

const chunkBytes = KiB;
const chunkGrains = chunkBytes * 8;

/** A bitmap of a disk of `size` bytes with nothing dirty. */
export function blockBitmap(size: Bytes): BlockBitmap {
  const grains = Math.ceil(size / grain);
  const chunks: (Uint8Array | undefined)[] = Array.from({ length: Math.ceil(grains / chunkGrains) });
  let count = 0;
  let held = 0;
  let lastIsDirty = false;
  const lastGap = grains * grain - size;

  const isDirty = (index: number): boolean => {
    const chunk = chunks[Math.floor(index / chunkGrains)];
    return chunk !== undefined && ((chunk[(index % chunkGrains) >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  };
  const set = (index: number): void => {
    const at = Math.floor(index / chunkGrains);
    let chunk = chunks[at];
    if (chunk === undefined) {
      chunk = new Uint8Array(chunkBytes);
      chunks[at] = chunk;
      held += chunkBytes;
    }
    const byte = (index % chunkGrains) >> 3;
    const was = chunk[byte] ?? 0;
    const is = was | (1 << (index & 7));
    if (is === was) return;
    chunk[byte] = is;
    count += 1;
  };
  /** The first grain from `index` on that is dirty or clean, as asked, before `end`; `end` if there is none. */
  const next = (index: number, end: number, wanted: boolean): number => {
    let at = index;
    while (at < end && isDirty(at) !== wanted) {
      // Whole chunks without a write, and whole bytes of one kind, are passed in one step.
      const chunk = chunks[Math.floor(at / chunkGrains)];
      if (chunk === undefined) at += chunkGrains - (at % chunkGrains);
      else if ((at & 7) === 0 && chunk[(at % chunkGrains) >> 3] === (wanted ? 0 : 0xff)) at += 8;
      else at += 1;
    }
    return Math.min(at, end);
  };
  return {
    get dirty() {
      return bytes(count * grain - (lastIsDirty ? lastGap : 0));
    },
    get memory() {
      return bytes(held);
    },
    add: (start, length) => {
      if (start >= size || length <= 0) return;
      const end = Math.min(grains, Math.ceil((start + length) / grain));
      for (let index = Math.floor(start / grain); index < end; index += 1) set(index);
      if (end === grains) lastIsDirty = true;
    },
    extents: ({ start, length }, max) => {
      const limit = Math.min(size, start + length);
      const end = Math.ceil(limit / grain);
      const extents: Extent[] = [];
      if (limit <= start) return { extents, until: limit };
      let index = Math.floor(start / grain);
      while ((index = next(index, end, true)) < end) {
        if (extents.length === max) return { extents, until: index * grain };
        const after = next(index, end, false);
        const from = Math.max(start, index * grain);
        extents.push(extent(from, Math.min(limit, after * grain) - from));
        index = after;
      }
      return { extents, until: limit };
    },
  };
}
