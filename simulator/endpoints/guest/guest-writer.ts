import type { Rng } from '#core/rng';
import { after, millis, ratio } from '#core/units';
import { settledNothing, type SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { Scheduled } from '#simulator/kernel/event-queue';
import { sectorSize, type GuestDisk } from './guest-disk.ts';
import { firstFreeSector } from './ledger.ts';

/** What a guest writes while it is in service: records it promises to keep, and much that means nothing. */
export interface GuestWriter {
  go(): void;
  stop(): void;
}

interface WriterOptions {
  readonly disks: readonly GuestDisk[];
  readonly clock: Pick<SimulatedClock, 'now' | 'schedule'>;
  readonly rng: Rng;
  readonly writesPerMinute: number;
  /** Whether it is in service just now. */
  readonly isWriting: () => boolean;
  readonly append: () => void;
}

// Most of what a guest writes is no record.
const recordShare = ratio(1, 3);
const countMax = 4;

/**
 * Writes at a rate, with as much chance in it as leaves the rate as it is.
 * @differs Writes come one by one, spread over the time and over all of a disk that holds no records; a real guest writes in bursts and some places more than others.
 */
export function guestWriter({ disks, clock, rng, writesPerMinute, isWriting, append }: WriterOptions): GuestWriter {
  const own = rng.fork('writes');
  let next: Scheduled | undefined;
  const isAny = writesPerMinute > 0;
  const write = (): void => {
    if (own.chance(recordShare)) return append();
    const disk = own.pick(disks);
    const first = firstFreeSector(disk);
    const end = disk.size / sectorSize;
    if (first >= end) return append();
    const sector = own.between(first, end - 1);
    disk.scribble(sector, Math.min(own.between(1, countMax), end - sector));
  };
  const arm = (): void => {
    const mean = Math.max(1, Math.round(60_000 / writesPerMinute));
    const wait = own.between(1, Math.max(1, 2 * mean - 1));
    next = clock.schedule(after(clock.now(), millis(wait)), () => {
      if (isWriting()) write();
      arm();
      // Whoever hears of writes takes note of them, and acts on them when it looks.
      return settledNothing;
    });
  };
  return { go: () => void (isAny && arm()), stop: () => next?.cancel() };
}
