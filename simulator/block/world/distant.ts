import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import { extent, type Extent } from '#core/disk/extent';
import { err } from '#core/result';

/** A disk that is read over a way: each call takes a moment, and ranges may fail to be read. */
export const distant = (
  next: BlockDevice,
  later: () => Promise<void>,
  fails: (range: Extent) => DeviceError | undefined,
): BlockDevice => ({
  blockSize: next.blockSize,
  size: next.size,
  can: next.can,
  read: async (at, into) => {
    await later();
    const failure = fails(extent(at, into.length));
    return failure ? err(failure) : next.read(at, into);
  },
  write: async (at, data) => {
    await later();
    return next.write(at, data);
  },
  zero: async (at, length) => {
    await later();
    return next.zero(at, length);
  },
  extents: async (range) => {
    await later();
    return next.extents(range);
  },
  flush: async () => {
    await later();
    return next.flush();
  },
  close: () => next.close(),
});
