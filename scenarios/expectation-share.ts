import type { Ratio } from '#core/units';

/*
 * What seeds say of a probability. Each seed is one throw: it came out as expected or it did not. Of so many throws the
 * Wilson interval says where the probability behind them lies; it holds for few throws and for shares near 0 and 1, where
 * the textbook's mean plus minus two deviations does not.
 */

/** How sure a verdict is: the range given covers the true share in so many of a hundred cases. */
export const confidence = { percent: 95, deviations: 1.959_963_985 } as const;

/** What a share that was observed says of one that was asked for. */
export type ShareVerdict = 'met' | 'notMet' | 'undecided';

/** Where the true share lies, and what that says of the one that was asked for. */
export interface ShareFinding {
  readonly verdict: ShareVerdict;
  readonly low: number;
  readonly high: number;
  /** How many seeds in all would decide it if they came out as those so far; null if it is decided, or none would. */
  readonly seedsToTell: number | null;
}

/**
 * Judges `hits` of `seeds` against a share that is asked for. What has to hold always is not met by the first seed in
 * which it did not hold, and met while there is none: no number of seeds proves it, the range says how much they do.
 */
export function judgeShare({ hits, seeds, asked }: { hits: number; seeds: number; asked: Ratio }): ShareFinding {
  const { low, high } = wilson(hits, seeds);
  const wanted = asked.numerator / asked.denominator;
  const found = (verdict: ShareVerdict, seedsToTell: number | null = null): ShareFinding => ({
    verdict,
    low,
    high,
    seedsToTell,
  });
  if (asked.numerator === asked.denominator) return found(hits === seeds ? 'met' : 'notMet');
  const share = hits / seeds;
  // The interval leaves out what is asked for when the score test refuses it; solved for the number of seeds.
  const needed = (confidence.deviations ** 2 * wanted * (1 - wanted)) / (share - wanted) ** 2;
  if (share !== wanted && seeds >= needed) return found(share > wanted ? 'met' : 'notMet');
  return found('undecided', share === wanted ? null : Math.ceil(needed));
}

/** The Wilson score interval of `hits` in `seeds`, which must be at least one. */
export function wilson(hits: number, seeds: number): { readonly low: number; readonly high: number } {
  const z2 = confidence.deviations ** 2;
  const share = hits / seeds;
  const scale = 1 + z2 / seeds;
  const middle = (share + z2 / (2 * seeds)) / scale;
  const half = (confidence.deviations / scale) * Math.sqrt((share * (1 - share)) / seeds + z2 / (4 * seeds * seeds));
  // Rounding must not leave a share outside that was observed in all seeds, or in none.
  return { low: hits === 0 ? 0 : Math.max(0, middle - half), high: hits === seeds ? 1 : Math.min(1, middle + half) };
}
