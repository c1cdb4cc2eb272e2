import { alignDown, KiB, MiB, type Bytes, type BytesPerSecond } from '#core/units';
import type { GuestPlan } from './guest-init.ts';

/** What decides how the guest writes. */
export interface GuestLoad {
  readonly diskSize: Bytes;
  readonly disks: readonly string[];
  readonly bytesPerSecond: BytesPerSecond;
  readonly seed: number;
}

/** The slowest rate a plan can ask for: below it, one write of the smallest size is too long to wait for. */
export const bytesPerSecondMin = 4 * KiB;
/** The fastest rate: beyond it, software emulation spends the host's time and not the guest's. */
export const bytesPerSecondMax = 256 * MiB;

/** Noise the guest cuts its content from. Any slice of it is incompressible. */
export const noiseBytes = 1 * MiB;

const page = 4 * KiB;
const chunkMax = 64 * KiB;
const pauseShortest = 20; // Long against the fork of a dd in software emulation, short against a round.
const perSecond = 100; // The guest's clock counts in hundredths.

/** Where ext4 ends and the raw area begins: the middle of the disk. */
export const fileSystemBytes = (diskSize: Bytes): number => alignDown(diskSize / 2, MiB);

/** How the guest keeps to its rate: a fixed amount per heartbeat, and the next one not before it is due. */
export function guestPlan({ diskSize, disks, bytesPerSecond, seed }: GuestLoad): GuestPlan {
  const rawStart = fileSystemBytes(diskSize);
  const perPause = (bytesPerSecond * pauseShortest) / perSecond;
  // Half of it files, half raw, each in whole pages.
  const chunk = Math.min(chunkMax, Math.max(page, alignDown(perPause / 2, page)));
  const steps = Math.max(1, Math.floor(perPause / (2 * chunk)));
  return {
    seed,
    disks,
    rawStart,
    rawLength: diskSize - rawStart,
    chunk,
    steps,
    // A quarter of the file system at most: it never fills up.
    files: Math.min(256, Math.floor(rawStart / 4 / chunk)),
    noiseBytes,
    pause: Math.ceil((2 * chunk * steps * perSecond) / bytesPerSecond),
  };
}
