import type { ProceduralDisk } from '#simulator/block/disk/procedural-disk';
import { sectorSize, type GuestDisk } from '#simulator/endpoints/guest/guest-disk';

/** A disk of a machine as its guest uses it. */
export const guestDiskOf = (disk: ProceduralDisk): GuestDisk => ({
  get size() {
    return disk.size;
  },
  read: (at, length) => contentOf(disk, at, length),
  write(at, data) {
    const first = Math.floor(at / sectorSize);
    const count = Math.ceil((at + data.length) / sectorSize) - first;
    // A disk takes whole sectors: what is around the bytes is written again as it is.
    const whole = contentOf(disk, first * sectorSize, Math.min(count * sectorSize, disk.size - first * sectorSize));
    whole.set(data, at - first * sectorSize);
    disk.bytes(first, whole);
  },
  scribble: (sector, count) => disk.write(sector, count),
  flush: () => disk.flush(),
  onWrite: (seen) =>
    disk.onWrite(({ start, length }) => seen(Math.floor(start / sectorSize), Math.ceil(length / sectorSize))),
});

function contentOf(disk: ProceduralDisk, at: number, length: number): Uint8Array {
  const into = new Uint8Array(length);
  disk.read(at, into);
  return into;
}
