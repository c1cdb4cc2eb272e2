import type { Throughput } from '#core/migration/throughput';

/** A series as a chart takes it: seconds, ascending, and bytes per second. */
export interface ChartSeries {
  readonly seconds: readonly number[];
  readonly rates: readonly number[];
}

/**
 * Spans as steps: each rate holds from the beginning of its span to its end, and where nothing moved it is zero. A span may be
 * far narrower than a pixel; as part of one unbroken line it is drawn all the same.
 */
export function chartSeries({ spans }: Throughput): ChartSeries {
  const seconds: number[] = [];
  const rates: number[] = [];
  const add = (at: number, rate: number): void => {
    seconds.push(at / 1000);
    rates.push(rate);
  };
  let last: number | undefined;
  for (const { from, to, sent } of spans) {
    const rate = (sent / Math.max(1, to - from)) * 1000;
    if (last === undefined || from > last) {
      if (last !== undefined) add(last, 0);
      add(from, 0);
    }
    add(from, rate);
    last = Math.max(from + 1, to);
    add(last, rate);
  }
  if (last !== undefined) add(last, 0);
  return { seconds, rates };
}

/** The greatest rate of a series, 0 for an empty one. */
export const peakOf = ({ rates }: ChartSeries): number => rates.reduce((peak, rate) => Math.max(peak, rate), 0);

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
