import type { MigrationId } from '#core/ids';
import type { Instant } from '#core/units';
import { histogram, type Histogram } from '#simulator/forecast/histogram';
import { distributionOf, type Distribution } from '#scenarios/spread';
import { troubleWords } from '#scenarios/trouble';
import type { AheadMember, AheadOutcome } from './run-ahead.ts';

/*
 * What many seeds say of a run that is gone on with. An outcome is folded in and forgotten.
 */

/** What may become of one migration. Counts are seeds. */
export interface MemberOutlook {
  readonly migration: MigrationId;
  readonly moved: number;
  /** It stays where it is: given up, given back, or left behind by its wave. */
  readonly stays: number;
  /** A person has to decide. */
  readonly asks: number;
  /** Still on its way at the horizon. */
  readonly underWay: number;
  readonly overBudget: number;
  /** From now until it rests, where it does. */
  readonly rests: Distribution | null;
  /** What is in the log included; of those seeds in which services were stopped at all. */
  readonly downtime: Distribution | null;
  /** Where it ended, and in how many seeds; most first. */
  readonly ends: readonly (readonly [lifecycle: string, seeds: number])[];
  /** Why it did not move, in words, and in how many seeds; most first. */
  readonly why: readonly (readonly [reason: string, seeds: number])[];
}

/** What may become of a run. */
export interface Outlook {
  readonly seeds: number;
  /** Seeds in which something still goes on at the horizon. */
  readonly notWithin: number;
  /** From now until the last one rests; of those seeds in which all do. */
  readonly finish: Distribution | null;
  readonly downtime: Distribution | null;
  /** Most at risk first. */
  readonly members: readonly MemberOutlook[];
}

/** Folds outcomes. */
export interface Outlooks {
  add(outcome: AheadOutcome): void;
  outlook(): Outlook;
}

interface Tally {
  readonly rest: Record<NonNullable<AheadMember['rest']> | 'underWay', number>;
  overBudget: number;
  readonly rests: Histogram;
  readonly downtime: Histogram;
  readonly ends: Map<string, number>;
  readonly why: Map<string, number>;
}

/** An outlook of no seeds yet. `now`: the moment from which the seeds go on. */
export function outlooks(now: Instant): Outlooks {
  const tallies = new Map<MigrationId, Tally>();
  const finish = histogram();
  const downtime = histogram();
  let seeds = 0;
  let notWithin = 0;
  return {
    add: (outcome) => {
      seeds += 1;
      if (outcome.ending === 'notWithin') notWithin += 1;
      else if (outcome.finished !== null) finish.add(outcome.finished - now);
      for (const member of outcome.members) {
        addMember(tallyOf(tallies, member.migration), member, now);
        if (member.downtime > 0) downtime.add(member.downtime);
      }
    },
    outlook: () => ({
      ...{ seeds, notWithin, finish: distributionOf(finish), downtime: distributionOf(downtime) },
      members: [...tallies].map(([migration, tally]) => memberOutlook(migration, tally)).sort(byRisk),
    }),
  };
}

function tallyOf(tallies: Map<MigrationId, Tally>, migration: MigrationId): Tally {
  const known = tallies.get(migration);
  if (known) return known;
  const made: Tally = {
    rest: { moved: 0, stays: 0, asks: 0, underWay: 0 },
    ...{ overBudget: 0, rests: histogram(), downtime: histogram(), ends: new Map(), why: new Map() },
  };
  tallies.set(migration, made);
  return made;
}

function addMember(tally: Tally, member: AheadMember, now: Instant): void {
  const { lifecycle, rest, restedAt, downtime, overBudget, trouble } = member;
  tally.rest[rest ?? 'underWay'] += 1;
  if (overBudget) tally.overBudget += 1;
  if (restedAt !== null) tally.rests.add(restedAt - now);
  if (downtime > 0) tally.downtime.add(downtime);
  count(tally.ends, lifecycle);
  if (rest !== 'moved' && trouble) count(tally.why, troubleWords[trouble.type]);
}

const memberOutlook = (migration: MigrationId, tally: Tally): MemberOutlook => ({
  ...{ migration, ...tally.rest, overBudget: tally.overBudget },
  ...{ rests: distributionOf(tally.rests), downtime: distributionOf(tally.downtime) },
  ...{ ends: mostFirst(tally.ends), why: mostFirst(tally.why) },
});

const count = (counts: Map<string, number>, what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
const mostFirst = (counts: ReadonlyMap<string, number>): readonly (readonly [string, number])[] =>
  [...counts].sort(([one, a], [other, b]) => b - a || one.localeCompare(other));

/** Whether something else than moving within its budget may become of it. */
export const isAtRisk = ({ stays, asks, underWay, overBudget }: MemberOutlook): boolean =>
  stays + asks + underWay + overBudget > 0;

// Who does not move is worse off than who is down for too long; among equals, who is down longest.
const byRisk = (a: MemberOutlook, b: MemberOutlook): number =>
  a.moved - b.moved || b.overBudget - a.overBudget || (b.downtime?.p99 ?? 0) - (a.downtime?.p99 ?? 0);
