import type { ProceduralDisk } from '#simulator/block/disk/procedural-disk';
import { sectorSize, type GuestDisk } from '#simulator/endpoints/guest/guest-disk';

// A record of a guest is in one sector, or two.
const around = new Uint8Array(2 * sectorSize);

/** A disk of a machine as its guest uses it. */
export const guestDiskOf = (disk: ProceduralDisk): GuestDisk => ({
  get size() {
    return disk.size;
  },
  read(at, length) {
    const into = new Uint8Array(length);
    disk.read(at, into);
    return into;
  },
  readInto: (at, into) => disk.read(at, into),
  write(at, data) {
    if (disk.patch(at, data)) return;
    const first = Math.floor(at / sectorSize);
    const count = Math.ceil((at + data.length) / sectorSize) - first;
    const length = Math.min(count * sectorSize, disk.size - first * sectorSize);
    // A disk takes whole sectors: what is around the bytes is written again as it is. It takes a copy of them.
    const whole = length <= around.length ? around.subarray(0, length) : new Uint8Array(length);
    disk.read(first * sectorSize, whole);
    whole.set(data, at - first * sectorSize);
    disk.bytes(first, whole);
  },
  scribble: (sector, count) => disk.write(sector, count),
  flush: () => disk.flush(),
  onWrite: (seen) =>
    disk.onWrite(({ start, length }) => seen(Math.floor(start / sectorSize), Math.ceil(length / sectorSize))),
});
