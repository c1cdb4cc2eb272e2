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
      return {
        has: (need) =>
          need.every(
            ([resource, amount]) =>
              (used[resource] ?? 0) + (drafted.get(resource) ?? 0) + amount <= (capacity[resource] ?? 0),
          ),
        take: (need) => {
          for (const [resource, amount] of need) drafted.set(resource, (drafted.get(resource) ?? 0) + amount);
        },
      };
    },
  };
}
