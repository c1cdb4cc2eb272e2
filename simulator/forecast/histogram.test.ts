import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { histogram } from './histogram.ts';

describe('a histogram', () => {
  it('tells every quantile within one in a hundred, and both ends exactly', () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 10 ** 12 }), { minLength: 1, maxLength: 300 }), (values) => {
        const counted = histogram();
        for (const value of values) counted.add(value);
        const sorted = values.toSorted((a, b) => a - b);
        for (const share of [0, 0.1, 0.5, 0.9, 0.99, 1]) {
          const exact = sorted[Math.max(1, Math.ceil(share * values.length)) - 1] ?? Number.NaN;
          expect(Math.abs(counted.quantile(share) - exact) / exact).toBeLessThanOrEqual(0.0101);
        }
        expect(counted.quantile(1)).toBe(sorted.at(-1));
        expect(counted.smallest).toBe(sorted[0]);
        expect(counted.mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 0);
      }),
    ));

  it('knows nothing before anything was counted', () => {
    expect(histogram().quantile(0.5)).toBeNaN();
    expect(histogram().largest).toBeNaN();
  });

  it('counts what takes no time', () => {
    const counted = histogram();
    for (const value of [0, 0, 0, 500]) counted.add(value);
    expect([counted.quantile(0.5), counted.quantile(1)]).toEqual([0, 500]);
  });

  it('is drawn as bins that hold everything, and is copied whole', () => {
    const counted = histogram();
    for (const value of [0, 10, 10, 1_000]) counted.add(value);
    const copy = counted.copy();
    counted.add(5);
    expect(copy.bins().map((bin) => bin.count)).toEqual([1, 2, 1]);
    expect([copy.count, copy.largest, counted.count]).toEqual([4, 1_000, 5]);
    const last = copy.bins().at(-1);
    expect(last?.from).toBeLessThanOrEqual(1_000);
    expect(last?.until).toBe(1_000);
  });
});
