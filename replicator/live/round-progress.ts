import type { Clock } from '#core/clock';
import type { DiskId } from '#core/ids';
import type { RoundProgress } from '#core/migration/facts';
import { bytes, elapsed, seconds, type Instant, type Round } from '#core/units';
import type { RoundProgress as DiskProgress } from '#replicator/pipeline/replication';

/** How far a round is over all its disks, said now and then. */
export interface RoundProgressReporter {
  /** Takes what one disk says of itself. Numbers of a disk only grow. */
  take(disk: DiskId, progress: DiskProgress): void;
}

/** Which round, and what was said of it before. */
export interface RoundProgressOptions {
  readonly round: Round;
  readonly disks: readonly DiskId[];
  readonly clock: Clock;
  /** How far a round was said to be before this process took it up: nothing less is said of the same one. */
  readonly said?: Pick<RoundProgress, 'round' | 'done'> | null;
}

// Each is a fact on stable storage: one a second shows a person that it moves, and ten hours of it are 36,000 facts.
const reportEvery = seconds(1);

/**
 * Adds up the disks of one round. Nothing is said before every disk has said how much it has to do: a total that grows
 * would turn progress back.
 */
export function roundProgress(
  { round, disks, clock, said = null }: RoundProgressOptions,
  report: (progress: RoundProgress) => void,
): RoundProgressReporter {
  const latest = new Map<DiskId, DiskProgress>();
  let lastAt: Instant | undefined;
  let lastDone = said?.round === round ? said.done : -1;
  return {
    take: (disk, progress) => {
      latest.set(disk, progress);
      const now = clock.now();
      if (latest.size < disks.length || (lastAt !== undefined && elapsed(lastAt, now) < reportEvery)) return;
      const sum = (of: (one: DiskProgress) => number): number =>
        [...latest.values()].reduce((total, one) => total + of(one), 0);
      const done = sum((one) => one.done);
      if (done <= lastDone) return;
      lastAt = now;
      lastDone = done;
      report({ round, done: bytes(done), total: bytes(sum((one) => one.total)), sent: bytes(sum((one) => one.sent)) });
    },
  };
}
