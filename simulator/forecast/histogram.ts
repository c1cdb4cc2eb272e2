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
}

const width = Math.log(1.02);

/** A distribution of nothing yet. */
export function histogram(): Histogram {
  // Buckets are made as they are met: most distributions are narrow.
  const buckets = new Map<number, number>();
  let count = 0;
  let sum = 0;
  let smallest = Infinity;
  let largest = -Infinity;
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
  };
}
