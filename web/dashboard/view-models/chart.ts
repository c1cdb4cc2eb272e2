import type { Throughput } from '#core/migration/throughput';

/** A series as a chart takes it: seconds, and bytes per second; null where nothing was moving. */
export interface ChartSeries {
  readonly seconds: readonly number[];
  readonly rates: readonly (number | null)[];
}

/**
 * Spans as steps: each rate holds from the beginning of its span to its end, and between two spans that do not touch there is
 * nothing.
 */
export function chartSeries({ spans }: Throughput): ChartSeries {
  const seconds: number[] = [];
  const rates: (number | null)[] = [];
  const add = (at: number, rate: number | null): void => {
    seconds.push(at / 1000);
    rates.push(rate);
  };
  for (const [n, { from, to, sent }] of spans.entries()) {
    const length = Math.max(1, to - from);
    const before = spans[n - 1];
    const rate = (sent / length) * 1000;
    if (before && from > before.to) add(before.to, null);
    add(from, rate);
    add(Math.max(from + 1, to), rate);
  }
  return { seconds, rates };
}

/** The greatest rate of a series, 0 for an empty one. */
export const peakOf = ({ rates }: ChartSeries): number =>
  rates.reduce<number>((peak, rate) => Math.max(peak, rate ?? 0), 0);

/** How much of a run a chart shows, in milliseconds, and what that is called; 0 is all of it. */
export const chartRanges: readonly (readonly [ms: number, label: string])[] = [
  [0, 'Whole run'],
  [3_600_000, '1 hour'],
  [600_000, '10 minutes'],
  [60_000, '1 minute'],
];

/** What a chart shows: the whole span, or so much of it around the moment, most of it before. */
export function chartRange(
  range: number,
  moment: number,
  from: number,
  to: number,
): { readonly start: number; readonly end: number } {
  const last = Math.max(to, moment);
  if (range === 0 || range >= last - from) return { start: from, end: last };
  const start = Math.max(from, Math.min(moment - range * 0.8, last - range));
  return { start, end: start + range };
}
