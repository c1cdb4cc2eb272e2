import { bytes, elapsed, type Bytes, type Instant } from '#core/units';
import type { PipelineTally } from './pipeline.ts';
import type { ReplicationJob, RoundReport } from './replication.ts';

/** What is known of a round besides what its pipeline counted. */
export interface RoundFacts {
  readonly job: ReplicationJob;
  readonly size: Bytes;
  readonly root: string;
  readonly bytesOnWire: number;
  readonly openedAt: Instant;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
}

/** The report of a round that is complete. */
export function reportOf(facts: RoundFacts, tally: PipelineTally): RoundReport {
  const { session, disk, round, mode } = facts.job;
  return {
    session,
    disk,
    round,
    mode,
    size: facts.size,
    bytesRead: bytes(tally.read),
    bytesSent: bytes(tally.sent),
    bytesOnWire: bytes(facts.bytesOnWire),
    bytesZeroed: bytes(tally.zeroed),
    bytesSame: bytes(tally.same),
    bytesResumed: bytes(tally.resumed),
    root: facts.root,
    openedAt: facts.openedAt,
    duration: elapsed(facts.startedAt, facts.endedAt),
  };
}

/** Two runs of one round, told as one: what the first did and the connection lost, and what the second did. */
export const addTallies = (first: PipelineTally, second: PipelineTally): PipelineTally => ({
  read: first.read + second.read,
  sent: first.sent + second.sent,
  zeroed: first.zeroed + second.zeroed,
  same: first.same + second.same,
  resumed: second.resumed,
  done: second.done,
});

/** What nothing came to. */
export const emptyTally: PipelineTally = { read: 0, sent: 0, zeroed: 0, same: 0, resumed: 0, done: 0 };
