import type { MigrationId } from '#core/ids';
import type { Millis } from '#core/units';
import { durationOf, phaseKinds, type Phase, type PhaseKind } from './phase.ts';
import { pairUp, type Pairs } from './pair-up.ts';
import type { MigrationTrace, RunTrace, StoryFact } from './trace.ts';

/** One quantity in two runs: milliseconds or bytes. */
export interface Measure {
  readonly first: number;
  readonly second: number;
  /** First minus second. */
  readonly difference: number;
  /** The difference as a part of the second; null where the second is nothing and the first is something. */
  readonly relative: number | null;
}

/** Where two migrations stopped doing the same. */
export interface Divergence {
  readonly vm: string;
  /** The last thing that both did; null if they never did the same. */
  readonly after: StoryFact['fact'] | null;
  /** What each did then; null if it did nothing more. */
  readonly first: DivergingFact | null;
  readonly second: DivergingFact | null;
}

/** What one side did where the other did something else. `offset` is since the first fact of its run. */
export interface DivergingFact {
  readonly fact: StoryFact['fact'];
  readonly offset: Millis;
}

/** All phases of one kind of one migration, added up. */
export interface PhaseComparison {
  readonly kind: PhaseKind;
  /** How often it was gone through in each run. */
  readonly times: readonly [first: number, second: number];
  readonly duration: Measure;
  /** Bytes of its rounds that crossed, interrupted tries included; null for phases in which none do. */
  readonly carried: Measure | null;
}

/** One VM in two runs. */
export interface PairComparison {
  /** Its name; both of them if it is called otherwise in the second. */
  readonly vm: string;
  readonly migrations: readonly [first: MigrationId, second: MigrationId];
  readonly ends: readonly [first: string, second: string];
  readonly total: Measure;
  readonly downtime: Measure;
  /** In the order of `phaseKinds`; only what one of the two went through. */
  readonly phases: readonly PhaseComparison[];
  readonly divergence: Divergence | null;
}

/** One line of the list of differences. */
export interface Difference extends PhaseComparison {
  readonly vm: string;
}

/** How far the first run, taken as a forecast, is from the second. Parts of the second, over `vms` VMs. */
export interface ForecastError {
  readonly vms: number;
  /** The mean of the errors without their signs. */
  readonly meanAbsolute: number;
  /** The mean with them: above zero, the first says more than comes of it. */
  readonly bias: number;
}

/** Two runs beside each other. */
export interface Comparison {
  readonly first: string;
  readonly second: string;
  readonly pairs: readonly PairComparison[];
  readonly onlyInFirst: readonly MigrationId[];
  readonly onlyInSecond: readonly MigrationId[];
  /** Where pairs stopped doing the same, the earliest first. */
  readonly divergences: readonly Divergence[];
  /** Phases that did not take the same, the largest difference first. */
  readonly differences: readonly Difference[];
  /** Null where no VM has anything to compare. */
  readonly error: { readonly total: ForecastError | null; readonly downtime: ForecastError | null };
}

/** Compares two runs: what was done, and how long it took. Comparing them the other way round changes signs only. */
export function compareRuns(first: RunTrace, second: RunTrace, { pair }: { readonly pair?: Pairs } = {}): Comparison {
  const found = pairUp(first.migrations, second.migrations, pair);
  const pairs = found.pairs.map(([a, b]) => comparePair([a, first], [b, second]));
  return {
    ...{ first: first.name, second: second.name, pairs },
    onlyInFirst: found.onlyInFirst.map(({ id }) => id),
    onlyInSecond: found.onlyInSecond.map(({ id }) => id),
    divergences: pairs
      .flatMap(({ divergence }) => divergence ?? [])
      .toSorted((a, b) => momentOf(a) - momentOf(b) || byText(a.vm, b.vm)),
    differences: pairs
      .flatMap(({ vm, phases }) => phases.map((phase) => ({ vm, ...phase })))
      .filter(({ duration }) => duration.difference !== 0)
      .toSorted(byDifference),
    error: {
      total: errorOf(pairs.map(({ total }) => total)),
      downtime: errorOf(pairs.map(({ downtime }) => downtime)),
    },
  };
}

/** Whether two runs did the same, for as long: total time and downtime of each VM within `tolerance`, a part of the longer. */
export const isSameWithin = (
  { pairs, onlyInFirst, onlyInSecond, divergences }: Comparison,
  tolerance: number,
): boolean =>
  onlyInFirst.length + onlyInSecond.length + divergences.length === 0 &&
  pairs.every(({ total, downtime }) => isClose(total, tolerance) && isClose(downtime, tolerance));

const isClose = ({ first, second, difference }: Measure, tolerance: number): boolean =>
  Math.abs(difference) <= tolerance * Math.max(first, second);

type Side = readonly [migration: MigrationTrace, run: RunTrace];

function comparePair([a, first]: Side, [b, second]: Side): PairComparison {
  const [ours, theirs] = [a.plan?.vm.name ?? a.id, b.plan?.vm.name ?? b.id];
  const vm = ours === theirs ? ours : `${ours} / ${theirs}`;
  return {
    vm,
    migrations: [a.id, b.id],
    ends: [a.lifecycle, b.lifecycle],
    total: measure(a.total, b.total),
    downtime: measure(a.downtime, b.downtime),
    phases: phaseKinds.flatMap((kind) => comparePhases(kind, a.phases, b.phases) ?? []),
    divergence: divergenceOf(vm, [a, first], [b, second]),
  };
}

/** A quantity in two runs. */
export const measure = (first: number, second: number): Measure => ({
  first,
  second,
  difference: first - second,
  relative: second === 0 ? (first === 0 ? 0 : null) : (first - second) / second,
});

function comparePhases(kind: PhaseKind, a: readonly Phase[], b: readonly Phase[]): PhaseComparison | undefined {
  const [ours, theirs] = [a, b].map((phases) => {
    const some = phases.filter((phase) => phase.kind === kind);
    return {
      times: some.length,
      duration: some.reduce((sum, phase) => sum + durationOf(phase), 0),
      carried: some.reduce((sum, { round }) => sum + (round ? round.sent + round.resumed : 0), 0),
      carries: some.some(({ round }) => round !== null),
    };
  }) as [PhaseSum, PhaseSum];
  if (ours.times + theirs.times === 0) return undefined;
  return {
    kind,
    times: [ours.times, theirs.times],
    duration: measure(ours.duration, theirs.duration),
    carried: ours.carries || theirs.carries ? measure(ours.carried, theirs.carried) : null,
  };
}

interface PhaseSum {
  readonly times: number;
  readonly duration: number;
  readonly carried: number;
  readonly carries: boolean;
}

function divergenceOf(vm: string, [a, first]: Side, [b, second]: Side): Divergence | null {
  const length = Math.max(a.story.length, b.story.length);
  for (let i = 0; i < length; i += 1) {
    const [ours, theirs] = [a.story[i], b.story[i]];
    if (ours && theirs && nameOf(ours) === nameOf(theirs)) continue;
    return {
      vm,
      after: i === 0 ? null : (a.story[i - 1]?.fact ?? null),
      first: ours ? diverging(ours, first) : null,
      second: theirs ? diverging(theirs, second) : null,
    };
  }
  return null;
}

// A rescan is another thing than a full sync, though both are rounds that were completed.
const nameOf = ({ fact }: StoryFact): string =>
  fact.type === 'RoundCompleted' ? `${fact.type} ${fact.data.kind}` : fact.type;

const diverging = ({ fact, at }: StoryFact, { began }: RunTrace): DivergingFact => ({
  fact,
  offset: Math.max(0, at - (began ?? at)) as Millis,
});

const momentOf = ({ first, second }: Divergence): number =>
  Math.min(first?.offset ?? Infinity, second?.offset ?? Infinity);

const byDifference = (a: Difference, b: Difference): number =>
  Math.abs(b.duration.difference) - Math.abs(a.duration.difference) ||
  byText(a.vm, b.vm) ||
  phaseKinds.indexOf(a.kind) - phaseKinds.indexOf(b.kind);

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function errorOf(measures: readonly Measure[]): ForecastError | null {
  // What did not happen in the second run has nothing to be a part of.
  const errors = measures.flatMap(({ second, relative }) => (second === 0 || relative === null ? [] : [relative]));
  if (errors.length === 0) return null;
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { vms: errors.length, meanAbsolute: mean(errors.map(Math.abs)), bias: mean(errors) };
}
