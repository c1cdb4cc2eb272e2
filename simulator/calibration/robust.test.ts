import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alike, fitLine, inFourDigits, quantile } from './robust.ts';

const weighted = fc.record({
  value: fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  weight: fc.double({ min: 0.001, max: 1e3, noNaN: true }),
});

describe('a quantile', () => {
  it('lies among the values, and grows with the share', () =>
    fc.assert(
      fc.property(fc.array(weighted, { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const found = quantile(values, share);
        expect(found).toBeGreaterThanOrEqual(Math.min(...values.map(({ value }) => value)));
        expect(found).toBeLessThanOrEqual(Math.max(...values.map(({ value }) => value)));
        expect(quantile(values, Math.min(1, share + 0.1))).toBeGreaterThanOrEqual(found);
      }),
    ));

  it('counts a value as much as its weight says', () => {
    expect(quantile(alike([1, 2, 30]), 0.5)).toBe(2);
    expect(quantile(alike([1, 3]), 0.5)).toBe(2);
    expect(
      quantile(
        [
          { value: 1, weight: 1 },
          { value: 2, weight: 1 },
          { value: 30, weight: 98 },
        ],
        0.5,
      ),
    ).toBeGreaterThan(29);
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});

describe('a line through points', () => {
  const lines = fc.record({
    count: fc.integer({ min: 12, max: 60 }),
    slope: fc.integer({ min: 1, max: 50 }),
    rest: fc.nat(9_000),
    astray: fc.nat(59),
  });

  it('is found exactly, though one of the points lies far away', () =>
    fc.assert(
      fc.property(lines, ({ count, slope, rest, astray }) => {
        const points = Array.from({ length: count }, (_, i) => ({
          x: 7 * i,
          y: 7 * slope * i + rest + (i === astray % count ? 7_777_777 : 0),
        }));
        const line = fitLine(points);
        expect(line?.slope).toBeCloseTo(slope, 9);
        expect(quantile(alike(line?.rests ?? []), 0.5)).toBeCloseTo(rest, 6);
      }),
    ));

  it('is none where no two points are apart', () => {
    expect(fitLine([])).toBeNull();
    expect(
      fitLine([
        { x: 5, y: 1 },
        { x: 5, y: 9 },
      ]),
    ).toBeNull();
  });

  it('takes as long for many points as for some', () => {
    const line = fitLine(Array.from({ length: 20_000 }, (_, x) => ({ x, y: 3 * x + 2 })));
    expect(line?.slope).toBeCloseTo(3, 9);
    expect(line?.rests).toHaveLength(20_000);
  });
});

it('a number in four digits stays close to what it was', () =>
  fc.assert(
    fc.property(fc.double({ min: 0.6, max: 1e12, noNaN: true }), (n) => {
      const short = inFourDigits(n);
      expect(Number.isInteger(short)).toBe(true);
      expect(Math.abs(short - n)).toBeLessThanOrEqual(Math.max(0.5, n * 0.0005));
    }),
  ));
