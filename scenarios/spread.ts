import type { Bin, Histogram } from '#simulator/forecast/histogram';

/** A distribution, as far as people ask. Of durations: milliseconds. */
export interface Spread {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly largest: number;
}

/** A distribution as it is drawn. Milliseconds. */
export interface Distribution extends Spread {
  readonly count: number;
  readonly smallest: number;
  readonly mean: number;
  /** In rising order. */
  readonly bins: readonly Bin[];
}

/** What people ask of a histogram; null where nothing was counted. */
export const spreadOf = (of: Histogram): Spread | null =>
  of.count === 0 ? null : { p50: of.quantile(0.5), p90: of.quantile(0.9), p99: of.quantile(0.99), largest: of.largest };

/** All that is drawn of a histogram; null where nothing was counted. */
export function distributionOf(of: Histogram): Distribution | null {
  const spread = spreadOf(of);
  const { count, smallest, mean } = of;
  return spread && { ...spread, count, smallest, mean, bins: of.bins() };
}
