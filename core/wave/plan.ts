import type { MigrationId } from '#core/ids';
import type { Instant } from '#core/units';

/** One migration of a wave, and those that must have been cut over before it may be. */
export interface WaveMember {
  readonly migration: MigrationId;
  readonly after: readonly MigrationId[];
}

/** What one wave is to do, fixed when it is drafted. */
export interface WavePlan {
  readonly name: string;
  /** In the order in which they are served when there is a choice. */
  readonly members: readonly WaveMember[];
  /** Cutovers start only within it. Half-open: at `closes` it is over. */
  readonly window: { readonly opens: Instant; readonly closes: Instant };
  readonly limits: {
    /**
     * Members that are admitted to replication at once: those on their way to parked. One that was parked and fell
     * back counts, and keeps others out, but is not stopped: that would only make it later.
     */
    readonly replicating: number;
    /** Members that may be cutting over at once. */
    readonly cuttingOver: number;
  };
  /** What becomes of cutovers that run when the window closes and whose target does not run yet. */
  readonly onWindowClose: 'rollBack' | 'finish';
  readonly requester: string;
}

/** What is wrong with a plan, a sentence each; nothing if it can be carried out. */
export function wavePlanProblems(plan: WavePlan): readonly string[] {
  const problems: string[] = [];
  const ids = new Set(plan.members.map(({ migration }) => migration));
  if (plan.members.length === 0) problems.push('members must name at least one migration');
  if (ids.size < plan.members.length) problems.push('members must not name a migration twice');
  for (const { migration, after } of plan.members) {
    for (const id of after) if (!ids.has(id)) problems.push(`${migration} comes after ${id}, which is not in the wave`);
  }
  const cycle = firstInCycle(plan.members);
  if (cycle) problems.push(`${cycle} comes after itself, through those it comes after`);
  if (plan.window.closes <= plan.window.opens) problems.push('window.closes must be later than window.opens');
  if (plan.limits.replicating < 1) problems.push('limits.replicating must be at least 1');
  if (plan.limits.cuttingOver < 1) problems.push('limits.cuttingOver must be at least 1');
  if (plan.requester === '') problems.push('requester must not be empty');
  return problems;
}

function firstInCycle(members: readonly WaveMember[]): MigrationId | undefined {
  const known = new Set(members.map(({ migration }) => migration));
  const free = new Set<MigrationId>();
  let left = members.map(({ migration, after }) => ({ migration, after: after.filter((id) => known.has(id)) }));
  for (;;) {
    const next = left.filter(({ after }) => !after.every((id) => free.has(id)));
    if (next.length === 0) return undefined;
    if (next.length === left.length) return next[0]?.migration;
    for (const { migration, after } of left) if (after.every((id) => free.has(id))) free.add(migration);
    left = next;
  }
}
