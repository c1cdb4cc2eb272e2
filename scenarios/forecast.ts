import type { MigrationId } from '#core/ids';
import { histogram, type Histogram } from '#simulator/forecast/histogram';
import { surprises, type MemberSummary, type RehearsalSummary } from './rehearsal-summary.ts';

/*
 * What many rehearsals of one scenario say together. A summary is folded in and forgotten: what is kept grows with the
 * machines, not with the seeds.
 */

/** A distribution, as far as people ask. Milliseconds. */
export interface Spread {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly largest: number;
}

/** How one VM fared over all seeds. */
export interface MemberRisk {
  readonly migration: MigrationId;
  /**
   * Seeds in which its target did not take over although nobody expected that; and in which it did not end as the
   * scenario expects, if it says.
   */
  readonly notMoved: number;
  readonly surprised: number;
  /** Of those seeds in which services were stopped at all. */
  readonly downtime: Spread | null;
  /** Where it ended, and in how many seeds; most first. */
  readonly ends: readonly (readonly [lifecycle: string, seeds: number])[];
}

/** What the seeds so far came to. */
export interface Forecast {
  readonly seeds: number;
  /** Seeds in which every member ended as expected. */
  readonly asExpected: number;
  /** From the start of the wave until it was over. */
  readonly duration: Spread | null;
  /** Of all VMs of all seeds whose services were stopped. */
  readonly downtime: Spread | null;
  /** Most at risk first. */
  readonly members: readonly MemberRisk[];
  /** The seeds of the longest wave and of the longest downtime, to look at one by one. */
  readonly worst: { readonly duration: number; readonly downtime: number } | null;
}

/** Folds summaries into a forecast. */
export interface Forecaster {
  add(summary: RehearsalSummary): void;
  forecast(): Forecast;
}

interface Tally {
  notMoved: number;
  surprised: number;
  readonly downtime: Histogram;
  readonly ends: Map<string, number>;
}

/** A forecast of no seeds yet. */
export function forecaster(): Forecaster {
  const tallies = new Map<MigrationId, Tally>();
  const duration = histogram();
  const downtime = histogram();
  let seeds = 0;
  let asExpected = 0;
  const longest = { duration: extreme(), downtime: extreme() };
  return {
    add: (summary) => {
      seeds += 1;
      if (surprises(summary).length === 0) asExpected += 1;
      duration.add(summary.wave.duration);
      for (const member of summary.members) {
        addMember(tallyOf(tallies, member.migration), member);
        if (member.downtime > 0) downtime.add(member.downtime);
      }
      longest.duration.offer(summary.wave.duration, summary.seed);
      longest.downtime.offer(Math.max(0, ...summary.members.map((member) => member.downtime)), summary.seed);
    },
    forecast: () => ({
      seeds,
      asExpected,
      duration: spreadOf(duration),
      downtime: spreadOf(downtime),
      members: [...tallies].map(([migration, tally]) => riskOf(migration, tally)).sort(byRisk),
      worst: seeds === 0 ? null : { duration: longest.duration.seed, downtime: longest.downtime.seed },
    }),
  };
}

/** The seed with the most of something; of several the lowest, so that it does not matter which was found first. */
function extreme(): { readonly seed: number; offer(amount: number, seed: number): void } {
  let most = -1;
  let found = Infinity;
  return {
    get seed() {
      return found;
    },
    offer: (amount, seed) => {
      if (amount < most || (amount === most && seed > found)) return;
      most = amount;
      found = seed;
    },
  };
}

function tallyOf(tallies: Map<MigrationId, Tally>, migration: MigrationId): Tally {
  const known = tallies.get(migration);
  if (known) return known;
  const made: Tally = { notMoved: 0, surprised: 0, downtime: histogram(), ends: new Map() };
  tallies.set(migration, made);
  return made;
}

const moved: ReadonlySet<string> = new Set(['cutOver', 'finalized']);

function addMember(tally: Tally, { lifecycle, expected, downtime }: MemberSummary): void {
  if (!moved.has(lifecycle) && (expected === null || moved.has(expected))) tally.notMoved += 1;
  if (expected !== null && expected !== lifecycle) tally.surprised += 1;
  if (downtime > 0) tally.downtime.add(downtime);
  tally.ends.set(lifecycle, (tally.ends.get(lifecycle) ?? 0) + 1);
}

const spreadOf = (of: Histogram): Spread | null =>
  of.count === 0 ? null : { p50: of.quantile(0.5), p90: of.quantile(0.9), p99: of.quantile(0.99), largest: of.largest };

const riskOf = (migration: MigrationId, { notMoved, surprised, downtime, ends }: Tally): MemberRisk => ({
  migration,
  notMoved,
  surprised,
  downtime: spreadOf(downtime),
  ends: [...ends].sort(([one, a], [other, b]) => b - a || one.localeCompare(other)),
});

// A surprise is worse than a machine that was expected to stay; among equals, who is down longest.
const byRisk = (a: MemberRisk, b: MemberRisk): number =>
  b.surprised - a.surprised || b.notMoved - a.notMoved || (b.downtime?.p99 ?? 0) - (a.downtime?.p99 ?? 0);
