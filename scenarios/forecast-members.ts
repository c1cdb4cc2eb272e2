import { hasMoved } from '#core/migration/abilities';
import type { MigrationId } from '#core/ids';
import { histogram, type Histogram } from '#simulator/forecast/histogram';
import type { MemberSummary } from './rehearsal-summary.ts';
import { spreadOf, type Spread } from './spread.ts';
import type { TroubleType } from './trouble.ts';

/** How one VM fared over all seeds. */
export interface MemberRisk {
  readonly migration: MigrationId;
  /** Seeds in which there is such a VM: estates that are made from the seed differ. */
  readonly seeds: number;
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
  /** What went wrong; what kept it from moving most often first. */
  readonly reasons: readonly MemberReason[];
  /** The lowest seed in which it did not move or surprised; null if there is none. */
  readonly seed: number | null;
}

/** One thing that went wrong with a VM. */
export interface MemberReason {
  readonly type: TroubleType;
  /** The particulars, from the lowest seed. */
  readonly detail: string;
  /** In how many seeds it was the last that went wrong; and in how many of them the VM moved all the same. */
  readonly seeds: number;
  readonly moved: number;
}

/** One VM over the seeds so far. */
export interface MemberForecaster {
  add(member: MemberSummary, seed: number): void;
  risk(migration: MigrationId): MemberRisk;
}

interface Reason {
  detail: string;
  lowest: number;
  seeds: number;
  moved: number;
}

/** A VM of which nothing is known yet. */
export function memberForecaster(): MemberForecaster {
  let seeds = 0;
  let notMoved = 0;
  let surprised = 0;
  let lowest = Infinity;
  const downtimes: Histogram = histogram();
  const ends = new Map<string, number>();
  const reasons = new Map<TroubleType, Reason>();
  return {
    add({ lifecycle, expected, downtime, trouble }, seed) {
      seeds += 1;
      const moved = hasMoved(lifecycle);
      const missing = isMissing(lifecycle, expected);
      const otherwise = expected !== null && expected !== lifecycle;
      if (missing) notMoved += 1;
      if (otherwise) surprised += 1;
      if (missing || otherwise) lowest = Math.min(lowest, seed);
      if (downtime > 0) downtimes.add(downtime);
      ends.set(lifecycle, (ends.get(lifecycle) ?? 0) + 1);
      if (!trouble) return;
      const reason = reasons.get(trouble.type) ?? { detail: '', lowest: Infinity, seeds: 0, moved: 0 };
      reasons.set(trouble.type, reason);
      reason.seeds += 1;
      if (moved) reason.moved += 1;
      if (seed >= reason.lowest) return;
      reason.lowest = seed;
      reason.detail = trouble.detail;
    },
    risk: (migration) => ({
      migration,
      seeds,
      notMoved,
      surprised,
      downtime: spreadOf(downtimes),
      ends: [...ends].sort(([one, a], [other, b]) => b - a || one.localeCompare(other)),
      reasons: [...reasons]
        .map(([type, reason]) => ({ type, detail: reason.detail, seeds: reason.seeds, moved: reason.moved }))
        .sort((a, b) => b.seeds - b.moved - (a.seeds - a.moved) || b.seeds - a.seeds || a.type.localeCompare(b.type)),
      seed: lowest < Infinity ? lowest : null,
    }),
  };
}

/** Whether a VM did not move although nobody expected it to stay. */
export const isMissing = (lifecycle: string, expected: string | null): boolean =>
  !hasMoved(lifecycle) && (expected === null || hasMoved(expected));

/** A surprise is worse than a machine that was expected to stay; among equals, who is down longest. */
export const byRisk = (a: MemberRisk, b: MemberRisk): number =>
  b.surprised - a.surprised ||
  b.notMoved - a.notMoved ||
  (b.downtime?.p99 ?? 0) - (a.downtime?.p99 ?? 0) ||
  a.migration.localeCompare(b.migration);
