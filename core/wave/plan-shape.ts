import type { MigrationId } from '#core/ids';
import type { Tokens, WaveMember, WavePlan } from './plan.ts';

/*
 * A plan as numbers: members by the order in which they are served, and what they share by an index of its own. Worked
 * out once for each wave: O(m log m) for m members, and what they name.
 */

/** An amount of one resource, which is named by its index. */
export type Need = readonly (readonly [resource: number, amount: number])[];

/** Members that begin their cutovers as one: an application that cuts over together, or one member alone. */
export interface Unit {
  /** By their order, the first served first. */
  readonly members: readonly number[];
  /** What all of them together take to cut over. */
  readonly need: Need;
}

/** What the planner asks of a plan. */
export interface PlanShape {
  /** In the order in which they are served: the highest priority first, within it as the plan has them. */
  readonly members: readonly WaveMember[];
  readonly indexOf: ReadonlyMap<MigrationId, number>;
  readonly before: readonly (readonly number[])[];
  readonly behind: readonly (readonly number[])[];
  /** By the order of their first member. */
  readonly units: readonly Unit[];
  readonly unitOf: Uint32Array;
  /** The anti-affinity groups of each member, and the members of each. */
  readonly apartOf: readonly (readonly number[])[];
  readonly apart: readonly (readonly number[])[];
  readonly resources: readonly string[];
  /** How much there is of each resource. */
  readonly capacity: Float64Array;
  readonly replicating: readonly Need[];
  /** What a member holds from the start of its cutover on: it may fall back into replication at any moment. */
  readonly cuttingOver: readonly Need[];
}

/** The shape of a plan. Members that it does not have, and names that lead nowhere, are left out. */
export function shapeOf(plan: WavePlan): PlanShape {
  const members = plan.members.toSorted((a, b) => (b.priority ?? 0) - (a.priority ?? 0));
  const indexOf = new Map(members.map(({ migration }, index) => [migration, index]));
  const before = members.map(({ after }) => [...new Set(after.flatMap((id) => indexOf.get(id) ?? []))]);
  const behind = inverse(before, members.length);
  const { limits } = plan;
  const resources = Object.keys(limits.tokens ?? {});
  const resourceOf = new Map(resources.map((name, index) => [name, index]));
  const needOf = (tokens: Tokens = {}): Need =>
    Object.entries(tokens).flatMap(([name, amount]) => {
      const resource = resourceOf.get(name);
      return resource === undefined || amount <= 0 ? [] : [[resource, amount] as const];
    });
  const replicating = members.map(({ resources: own }) => needOf(own?.replicating));
  const cuttingOver = members.map(({ resources: own }, index) =>
    combined([needOf(own?.cuttingOver), replicating[index] ?? []], Math.max),
  );
  const groups = [...new Set(members.flatMap(({ apart = [] }) => apart))];
  const groupOf = new Map(groups.map((name, index) => [name, index]));
  const apartOf = members.map(({ apart = [] }) => [...new Set(apart.flatMap((name) => groupOf.get(name) ?? []))]);
  const units = unitsOf(members, new Set(plan.together), cuttingOver);
  const unitOf = new Uint32Array(members.length);
  units.forEach((unit, at) => unit.members.forEach((index) => (unitOf[index] = at)));
  return {
    members,
    indexOf,
    before,
    behind,
    units,
    unitOf,
    apartOf,
    apart: inverse(apartOf, groups.length),
    resources,
    capacity: Float64Array.from(resources, (name) => limits.tokens?.[name] ?? 0),
    replicating,
    cuttingOver,
  };
}

function unitsOf(
  members: readonly WaveMember[],
  together: ReadonlySet<string>,
  needs: readonly Need[],
): readonly Unit[] {
  const made: number[][] = [];
  const ofApplication = new Map<string, number[]>();
  members.forEach(({ application }, index) => {
    const known = application === undefined ? undefined : ofApplication.get(application);
    if (known) return void known.push(index);
    const unit = [index];
    made.push(unit);
    if (application !== undefined && together.has(application)) ofApplication.set(application, unit);
  });
  return made.map((unit) => ({
    members: unit,
    need:
      unit.length === 1
        ? (needs[unit[0] ?? 0] ?? [])
        : combined(
            unit.map((index) => needs[index] ?? []),
            sum,
          ),
  }));
}

const sum = (a: number, b: number): number => a + b;

function combined(needs: readonly Need[], combine: (a: number, b: number) => number): Need {
  const all = new Map<number, number>();
  for (const need of needs)
    for (const [resource, amount] of need) {
      const known = all.get(resource);
      all.set(resource, known === undefined ? amount : combine(known, amount));
    }
  return [...all];
}

function inverse(of: readonly (readonly number[])[], length: number): readonly (readonly number[])[] {
  const made: number[][] = Array.from({ length }, () => []);
  of.forEach((others, index) => others.forEach((other) => made[other]?.push(index)));
  return made;
}
