import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesPerSecond, bytes, instant, MiB } from '#core/units';
import { negativeExponential, written, writePatterns } from './write-model.ts';

const day = 86_400_000;

describe('what a guest writes', () => {
  it.each(writePatterns)('%s: comes to the mean over any whole day', (pattern) =>
    fc.assert(
      fc.property(fc.nat(3 * day), fc.integer({ min: 1, max: 3 }), (from, days) => {
        const model = { rate: bytesPerSecond(MiB), pattern, workingSet: bytes(0) };
        const sum = written(model, instant(from), instant(from + days * day));
        expect(sum / (days * 86_400 * MiB)).toBeCloseTo(1, 6);
      }),
    ),
  );

  it('adds up over any cut', () =>
    fc.assert(
      fc.property(fc.nat(2 * day), fc.nat(2 * day), fc.nat(2 * day), (...moments) => {
        const [from = 0, cut = 0, to = 0] = moments.toSorted((a, b) => a - b);
        const model = { rate: bytesPerSecond(1_000_000), pattern: 'daily' as const, workingSet: bytes(0) };
        const whole = written(model, instant(from), instant(to));
        const parts = written(model, instant(from), instant(cut)) + written(model, instant(cut), instant(to));
        expect(Math.abs(whole - parts)).toBeLessThan(1);
      }),
    ));
});

describe('e^-x by multiplication', () => {
  it('is what the library says, to five digits', () =>
    fc.assert(
      fc.property(fc.double({ min: 0, max: 100, noNaN: true }), (x) => {
        expect(Math.abs(negativeExponential(x) - Math.exp(-x))).toBeLessThan(1e-5);
      }),
    ));
});
