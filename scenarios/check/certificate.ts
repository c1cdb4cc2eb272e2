import type { SeedVerdict } from './check-work.ts';

/** Whether the same seed always leads to the same. Each seed is checked twice, and what it came to is compared. */
export interface Certificate {
  /** What a seed came to, whichever time it is. */
  add(verdict: SeedVerdict): void;
  /** Seeds that were checked twice. */
  readonly twice: () => number;
  /** Those of them that led to two different logs, in order. */
  readonly differing: () => readonly number[];
}

/** Nothing was checked yet. */
export function certificate(): Certificate {
  const once = new Map<number, string>();
  const differing = new Set<number>();
  let twice = 0;
  return {
    add: (verdict) => {
      const { seed } = verdict;
      const what = whatHappened(verdict);
      const before = once.get(seed);
      if (before === undefined) return void once.set(seed, what);
      twice += 1;
      if (before !== what) differing.add(seed);
    },
    twice: () => twice,
    differing: () => [...differing].toSorted((a, b) => a - b),
  };
}

// The log, and what a judge said of it who also saw what no log tells.
const whatHappened = ({ hash, facts, failures, exercised }: SeedVerdict): string =>
  JSON.stringify([hash, facts, failures, exercised]);

/** What came of it, in a sentence. */
export const certificateLine = (certified: Certificate): string => {
  const differing = certified.differing();
  return differing.length === 0
    ? `Certified: the same happened twice with each of ${certified.twice()} seeds`
    : `Not certified: not the same happened twice with seed ${differing.join(', ')}; please report it`;
};
