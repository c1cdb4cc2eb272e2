/*
 * A distribution whose size does not grow with how much was counted: each bucket is 2 % wider than the one below it, so a
 * quantile is at most 1 % off, from a millisecond to three centuries, in some two thousand buckets.
 */

/** A distribution of amounts that are not negative: durations in milliseconds, bytes. */
export interface Histogram {
  readonly count: number;
  readonly smallest: number;
  readonly largest: number;
  readonly mean: number;
  add(value: number): void;
  /** The amount that this share of all do not exceed, within 1 %; exact at both ends. NaN where nothing was counted. */
  quantile(share: number): number;
  /** How many there were from one amount to another, in rising order; ranges of which there were none are left out. */
  bins(): readonly Bin[];
  /** The same distribution, to be counted on by itself. */
  copy(): Histogram;
}

/** How many amounts lie in a range. It is as wide as what is kept tells apart, about 2 %. */
export interface Bin {
  readonly from: number;
  readonly until: number;
  readonly count: number;
}

const width = Math.log(1.02);

/** A distribution of nothing yet. */
export const histogram = (): Histogram =>
  // Buckets are made as they are met: most distributions are narrow.
  counted({ buckets: new Map(), count: 0, sum: 0, smallest: Infinity, largest: -Infinity });

interface Counts {
  readonly buckets: Map<number, number>;
  readonly count: number;
  readonly sum: number;
  readonly smallest: number;
  readonly largest: number;
}

function counted(from: Counts): Histogram {
  const { buckets } = from;
  let { count, sum, smallest, largest } = from;
  return {
    get count() {
      return count;
    },
    get smallest() {
      return count === 0 ? Number.NaN : smallest;
    },
    get largest() {
      return count === 0 ? Number.NaN : largest;
    },
    get mean() {
      return count === 0 ? Number.NaN : sum / count;
    },
    add: (value) => {
      const bucket = value < 1 ? -1 : Math.floor(Math.log(value) / width);
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
      count += 1;
      sum += value;
      smallest = Math.min(smallest, value);
      largest = Math.max(largest, value);
    },
    quantile: (share) => {
      if (count === 0) return Number.NaN;
      const rank = Math.max(1, Math.ceil(share * count));
      if (rank >= count) return largest;
      let below = 0;
      for (const bucket of [...buckets.keys()].sort((a, b) => a - b)) {
        below += buckets.get(bucket) ?? 0;
        if (below < rank) continue;
        const middle = bucket < 0 ? 0 : Math.exp((bucket + 0.5) * width);
        return Math.min(largest, Math.max(smallest, middle));
      }
      return largest;
    },
    copy: () => counted({ buckets: new Map(buckets), count, sum, smallest, largest }),
    bins: () =>
      [...buckets]
        .sort(([a], [b]) => a - b)
        .map(([bucket, within]) => ({
          from: Math.max(smallest, bucket < 0 ? 0 : Math.exp(bucket * width)),
          until: Math.min(largest, bucket < 0 ? 1 : Math.exp((bucket + 1) * width)),
          count: within,
        })),
  };
}
