import type { Breach } from '#core/laws/judge';
import type { LawId } from '#core/laws/law';
import type { RehearsalSummary } from './rehearsal-summary.ts';

/** A law that some seeds break: how many, and the first breach of the lowest of them. */
export interface BrokenLaw {
  readonly law: LawId;
  readonly slug: string;
  readonly seeds: number;
  readonly first: { readonly seed: number; readonly breach: Breach };
}

/** Counts, over many seeds, those that break a law. */
export interface BrokenLaws {
  add(summary: Pick<RehearsalSummary, 'seed' | 'breaches'>): void;
  /** By the numbers of the laws. */
  found(): readonly BrokenLaw[];
}

/** No seed has broken a law yet. */
export function brokenLaws(): BrokenLaws {
  const laws = new Map<LawId, BrokenLaw>();
  return {
    add: ({ seed, breaches }) => {
      for (const breach of firstOfEach(breaches)) {
        const { law, slug } = breach;
        const known = laws.get(law);
        const first = known && known.first.seed < seed ? known.first : { seed, breach };
        laws.set(law, { law, slug, seeds: (known?.seeds ?? 0) + 1, first });
      }
    },
    found: () => [...laws.values()].sort((a, b) => numberOf(a.law) - numberOf(b.law)),
  };
}

const numberOf = (law: LawId): number => Number(law.slice(1));

/** One seed counts once for each law, however many of its streams break it. */
const firstOfEach = (breaches: readonly Breach[]): readonly Breach[] =>
  breaches.filter(({ law }, at) => breaches.findIndex((other) => other.law === law) === at);
