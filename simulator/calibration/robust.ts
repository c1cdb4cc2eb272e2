/*
 * Statistics that a few strange values do not move: logs of real runs always have some.
 */

/** A value and how much it counts. */
export interface Weighted {
  readonly value: number;
  readonly weight: number;
}

/**
 * The value below which a share of the whole weight lies, between neighbours by linear interpolation: 0.5 is the median.
 * Throws a `RangeError` if there is nothing to choose from.
 */
export function quantile(values: readonly Weighted[], share: number): number {
  const sorted = values.filter(({ weight }) => weight > 0).toSorted((a, b) => a.value - b.value);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let passed = 0;
  let before: { readonly value: number; readonly at: number } | undefined;
  for (const { value, weight } of sorted) {
    // Each value stands in the middle of its own weight.
    const at = (passed + weight / 2) / total;
    if (at >= share) {
      if (!before) return value;
      return before.value + ((value - before.value) * (share - before.at)) / (at - before.at);
    }
    before = { value, at };
    passed += weight;
  }
  if (!before) throw new RangeError('a quantile needs at least one value');
  return before.value;
}

/** Each value counts alike. */
export const alike = (values: readonly number[]): readonly Weighted[] => values.map((value) => ({ value, weight: 1 }));

/** Two measurements that belong together. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A straight line. */
export interface Line {
  readonly slope: number;
  /** What is left of each `y` when `slope * x` is taken off, in the order of the points. */
  readonly rests: readonly number[];
}

// Pairs grow with the square of the points; so many tell as much as all of them.
const pointsMax = 400;

/**
 * The line through points by Theil and Sen: the median of the slopes between any two, each counting as much as its points
 * are apart. Null where no two points are apart in `x`.
 */
export function fitLine(points: readonly Point[]): Line | null {
  const some = thinned(points.toSorted((a, b) => a.x - b.x || a.y - b.y));
  const slopes: Weighted[] = [];
  some.forEach((a, i) => {
    for (const b of some.slice(i + 1))
      if (b.x > a.x) slopes.push({ value: (b.y - a.y) / (b.x - a.x), weight: b.x - a.x });
  });
  if (slopes.length === 0) return null;
  const slope = quantile(slopes, 0.5);
  return { slope, rests: points.map(({ x, y }) => y - slope * x) };
}

function thinned(sorted: readonly Point[]): readonly Point[] {
  if (sorted.length <= pointsMax) return sorted;
  const step = (sorted.length - 1) / (pointsMax - 1);
  return Array.from({ length: pointsMax }, (_, i) => sorted[Math.round(i * step)]).flatMap((point) => point ?? []);
}

/** A whole number of at most four digits that count: what was measured is no more exact, and this can be read. */
export const inFourDigits = (n: number): number => Math.round(n < 10_000 ? n : Number(n.toPrecision(4)));
