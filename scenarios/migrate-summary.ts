import type { EventLog, StreamId } from '#core/event-log/event-log';
import { court, entryOf, type Breach } from '#core/laws/judge';
import { laws } from '#core/laws/laws';
import { axesOf, isNotConverging } from '#core/migration/abilities';
import { splitDowntime, type DowntimeStep, type DowntimeSplit } from '#core/migration/downtime';
import { evolve, initialMigration } from '#core/migration/evolve';
import type { Check, MigrationFact } from '#core/migration/facts';
import { foldProgress, noProgress, type RoundSummary } from '#core/migration/progress';
import type { Setback } from '#core/migration/setback';
import { elapsed, instant, millis, type Bytes, type Instant, type Millis } from '#core/units';
import { replicasOf } from './open-migration.ts';
import type { ReplicaPlace } from '#replicator/live/target-place';
import type { EndingKind } from './migrate-step.ts';

/** What a run of a migration came to, from its log alone. */
export interface MigrationSummary {
  readonly ending: EndingKind;
  /** Where the migration stands: `cutOver`, `protected` ... */
  readonly state: string;
  readonly facts: number;
  /** When the first fact happened. */
  readonly began: Instant;
  /** From the first fact to the last. */
  readonly elapsed: Millis;
  /** The latest rounds, oldest first. */
  readonly rounds: readonly RoundSummary[];
  readonly roundsDone: number;
  readonly sent: Bytes;
  readonly zeroed: Bytes;
  /** Of the last cutover, if there was one: from guest stopped to replica verified, or to the source given back. */
  readonly downtime: (DowntimeSplit & { readonly steps: readonly DowntimeStepTime[] }) | null;
  /** Delta rounds keep exceeding the downtime budget: the guest writes faster than the way to the target. */
  readonly isNotConverging: boolean;
  readonly replicas: readonly { readonly disk: string; readonly target: string }[];
  /** What was checked last, if some of it did not pass. */
  readonly failedChecks: readonly Check[];
  /** Why it last stopped or turned back, unless that is behind it. */
  readonly reason: Setback | null;
  /** Laws that the log breaks: mistakes of this program. */
  readonly breaches: readonly Breach[];
  /** What to do now, for a person. */
  readonly next: string;
}

/** One step of the downtime and what it took. */
export interface DowntimeStepTime {
  readonly name: DowntimeStep['name'];
  readonly duration: Millis;
}

/** Sums up a migration as its log has it. */
export async function summaryOf(
  log: Pick<EventLog, 'readStream'>,
  stream: StreamId,
  ending: EndingKind,
  place: ReplicaPlace,
): Promise<MigrationSummary> {
  let state = initialMigration();
  let progress = noProgress;
  let last: Instant | undefined;
  const sitting = court(laws);
  const breaches: Breach[] = [];
  for await (const recorded of log.readStream(stream)) {
    breaches.push(...sitting.take(entryOf(recorded)));
    const { type, data, metadata } = recorded;
    const fact = { type, data } as MigrationFact;
    state = evolve(state, fact, { stream, time: metadata.time });
    progress = foldProgress(progress, fact, metadata.time);
    last = metadata.time;
  }
  // Of a run that goes on, or that another process carries on, only what has happened can be judged.
  breaches.push(...sitting.end(ending !== 'interrupted' && ending !== 'logRefused'));
  const { plan } = state.snapshot.context;
  const { startedAt, downtime } = progress;
  return {
    ending,
    state: axesOf(state).lifecycle,
    facts: state.count,
    began: startedAt ?? instant(0),
    elapsed: startedAt === null || last === undefined ? millis(0) : elapsed(startedAt, last),
    rounds: progress.rounds,
    roundsDone: progress.roundsDone,
    sent: progress.sent,
    zeroed: progress.zeroed,
    downtime:
      downtime === null || downtime.began === null || last === undefined
        ? null
        : { ...splitDowntime(downtime, last), steps: stepTimes(downtime.began, downtime.steps) },
    isNotConverging: isNotConverging(state),
    replicas: plan ? replicasOf(plan, place) : [],
    failedChecks: progress.checks?.checks.filter(({ verdict }) => verdict === 'failed') ?? [],
    reason: progress.reason,
    breaches,
    next: nextFor(ending),
  };
}

function stepTimes(began: Instant, steps: readonly DowntimeStep[]): readonly DowntimeStepTime[] {
  let from = began;
  return steps.map(({ name, ended }) => {
    const duration = elapsed(from, ended);
    from = ended;
    return { name, duration };
  });
}

function nextFor(ending: EndingKind): string {
  switch (ending) {
    case 'cutOver':
      return 'the replicas are verified and may be used; the source is at rest and kept, so there is a way back';
    case 'rolledBack':
      return 'the source is as it was before the cutover; remove the cause and run the same command again: it needs a delta only';
    case 'blocked':
      return 'remove the cause and run the same command again: it goes on where it stopped';
    case 'failed':
      return 'look at the source now: giving it back failed; then run the same command again';
    case 'cancelled':
      return 'the migration was cancelled; its replicas are kept';
    case 'finalized':
      return 'the migration is finalized';
    case 'interrupted':
      return 'run the same command again: it goes on where it stopped';
    case 'logRefused':
      return 'another process carries on this migration, or its log cannot be written to; see to that, then run the same command again';
  }
}
