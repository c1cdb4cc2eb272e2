import { describe, expect, it } from 'vitest';
import { bytes, instant } from '#core/units';
import { noThroughput } from '#core/migration/throughput';
import { chartRange, chartSeries, peakOf } from './chart.ts';

const span = (from: number, to: number, sent: number) => ({ from: instant(from), to: instant(to), sent: bytes(sent) });

describe('a chart', () => {
  it('holds each rate for its span, and is zero where nothing moved', () => {
    const series = chartSeries({
      ...noThroughput,
      spans: [span(1_000, 3_000, 4_000), span(3_000, 4_000, 500), span(9_000, 10_000, 100)],
    });
    expect(series.seconds).toEqual([1, 1, 3, 3, 4, 4, 9, 9, 10, 10]);
    expect(series.rates).toEqual([0, 2_000, 2_000, 500, 500, 0, 0, 100, 100, 0]);
    expect(peakOf(series)).toBe(2_000);
  });

  it('draws bytes that crossed in no time as a very high rate, and not as an infinite one', () => {
    const { rates } = chartSeries({ ...noThroughput, spans: [span(5_000, 5_000, 64)] });
    expect(rates.every((rate) => Number.isFinite(rate))).toBe(true);
  });

  it('shows most of its range before the moment, and never outside the run', () => {
    expect(chartRange(0, 50_000, 1_000, 100_000)).toEqual({ start: 1_000, end: 100_000 });
    expect(chartRange(10_000, 50_000, 1_000, 100_000)).toEqual({ start: 42_000, end: 52_000 });
    expect(chartRange(10_000, 2_000, 1_000, 100_000)).toEqual({ start: 1_000, end: 11_000 });
    expect(chartRange(10_000, 100_000, 1_000, 100_000)).toEqual({ start: 90_000, end: 100_000 });
    expect(chartRange(999_000, 50_000, 1_000, 100_000)).toEqual({ start: 1_000, end: 100_000 });
  });
});
