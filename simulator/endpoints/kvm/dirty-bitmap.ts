import { addMerged } from '#simulator/block/disk/disk-content';
import { extent, extentEnd, type Extent } from '#core/disk/extent';

/** A dirty bitmap of QEMU: which grains of one block node were written while it was recording. */
export interface DirtyBitmap {
  readonly name: string;
  readonly granularity: number;
  readonly isPersistent: boolean;
  recording: boolean;
  /** By how many exports it is read: then it can neither be changed nor removed. */
  readers: number;
  /** It was not stored when QEMU ended: what it says means nothing. */
  inconsistent: boolean;
  record(range: Extent): void;
  /** Bytes in grains that were written; the last grain counts whole. */
  count(): number;
  /** What was written, of a node of this size. */
  extents(size: number): readonly Extent[];
  clear(): void;
}

/**
 * Makes a bitmap that records.
 * @source QEMU 7.2, docs/interop/bitmaps.rst: a bit stands for a grain, any part of which may have changed
 */
export function dirtyBitmap(name: string, granularity: number, isPersistent: boolean): DirtyBitmap {
  const grains = new Set<number>();
  const bitmap: DirtyBitmap = {
    name,
    granularity,
    isPersistent,
    recording: true,
    readers: 0,
    inconsistent: false,
    record(range) {
      if (!bitmap.recording) return;
      const last = Math.floor((extentEnd(range) - 1) / granularity);
      for (let grain = Math.floor(range.start / granularity); grain <= last; grain += 1) grains.add(grain);
    },
    count: () => grains.size * granularity,
    extents(size) {
      const found: Extent[] = [];
      for (const grain of [...grains].toSorted((one, other) => one - other)) {
        const start = grain * granularity;
        if (start < size) addMerged(found, extent(start, Math.min(granularity, size - start)));
      }
      return found;
    },
    clear: () => grains.clear(),
  };
  return bitmap;
}
