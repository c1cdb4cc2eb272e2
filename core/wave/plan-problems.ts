import { formatDuration } from '#core/text/format';
import { shapeOf, type Need, type PlanShape } from './plan-shape.ts';
import type { Tokens, WavePlan } from './plan.ts';

/**
 * What is wrong with a plan, a sentence each; nothing if it can be carried out. What could never be admitted is wrong: a
 * member that waits in silence for more than there is would look like one that is late.
 */
export function wavePlanProblems(plan: WavePlan): readonly string[] {
  const problems = [...memberProblems(plan), ...windowProblems(plan), ...tokenProblems(plan)];
  // Units and needs mean something only where the names in them do.
  return problems.length > 0 ? problems : togetherProblems(plan);
}

function memberProblems(plan: WavePlan): readonly string[] {
  const problems: string[] = [];
  const ids = new Set(plan.members.map(({ migration }) => migration));
  if (plan.members.length === 0) problems.push('members must name at least one migration');
  if (ids.size < plan.members.length) problems.push('members must not name a migration twice');
  for (const { migration, after, priority, cutoversBefore } of plan.members) {
    for (const id of after) if (!ids.has(id)) problems.push(`${migration} comes after ${id}, which is not in the wave`);
    if (priority !== undefined && !Number.isSafeInteger(priority))
      problems.push(`the priority of ${migration} must be a whole number, got ${priority}`);
    if (cutoversBefore !== undefined && !isNatural(cutoversBefore))
      problems.push(`cutoversBefore of ${migration} must be a natural number, got ${cutoversBefore}`);
  }
  const { before, members } = shapeOf(plan);
  const cycle = firstInCycle(before);
  if (cycle !== undefined)
    problems.push(`${members[cycle]?.migration} comes after itself, through those it comes after`);
  if (plan.requester === '') problems.push('requester must not be empty');
  return problems;
}

function windowProblems({ window, limits, retry, members }: WavePlan): readonly string[] {
  const problems: string[] = [];
  if (window.closes <= window.opens) problems.push('window.closes must be later than window.opens');
  if (limits.replicating < 1) problems.push('limits.replicating must be at least 1');
  if (limits.cuttingOver < 1) problems.push('limits.cuttingOver must be at least 1');
  const length = Math.max(0, window.closes - window.opens);
  for (const { migration, expected } of members)
    if (expected !== undefined && expected >= length)
      problems.push(
        `${migration} is expected to take ${formatDuration(expected)}, which is not within the window of ${formatDuration(length)}`,
      );
  if (!retry) return problems;
  if (!isNatural(retry.times) || retry.times < 1)
    problems.push('retry.times must be at least 1; leave retry out for 0');
  if (retry.after <= 0) problems.push('retry.after must be more than 0 ms');
  if (retry.reserve !== undefined && retry.reserve >= length)
    problems.push('retry.reserve must be shorter than the window; leave retry out to try nothing again');
  return problems;
}

function tokenProblems({ limits: { tokens = {} }, members }: WavePlan): readonly string[] {
  const problems: string[] = [];
  for (const [name, amount] of Object.entries(tokens))
    if (!isNatural(amount)) problems.push(`limits.tokens of ${name} must be a natural number, got ${amount}`);
  const check = (migration: string, what: string, needs: Tokens = {}): void => {
    for (const [name, amount] of Object.entries(needs)) {
      const there = tokens[name];
      if (!isNatural(amount))
        problems.push(`what ${migration} takes of ${name} while ${what} must be a natural number, got ${amount}`);
      else if (there === undefined)
        problems.push(`${migration} takes ${amount} of ${name}, of which limits.tokens says nothing`);
      else if (amount > there)
        problems.push(
          `${migration} takes ${amount} of ${name} while ${what}, and there are ${there}: it could never go`,
        );
    }
  };
  for (const { migration, resources } of members) {
    check(migration, 'replicating', resources?.replicating);
    check(migration, 'cutting over', resources?.cuttingOver);
  }
  return problems;
}

function togetherProblems(plan: WavePlan): readonly string[] {
  const { together = [], limits } = plan;
  if (together.length === 0) return [];
  const problems: string[] = [];
  const shape = shapeOf(plan);
  for (const name of new Set(together)) {
    const first = shape.members.findIndex(({ application }) => application === name);
    const unit = shape.units[shape.unitOf[first] ?? -1];
    if (first < 0 || !unit) {
      problems.push(`together names ${name}, which is the application of no member`);
      continue;
    }
    const count = unit.members.length;
    if (count > limits.cuttingOver)
      problems.push(
        `the ${count} members of ${name} cut over together, and limits.cuttingOver is ${limits.cuttingOver}: they could never go`,
      );
    problems.push(...shortOf(unit.need, shape, name), ...apartProblems(unit.members, shape, name));
  }
  const cycle = firstInCycle(unitsBefore(shape));
  const [member] = shape.units[cycle ?? -1]?.members ?? [];
  if (member !== undefined) {
    const { application, migration } = shape.members[member] ?? {};
    problems.push(
      `${application ?? migration} comes after itself: through the order of members, one that cuts over together waits for another that waits for it`,
    );
  }
  return problems;
}

const shortOf = (need: Need, { resources, capacity }: PlanShape, name: string): readonly string[] =>
  need.flatMap(([resource, amount]) =>
    amount > (capacity[resource] ?? 0)
      ? [
          `the members of ${name} take ${amount} of ${resources[resource]} together, and there are ${capacity[resource]}: they could never go`,
        ]
      : [],
  );

function apartProblems(members: readonly number[], shape: PlanShape, name: string): readonly string[] {
  const inUnit = new Set(members);
  return shape.apart.flatMap((group) => {
    const [one, other] = group.filter((index) => inUnit.has(index));
    return one === undefined || other === undefined
      ? []
      : [
          `${shape.members[one]?.migration} and ${shape.members[other]?.migration} of ${name} cut over together, and are to be apart`,
        ];
  });
}

/** Which units come before which. Order within one is kept while it cuts over, and is nothing to wait for before. */
const unitsBefore = ({ units, unitOf, before }: PlanShape): readonly (readonly number[])[] =>
  units.map(({ members }, unit) => [
    ...new Set(
      members.flatMap((index) =>
        (before[index] ?? []).map((other) => unitOf[other] ?? 0).filter((other) => other !== unit),
      ),
    ),
  ]);

/** One that can never be reached because it is, or comes after, a cycle. O(edges). */
function firstInCycle(before: readonly (readonly number[])[]): number | undefined {
  const left = before.map(({ length }) => length);
  const behind = before.map((): number[] => []);
  before.forEach((others, index) => others.forEach((other) => behind[other]?.push(index)));
  const free = left.flatMap((count, index) => (count === 0 ? [index] : []));
  for (let at = 0; at < free.length; at += 1)
    for (const index of behind[free[at] ?? 0] ?? []) {
      left[index] = (left[index] ?? 0) - 1;
      if (left[index] === 0) free.push(index);
    }
  const found = left.findIndex((count) => count > 0);
  return found < 0 ? undefined : found;
}

const isNatural = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
