import type { Need } from './plan-shape.ts';

/** How much of each resource is taken. */
export interface TokenPool {
  take(need: Need): void;
  release(need: Need): void;
  /** What could be taken beside what is, without taking it. */
  draft(): TokenDraft;
}

/** Tokens given away on paper: what one round of admissions decides. */
export interface TokenDraft {
  /** Whether there is as much left. */
  has(need: Need): boolean;
  /** Takes it, there or not: what is kept for one that waits is not there for those behind it. */
  take(need: Need): void;
  /** Gives back what was kept for one that has to wait. */
  give(need: Need): void;
  /** Whether nothing that `need` names is given away beyond what there is. */
  isWithin(need: Need): boolean;
}

/** A pool of which nothing is taken. Taking, releasing and asking cost O(resources in the need). */
export function tokenPool(capacity: Float64Array): TokenPool {
  const used = new Float64Array(capacity.length);
  const add = (need: Need, sign: 1 | -1): void => {
    for (const [resource, amount] of need) used[resource] = (used[resource] ?? 0) + sign * amount;
  };
  return {
    take: (need) => add(need, 1),
    release: (need) => add(need, -1),
    draft: () => {
      const drafted = new Map<number, number>();
      const fits = (resource: number, more: number): boolean =>
        (used[resource] ?? 0) + (drafted.get(resource) ?? 0) + more <= (capacity[resource] ?? 0);
      const draft = (need: Need, sign: 1 | -1): void => {
        for (const [resource, amount] of need) drafted.set(resource, (drafted.get(resource) ?? 0) + sign * amount);
      };
      return {
        has: (need) => need.every(([resource, amount]) => fits(resource, amount)),
        take: (need) => draft(need, 1),
        give: (need) => draft(need, -1),
        isWithin: (need) => need.every(([resource]) => fits(resource, 0)),
      };
    },
  };
}
