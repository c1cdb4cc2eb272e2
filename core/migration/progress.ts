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
import type { Check, MigrationFact, MigrationFactOf, MigrationFactType, RoundReport } from './facts.ts';
import { forecastFinalSync } from './forecast.ts';
import { foldSetback, type Setback } from './setback.ts';
import { foldThroughput, noThroughput, type Throughput } from './throughput.ts';

/**
 * What people want to know of a migration and no decision needs: a projection over its facts, beside the chart.
 * It is folded fact by fact like the state, so the same code tells a live run, a recording and any moment of either.
 */
export interface Progress {
  readonly startedAt: Instant | null;
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
  /** Of all rounds together: what is written again and again counts each time. */
  readonly sent: Bytes;
  readonly zeroed: Bytes;
  /** What its first whole copy took of these; null until there is one. From then on the replica has all of the disk. */
  readonly first: { readonly sent: Bytes; readonly zeroed: Bytes } | null;
  /** How often all of it was compared with its replica by digest. */
  readonly rescans: number;
  /** What that found to differ and made equal, of what was sent and zeroed. */
  readonly differed: Bytes;
  /** Whether writes to it are tracked; null before that is known. */
  readonly tracked: boolean | null;
  /** Digest over the replica after its last round, hex. */
  readonly root: string | null;
  /** What was written to it while its last round ran; null where that was told of all disks only. */
  readonly dirty: Bytes | null;
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

/** Rounds kept for the page; more are in the log. */
export const roundsKept = 32;
// Enough that one slow second does not swing the rate, few enough that a rate of a minute ago is forgotten.
const samplesKept = 12;

/** The projection before the first fact. */
export const noProgress: Progress = {
  startedAt: null,
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

/** The projection while one fact is folded in: a copy that nobody else has seen yet. */
type Draft = { -readonly [K in keyof Progress]: Progress[K] };

/**
 * Folds one fact in. Facts of a stream in order; it does not check that they may follow, `evolve` does. The same
 * projection comes back where a fact changes nothing of it, as a third of them do.
 */
export function foldProgress(progress: Progress, fact: MigrationFact, at: Instant): Progress {
  const measure = measures[fact.type] as Measure | undefined;
  const downtime = foldDowntime(progress.downtime, fact, at);
  const reason = foldSetback(progress.reason, fact, at);
  const throughput = foldThroughput(progress.throughput, fact, at);
  const isNews =
    measure !== undefined ||
    downtime !== progress.downtime ||
    reason !== progress.reason ||
    throughput !== progress.throughput ||
    progress.startedAt === null;
  if (!isNews) return progress;
  // Copied once and then written to: logs have millions of facts, and a copy for each concern was most of the fold.
  const next = copyOf(progress);
  measure?.(next, fact, at);
  next.startedAt ??= at;
  next.downtime = downtime;
  next.reason = reason;
  next.throughput = throughput;
  return next;
}

// Member by member: a spread costs several times as much, and makes an object unlike all others.
const copyOf = (progress: Progress): Draft => ({
  startedAt: progress.startedAt,
  downtimeMax: progress.downtimeMax,
  disks: progress.disks,
  planned: progress.planned,
  sent: progress.sent,
  zeroed: progress.zeroed,
  resumed: progress.resumed,
  round: progress.round,
  rounds: progress.rounds,
  roundsDone: progress.roundsDone,
  dirty: progress.dirty,
  consistentAt: progress.consistentAt,
  rate: progress.rate,
  downtime: progress.downtime,
  checks: progress.checks,
  reason: progress.reason,
  throughput: progress.throughput,
});

/** How long the final sync would take if the source stopped now; null before anything was measured. */
export const forecastOf = ({ roundsDone, dirty, rate }: Progress): Millis | null =>
  roundsDone === 0 ? null : forecastFinalSync(dirty, rate ?? bytesPerSecond(0));

/** How far behind its source the replica is at `now`; null before the first full sync. */
export const lagOf = ({ consistentAt }: Progress, now: Instant): Millis | null =>
  consistentAt === null ? null : elapsed(consistentAt, now);

type Measure = (next: Draft, fact: MigrationFact, at: Instant) => void;
type MeasureOf<T extends MigrationFactType> = (next: Draft, fact: MigrationFactOf<T>, at: Instant) => void;

const newDisk = (disk: DiskId, size: Bytes): DiskProgress => ({
  disk,
  size,
  sent: bytes(0),
  zeroed: bytes(0),
  first: null,
  rescans: 0,
  differed: bytes(0),
  tracked: null,
  root: null,
  dirty: null,
});

const endRound = (next: Draft): void => void (next.round = null);

const rescan = (next: Draft): void => void (next.round = beginRound(next.round?.round ?? next.roundsDone, 'rescan'));

const check =
  (of: NonNullable<Progress['checks']>['of']) =>
  (next: Draft, { data }: { readonly data: { readonly checks: readonly Check[] } }): void =>
    void (next.checks = { of, checks: data.checks });

// By type, as all tables here are: a switch would compare a fact's type with each of its names in turn.
const measures: { readonly [T in MigrationFactType]?: MeasureOf<T> } = {
  MigrationDrafted: (next, { data }) => {
    next.downtimeMax = data.plan.downtimeMax;
    next.disks = data.plan.disks.map(({ id, size }) => newDisk(id, size));
  },
  ReplicationInitiated: (next, { data }) => {
    next.disks = next.disks.map((disk) => {
      const { tracked } = data.disks.findLast((one) => one.disk === disk.disk) ?? disk;
      return { ...disk, tracked };
    });
    next.round = beginRound(0, 'full');
  },
  RoundProgressed: (next, { data }, at) => progressed(next, data, at),
  RoundCompleted: (next, { data }, at) => {
    completed(next, data, at);
    next.round = beginRound(data.round + 1, 'delta');
  },
  FinalSyncCompleted: (next, { data }, at) => {
    completed(next, data, at);
    next.round = null;
    next.consistentAt = at;
  },
  RescanRequested: rescan,
  TrackingLost: rescan,
  SourceQuiesced: (next) => {
    next.round = beginRound(nextRound(next), 'final');
  },
  RolledBack: (next) => {
    const lost = next.reason?.fact === 'TrackingLost';
    next.round = beginRound(nextRound(next), lost ? 'rescan' : 'delta');
  },
  VerificationPassed: check('verification'),
  VerificationFailed: check('verification'),
  ReplicaFixedUp: (next, { data }) => {
    next.checks = { of: 'fixUp', checks: data.findings };
  },
  TargetValidated: check('validation'),
  ValidationFailed: check('validation'),
  CancellationRequested: endRound,
  FinalizationRequested: endRound,
  FinalSyncFailed: endRound,
};

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

function progressed(next: Draft, reported: Reported, at: Instant): void {
  const { round: number, done, total, sent } = reported;
  const before = next.round?.round === number ? next.round : beginRound(number, next.round?.kind ?? 'delta');
  const samples = sampled(before.samples, { at, done, sent });
  const { rate, eta } = speedOf(samples, total);
  next.round = {
    round: number,
    kind: before.kind,
    done: max(before.done, done),
    total,
    sent: max(before.sent, sent),
    fraction: Math.max(before.fraction, total === 0 ? 0 : Math.min(1, done / total)),
    rate,
    eta,
    samples,
  };
  next.sent = bytes(next.sent + next.round.sent - before.sent);
}

function sampled(before: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = before.at(-1);
  // A retry counts anew from what is durable: its rate begins anew too, or it would come out negative.
  if (last === undefined || sample.done < last.done) return [sample];
  return appended(before, sample, samplesKept);
}

/** A copy with one more at its end, and at most `most` of the latest. */
function appended<T>(before: readonly T[], item: T, most: number): readonly T[] {
  const after = before.length < most ? before.slice() : before.slice(before.length + 1 - most);
  after.push(item);
  return after;
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

const summaryOf = (report: RoundReport, at: Instant): RoundSummary => ({
  round: report.round,
  kind: report.kind,
  planned: report.planned,
  sent: report.sent,
  zeroed: report.zeroed,
  resumed: report.resumed,
  duration: report.duration,
  rate: report.rate,
  dirty: report.dirty,
  at,
});

function completed(next: Draft, report: RoundReport, at: Instant): void {
  const counted = next.round?.round === report.round ? next.round.sent : bytes(0);
  next.disks = next.disks.map((disk) => diskAfter(disk, report));
  next.planned = bytes(next.planned + report.planned);
  next.sent = bytes(next.sent + Math.max(0, report.sent - counted));
  next.zeroed = bytes(next.zeroed + report.zeroed);
  next.resumed = bytes(next.resumed + report.resumed);
  next.rounds = appended(next.rounds, summaryOf(report, at), roundsKept);
  next.roundsDone += 1;
  next.dirty = report.dirty;
  // What a round copies is the source as it was when the round began.
  next.consistentAt = Math.max(0, at - report.duration) as Instant;
  if (report.sent > 0) next.rate = report.rate;
}

function diskAfter(disk: DiskProgress, { kind, disks }: RoundReport): DiskProgress {
  const part = disks.findLast((one) => one.disk === disk.disk);
  if (!part) return disk;
  const { sent, zeroed, root, dirty } = part;
  // Without tracking nobody knows what changed, so every round but the first compares all of such a disk.
  const isRescan = kind === 'rescan' || (kind !== 'full' && disk.tracked === false);
  return {
    disk: disk.disk,
    size: disk.size,
    tracked: disk.tracked,
    sent: bytes(disk.sent + sent),
    zeroed: bytes(disk.zeroed + zeroed),
    first: disk.first ?? { sent, zeroed },
    rescans: disk.rescans + (isRescan ? 1 : 0),
    differed: bytes(disk.differed + (isRescan ? sent + zeroed : 0)),
    root,
    dirty: dirty ?? null,
  };
}
