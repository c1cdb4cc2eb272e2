import type { DiskId } from '#core/ids';
import {
  bytes,
  bytesPerSecond,
  elapsed,
  millis,
  type Bytes,
  type BytesPerSecond,
  type Instant,
  type Millis,
} from '#core/units';
import { foldDowntime, type Downtime } from './downtime.ts';
import type { Check, MigrationFact, RoundReport } from './facts.ts';
import { forecastFinalSync } from './forecast.ts';
import type { MigrationPlan } from './plan.ts';
import { foldThroughput, noThroughput, type Throughput } from './throughput.ts';

/**
 * What people want to know of a migration and no decision needs: a projection over its facts, beside the chart.
 * It is folded fact by fact like the state, so the same code tells a live run, a recording and any moment of either.
 */
export interface Progress {
  readonly startedAt: Instant | null;
  readonly lastAt: Instant | null;
  /** The axis that decides what a duration means is the chart's; this only knows what was planned. */
  readonly downtimeMax: Millis | null;
  readonly disks: readonly DiskProgress[];
  /** Of all rounds that were completed, and of the one that runs. */
  readonly planned: Bytes;
  readonly sent: Bytes;
  readonly zeroed: Bytes;
  readonly resumed: Bytes;
  readonly round: RoundInProgress | null;
  /** The latest completed rounds, oldest first, at most `roundsKept`. */
  readonly rounds: readonly RoundSummary[];
  readonly roundsDone: number;
  /** What is known to differ between source and replica, as of the last completed round. */
  readonly dirty: Bytes;
  /** The moment of the source that the replica shows; null before the first full sync. */
  readonly consistentAt: Instant | null;
  /** The rate of the last round that moved anything. */
  readonly rate: BytesPerSecond | null;
  readonly downtime: Downtime | null;
  /** What was checked last: at the source, on the replica or at the target. */
  readonly checks: { readonly of: 'verification' | 'fixUp' | 'validation'; readonly checks: readonly Check[] } | null;
  /** Why it last stopped or turned back; null once that is behind it. */
  readonly reason: Setback | null;
  readonly throughput: Throughput;
}

/** One disk, as of the last completed round: reports of a running round are for all disks together. */
export interface DiskProgress {
  readonly disk: DiskId;
  readonly size: Bytes;
  readonly sent: Bytes;
  readonly zeroed: Bytes;
  /** Whether writes to it are tracked; null before that is known. */
  readonly tracked: boolean | null;
  /** Digest over the replica after its last round, hex. */
  readonly root: string | null;
}

/** The round that runs. `fraction` never falls while it does, though a retry begins a little behind. */
export interface RoundInProgress {
  readonly round: number;
  readonly kind: RoundReport['kind'];
  readonly done: Bytes;
  readonly total: Bytes;
  readonly sent: Bytes;
  readonly fraction: number;
  readonly rate: BytesPerSecond | null;
  /** Time left at the present rate; null while that cannot be told. */
  readonly eta: Millis | null;
  readonly samples: readonly Sample[];
}

interface Sample {
  readonly at: Instant;
  readonly done: Bytes;
  readonly sent: Bytes;
}

/** A round that was completed. */
export type RoundSummary = Omit<RoundReport, 'disks'> & { readonly at: Instant };

/** Something that stopped or turned back a migration. */
export interface Setback {
  readonly fact: MigrationFact['type'];
  readonly detail: string;
  readonly at: Instant;
}

/** Rounds kept for the page; more are in the log. */
export const roundsKept = 32;
// Enough that one slow second does not swing the rate, few enough that a rate of a minute ago is forgotten.
const samplesKept = 12;

/** The projection before the first fact. */
export const noProgress: Progress = {
  startedAt: null,
  lastAt: null,
  downtimeMax: null,
  disks: [],
  planned: bytes(0),
  sent: bytes(0),
  zeroed: bytes(0),
  resumed: bytes(0),
  round: null,
  rounds: [],
  roundsDone: 0,
  dirty: bytes(0),
  consistentAt: null,
  rate: null,
  downtime: null,
  checks: null,
  reason: null,
  throughput: noThroughput,
};

/** Folds one fact in. Facts of a stream in order; it does not check that they may follow, `evolve` does. */
export function foldProgress(progress: Progress, fact: MigrationFact, at: Instant): Progress {
  return {
    ...foldMeasures(progress, fact, at),
    startedAt: progress.startedAt ?? at,
    lastAt: at,
    downtime: foldDowntime(progress.downtime, fact, at),
    checks: checksIn(fact) ?? progress.checks,
    reason: foldSetback(progress.reason, fact, at),
    throughput: foldThroughput(progress.throughput, fact, at),
  };
}

/** How long the final sync would take if the source stopped now; null before anything was measured. */
export const forecastOf = ({ roundsDone, dirty, rate }: Progress): Millis | null =>
  roundsDone === 0 ? null : forecastFinalSync(dirty, rate ?? bytesPerSecond(0));

/** How far behind its source the replica is at `now`; null before the first full sync. */
export const lagOf = ({ consistentAt }: Progress, now: Instant): Millis | null =>
  consistentAt === null ? null : elapsed(consistentAt, now);

function foldMeasures(progress: Progress, fact: MigrationFact, at: Instant): Progress {
  switch (fact.type) {
    case 'MigrationDrafted':
      return drafted(progress, fact.data.plan);
    case 'ReplicationInitiated': {
      const tracked = new Map(fact.data.disks.map((disk) => [disk.disk, disk.tracked]));
      const disks = progress.disks.map((disk) => ({ ...disk, tracked: tracked.get(disk.disk) ?? disk.tracked }));
      return { ...progress, disks, round: beginRound(0, 'full') };
    }
    case 'RoundProgressed':
      return progressed(progress, fact.data, at);
    case 'RoundCompleted':
      return { ...completed(progress, fact.data, at), round: beginRound(fact.data.round + 1, 'delta') };
    case 'FinalSyncCompleted':
      return { ...completed(progress, fact.data, at), round: null, consistentAt: at };
    case 'RescanRequested':
    case 'TrackingLost':
      return { ...progress, round: beginRound(progress.round?.round ?? progress.roundsDone, 'rescan') };
    case 'SourceQuiesced':
      return { ...progress, round: beginRound(nextRound(progress), 'final') };
    case 'RolledBack': {
      const lost = progress.reason?.fact === 'TrackingLost';
      return { ...progress, round: beginRound(nextRound(progress), lost ? 'rescan' : 'delta') };
    }
    case 'CancellationRequested':
    case 'FinalizationRequested':
    case 'FinalSyncFailed':
      return { ...progress, round: null };
    default:
      return progress;
  }
}

const drafted = (progress: Progress, { disks, downtimeMax }: MigrationPlan): Progress => ({
  ...progress,
  downtimeMax,
  disks: disks.map(({ id, size }) => ({ disk: id, size, sent: bytes(0), zeroed: bytes(0), tracked: null, root: null })),
});

const nextRound = ({ round, rounds }: Progress): number => round?.round ?? (rounds.at(-1)?.round ?? -1) + 1;

const beginRound = (round: number, kind: RoundReport['kind']): RoundInProgress => ({
  round,
  kind,
  done: bytes(0),
  total: bytes(0),
  sent: bytes(0),
  fraction: 0,
  rate: null,
  eta: null,
  samples: [],
});

type Reported = { readonly round: number; readonly done: Bytes; readonly total: Bytes; readonly sent: Bytes };

function progressed(progress: Progress, reported: Reported, at: Instant): Progress {
  const { round: number, done, total, sent } = reported;
  const before =
    progress.round?.round === number ? progress.round : beginRound(number, progress.round?.kind ?? 'delta');
  const last = before.samples.at(-1);
  // A retry counts anew from what is durable: its rate begins anew too, or it would come out negative.
  const restarted = last !== undefined && done < last.done;
  const samples = [...(restarted ? [] : before.samples), { at, done, sent }].slice(-samplesKept);
  const fraction = Math.max(before.fraction, total === 0 ? 0 : Math.min(1, done / total));
  const { rate, eta } = speedOf(samples, total);
  const round = {
    ...before,
    done: max(before.done, done),
    total,
    sent: max(before.sent, sent),
    fraction,
    rate,
    eta,
    samples,
  };
  return { ...progress, round, sent: bytes(progress.sent + round.sent - before.sent) };
}

const max = (a: Bytes, b: Bytes): Bytes => (a > b ? a : b);

function speedOf(samples: readonly Sample[], total: Bytes): Pick<RoundInProgress, 'rate' | 'eta'> {
  const [first, last] = [samples.at(0), samples.at(-1)];
  const time = first && last ? elapsed(first.at, last.at) : 0;
  if (!first || !last || time === 0) return { rate: null, eta: null };
  const donePerMs = (last.done - first.done) / time;
  return {
    rate: bytesPerSecond(Math.round((Math.max(0, last.sent - first.sent) / time) * 1000)),
    // Zero blocks are done at once and cost no link, so what is left is judged by what gets done and not by what is sent.
    eta: donePerMs > 0 ? millis(Math.round(Math.max(0, total - last.done) / donePerMs)) : null,
  };
}

function completed(progress: Progress, report: RoundReport, at: Instant): Progress {
  const { disks: reports, ...summary } = report;
  const counted = progress.round?.round === report.round ? progress.round.sent : bytes(0);
  const byDisk = new Map(reports.map((disk) => [disk.disk, disk]));
  return {
    ...progress,
    disks: progress.disks.map((disk) => {
      const part = byDisk.get(disk.disk);
      if (!part) return disk;
      return { ...disk, sent: bytes(disk.sent + part.sent), zeroed: bytes(disk.zeroed + part.zeroed), root: part.root };
    }),
    planned: bytes(progress.planned + report.planned),
    sent: bytes(progress.sent + Math.max(0, report.sent - counted)),
    zeroed: bytes(progress.zeroed + report.zeroed),
    resumed: bytes(progress.resumed + report.resumed),
    rounds: [...progress.rounds, { ...summary, at }].slice(-roundsKept),
    roundsDone: progress.roundsDone + 1,
    dirty: report.dirty,
    // What a round copies is the source as it was when the round began.
    consistentAt: Math.max(0, at - report.duration) as Instant,
    rate: report.sent > 0 ? report.rate : progress.rate,
  };
}

function checksIn(fact: MigrationFact): Progress['checks'] {
  switch (fact.type) {
    case 'VerificationPassed':
    case 'VerificationFailed':
      return { of: 'verification', checks: fact.data.checks };
    case 'ReplicaFixedUp':
      return { of: 'fixUp', checks: fact.data.findings };
    case 'TargetValidated':
    case 'ValidationFailed':
      return { of: 'validation', checks: fact.data.checks };
    default:
      return null;
  }
}

// After these a setback is behind the migration. RolledBack is not among them: why it turned back still matters.
const overcomes: ReadonlySet<MigrationFact['type']> = new Set([
  'VerificationRequested',
  'VerificationPassed',
  'ReplicationResumed',
  'RoundProgressed',
  'RoundCompleted',
  'TestLaunched',
  'CutoverStarted',
  'TargetValidated',
  'ValidationWaived',
  'OutcomeReconciled',
  'OutcomeDecided',
  'SourceReleased',
  'SourceRetired',
]);

function foldSetback(reason: Setback | null, fact: MigrationFact, at: Instant): Setback | null {
  const detail = setbackIn(fact);
  if (detail !== null) return { fact: fact.type, detail, at };
  return overcomes.has(fact.type) ? null : reason;
}

function setbackIn(fact: MigrationFact): string | null {
  switch (fact.type) {
    case 'VerificationFailed':
    case 'ValidationFailed':
      return fact.data.checks
        .filter(({ verdict }) => verdict === 'failed')
        .map(({ message }) => message)
        .join('; ');
    case 'ReplicationStalled':
    case 'ReplicationDisconnected':
    case 'TestLaunchFailed':
    case 'QuiesceRefused':
    case 'FinalSyncFailed':
    case 'FencingFailed':
    case 'FixUpFailed':
    case 'LaunchFailed':
    case 'ConnectionFailed':
    case 'RollbackFailed':
    case 'ReleaseFailed':
    case 'RetirementFailed':
      return fact.data.reason.detail;
    case 'TrackingLost':
      return fact.data.detail;
    case 'ReplicationPaused':
    case 'RescanRequested':
    case 'RollbackRequested':
    case 'CutoverRevoked':
    case 'CancellationRequested':
      return fact.data.reason;
    case 'TestJudged':
      return fact.data.verdict === 'failed' ? fact.data.note : null;
    case 'OutcomeUnknown':
    case 'OutcomeUndecidable':
      return fact.data.why;
    default:
      return null;
  }
}
