import type { MigrationId } from '#core/ids';
import { instant, type Instant } from '#core/units';
import { factIn, type RecordedMigration } from './recorded-run.ts';

/*
 * How fast bytes crossed, as a log has it. A round says how far it is now and then, and at its end how fast it was; what
 * several of them did at once shows what they share.
 */

/** A stretch of time in which one migration moved bytes at one rate, in bytes per second. */
export interface Stretch {
  readonly from: Instant;
  readonly to: Instant;
  readonly rate: number;
  /** Nothing else than moving bytes is in it: it neither begins nor ends a round. */
  readonly isWhole: boolean;
}

/** From and to, both included; bytes per second. */
export interface RateRange {
  readonly low: number;
  readonly high: number;
}

/** What the rounds of one migration did by themselves. */
export interface OwnRate extends RateRange {
  readonly stretches: number;
}

/** What the rounds of a log showed. */
export interface ObservedRates {
  /** What each migration's stream did while nothing that it shares was full. */
  readonly own: ReadonlyMap<MigrationId, OwnRate>;
  /** The fastest that a stream of each migration ever was, alone or not. */
  readonly fastest: ReadonlyMap<MigrationId, number>;
  /** What all together moved at most, and how many streams that were; null where there were never two at once. */
  readonly shared: (RateRange & { readonly streams: number }) | null;
}

// Less than this says more of how long it takes to begin than of how fast it is then.
const shortest = 1_000;
// While a full sync runs, its pace is what gets done: zero blocks cost no link. So much of that crosses in the flow world.
const sentOfDone = 19 / 20;

/** When a migration moved bytes, and how fast. */
export function stretchesOf({ history }: RecordedMigration): readonly Stretch[] {
  const stretches: Stretch[] = [];
  const isFull = history.every(({ type }) => type !== 'RoundCompleted');
  const add = (from: Instant, to: Instant, moved: number, isWhole: boolean): void => {
    if (to <= from || moved <= 0) return;
    stretches.push({ from, to, isWhole, rate: Math.round((moved * 1_000) / (to - from)) });
  };
  let last: Mark = { round: 0, at: instant(0), done: 0, sent: 0, isFresh: true };
  for (const recorded of history) {
    const fact = factIn(recorded);
    const at = recorded.metadata.time;
    if (begins.has(fact.type)) last = { ...last, at, isFresh: true };
    if (fact.type === 'RoundProgressed') {
      const { round, done, sent } = fact.data;
      const before = last.round === round ? last : { ...last, done: 0, sent: 0 };
      const moved = isFull ? (done - before.done) * sentOfDone : sent - before.sent;
      add(before.at, at, moved, !before.isFresh);
      last = { round, at, done, sent, isFresh: false };
    } else if (fact.type === 'RoundCompleted' || fact.type === 'FinalSyncCompleted') {
      const { round, kind, planned, sent, rate } = fact.data;
      const left = (planned - last.done) * (kind === 'full' ? sentOfDone : 1);
      if (last.round === round && last.done > 0) add(last.at, at, left, false);
      else if (rate > 0) add(instant(Math.max(0, at - Math.round((sent * 1_000) / rate))), at, sent, true);
      last = { round: round + 1, at, done: 0, sent: 0, isFresh: true };
    }
  }
  const long = stretches.filter(({ from, to }) => to - from >= shortest);
  return long.length > 0 ? long : stretches;
}

/** How far a round was when it was last heard of. Fresh: when it was begun or taken up again. */
interface Mark {
  readonly round: number;
  readonly at: Instant;
  readonly done: number;
  readonly sent: number;
  readonly isFresh: boolean;
}

// After these a round begins, or goes on.
const begins: ReadonlySet<string> = new Set([
  ...['ReplicationInitiated', 'DeadlinePassed', 'ReplicationResumed', 'CutoverStarted', 'SourceQuiesced'],
  ...['RolledBack', 'TrackingLost', 'RescanRequested', 'ReplicationDisconnected', 'ReplicationStalled'],
]);

/** What all rounds of a run showed. */
export function observedRates(migrations: readonly RecordedMigration[]): ObservedRates {
  const stretches = new Map(migrations.map((migration) => [migration.id, stretchesOf(migration)]));
  const totals = totalsOf([...stretches.values()].flat());
  const together = totals.filter(({ streams }) => streams > 1);
  // Stretches that do not begin and end together add up to more than there ever was, for moments.
  const [low, high] = [quantile(together.map(weighted), 0.75), quantile(together.map(weighted), 0.95)];
  const streams = Math.max(0, ...together.map((total) => total.streams));
  const shared = low === undefined || high === undefined ? null : { low, high: Math.max(high, low * 1.1), streams };
  const own = new Map<MigrationId, OwnRate>();
  const known = knownUntil(migrations);
  const isFree = (each: Stretch): boolean =>
    shared === null || (each.to <= known && !isCrowded(each, totals, shared.low));
  for (const [migration, all] of stretches) {
    const free = all.filter((each) => each.isWhole && isFree(each));
    const [least, most] = [quantile(free.map(weighted), 0.25), quantile(free.map(weighted), 0.9)];
    if (least !== undefined && most !== undefined)
      own.set(migration, { low: least, high: most, stretches: free.length });
  }
  const fastest = new Map(
    [...stretches].flatMap(([migration, all]) => {
      const rates = all.flatMap(({ rate, isWhole }) => (isWhole ? [rate] : []));
      return rates.length === 0 ? [] : [[migration, Math.max(...rates)] as const];
    }),
  );
  return { own, fastest, shared };
}

const weighted = ({ from, to, rate }: Pick<Stretch, 'from' | 'to' | 'rate'>) => ({ value: rate, weight: to - from });

/** Of rounds that run at the end of a log nobody knows how much they moved since they were heard of last. */
const knownUntil = (migrations: readonly RecordedMigration[]): number =>
  Math.min(
    ...migrations
      .filter(({ state }) => state.work.some(({ effect }) => 'round' in effect.params))
      .map(({ history }) => history.at(-1)?.metadata.time ?? Infinity),
  );

interface Total {
  readonly from: Instant;
  readonly to: Instant;
  readonly rate: number;
  readonly streams: number;
}

/** What all streams together did, from change to change. */
function totalsOf(stretches: readonly Stretch[]): readonly Total[] {
  const changes = stretches
    .flatMap(({ from, to, rate }) => [
      { at: from, rate, streams: 1 },
      { at: to, rate: -rate, streams: -1 },
    ])
    .sort((a, b) => a.at - b.at);
  const totals: Total[] = [];
  let [rate, streams] = [0, 0];
  let since = changes[0]?.at ?? instant(0);
  for (const change of changes) {
    if (change.at > since && streams > 0) totals.push({ from: since, to: change.at, rate, streams });
    since = change.at;
    rate += change.rate;
    streams += change.streams;
  }
  return totals;
}

/** Whether for most of its time others moved bytes too, and all together about as much as they ever did. */
function isCrowded({ from, to }: Stretch, totals: readonly Total[], full: number): boolean {
  let crowded = 0;
  for (const total of totals) {
    if (total.streams < 2 || total.rate < 0.9 * full) continue;
    crowded += Math.max(0, Math.min(to, total.to) - Math.max(from, total.from));
  }
  return crowded > (to - from) / 2;
}

/** The value that this share of the whole weight does not exceed; undefined where there is nothing. */
export function quantile(
  values: readonly { readonly value: number; readonly weight: number }[],
  share: number,
): number | undefined {
  const sorted = values.toSorted((a, b) => a.value - b.value);
  const whole = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let below = 0;
  for (const { value, weight } of sorted) {
    below += weight;
    if (below >= share * whole) return value;
  }
  return sorted.at(-1)?.value;
}
