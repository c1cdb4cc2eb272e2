import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesPerSecond, bytes, GiB, instant, MiB, millis, ratio } from '#core/units';
import {
  dirtyAfter,
  negativeExponential,
  weekdays,
  written,
  writePatterns,
  type BatchWindow,
  type WriteBursts,
  type WriteModel,
} from './write-model.ts';

const hour = 3_600_000;
const day = 24 * hour;
const plain = { rate: bytesPerSecond(MiB), pattern: 'steady', workingSet: bytes(GiB) } as const;
// Monday, 1970-01-05.
const monday = 4 * day;

const anyBursts: fc.Arbitrary<WriteBursts> = fc
  .record({
    every: fc.integer({ min: 60_000, max: day }),
    lasts: fc.nat(59_999),
    factor: fc.integer({ min: 1, max: 50 }),
  })
  .chain(({ every, lasts, factor }) =>
    fc.nat().map((seed) => ({ every: millis(every), lasts: millis(lasts + 1), factor, seed })),
  );
const anyBatch: fc.Arbitrary<BatchWindow> = fc.record({
  rate: fc.integer({ min: 1, max: 100 * MiB }).map(bytesPerSecond),
  opens: fc.nat(day - 1).map(millis),
  closes: fc.nat(day - 1).map(millis),
  days: fc.subarray([...weekdays]),
});
const anyShare = fc.nat(100).map((n) => ratio(n, 100));
const anyModel: fc.Arbitrary<WriteModel> = fc.record({
  rate: fc.integer({ min: 1, max: 100 * MiB }).map(bytesPerSecond),
  pattern: fc.constantFrom(...writePatterns),
  workingSet: fc.nat(10 * GiB).map(bytes),
  bursts: fc.option(anyBursts, { nil: undefined }),
  batch: fc.option(anyBatch, { nil: undefined }),
  hotSpot: fc.option(fc.record({ writes: anyShare, share: anyShare }), { nil: undefined }),
});

describe('what a guest writes', () => {
  it.each(writePatterns)('%s: comes to the mean over any whole day', (pattern) =>
    fc.assert(
      fc.property(fc.nat(3 * day), fc.integer({ min: 1, max: 3 }), (from, days) => {
        const sum = written({ ...plain, pattern }, instant(from), instant(from + days * day));
        expect(sum / (days * 86_400 * MiB)).toBeCloseTo(1, 6);
      }),
    ),
  );

  it('adds up over any cut, whatever it is made of', () =>
    fc.assert(
      fc.property(anyModel, fc.nat(9 * day), fc.nat(9 * day), fc.nat(9 * day), (model, ...moments) => {
        const [from = 0, cut = 0, to = 0] = moments.toSorted((a, b) => a - b);
        const whole = written(model, instant(from), instant(to));
        const parts = written(model, instant(from), instant(cut)) + written(model, instant(cut), instant(to));
        expect(Math.abs(whole - parts)).toBeLessThanOrEqual(1 + whole / 1e9);
      }),
    ));

  it('comes in bursts that leave the mean as it is', () =>
    fc.assert(
      fc.property(anyBursts, fc.integer({ min: 1, max: 20 }), (bursts, periods) => {
        const from = instant(7 * bursts.every);
        const to = instant(from + periods * bursts.every);
        const sum = written({ ...plain, bursts }, from, to);
        expect(sum / ((periods * bursts.every * MiB) / 1_000)).toBeCloseTo(1, 6);
      }),
    ));

  it('is as many times more in a burst as was said, at moments that differ from guest to guest', () => {
    const burstsAt = (seed: number): readonly number[] => {
      const bursts: WriteBursts = { every: millis(hour), lasts: millis(60_000), factor: 9, seed };
      const perMinute = Array.from({ length: 600 }, (_, i) =>
        written({ ...plain, bursts }, instant(i * 60_000), instant((i + 1) * 60_000)),
      );
      const calm = Math.min(...perMinute);
      const most = Math.max(...perMinute);
      expect(most / calm).toBeGreaterThan(4.9);
      expect(most / calm).toBeLessThanOrEqual(9 + 1e-9);
      return perMinute.flatMap((sum, i) => (sum > 1.001 * calm ? [i] : []));
    };
    expect(burstsAt(1)).not.toEqual(burstsAt(2));
    expect(burstsAt(1)).toEqual(burstsAt(1));
    expect(new Set(burstsAt(1).map((minute) => minute % 60)).size).toBeGreaterThan(8);
  });

  it('is more in a batch window, on its days and across midnight', () => {
    const batch: BatchWindow = {
      rate: bytesPerSecond(10 * MiB),
      opens: millis(22 * hour),
      closes: millis(2 * hour),
      days: ['mon', 'sat'],
    };
    const more = (from: number, to: number): number =>
      (written({ ...plain, batch }, instant(monday + from), instant(monday + to)) -
        written(plain, instant(monday + from), instant(monday + to))) /
      MiB;
    expect(more(0, 22 * hour)).toBe(0);
    expect(more(22 * hour, 24 * hour)).toBe(72_000);
    expect(more(day, day + hour)).toBe(36_000);
    expect(more(day + 2 * hour, 5 * day)).toBe(0);
    expect(more(0, 7 * day)).toBe(2 * 144_000);
  });
});

describe('what is dirty after it', () => {
  it('grows with what is written, and never above the working set', () =>
    fc.assert(
      fc.property(anyModel, fc.nat(100 * GiB), fc.nat(100 * GiB), (model, a, b) => {
        const [less, more] = [dirtyAfter(model, Math.min(a, b)), dirtyAfter(model, Math.max(a, b))];
        expect(less).toBeGreaterThanOrEqual(0);
        expect(less).toBeLessThanOrEqual(more);
        expect(more).toBeLessThanOrEqual(model.workingSet * (1 + 1e-12));
        // Writes dirty no more than they write; the exponential is exact to five digits.
        expect(more).toBeLessThanOrEqual(Math.max(a, b) + model.workingSet * 1e-5);
      }),
    ));

  it('is no more after two intervals together than after each by itself', () =>
    fc.assert(
      fc.property(anyModel, fc.nat(20 * GiB), fc.nat(20 * GiB), (model, a, b) => {
        const sum = dirtyAfter(model, a) + dirtyAfter(model, b);
        // A last digit that is lost before the squarings is 2^20 times as much after them.
        expect(dirtyAfter(model, a + b)).toBeLessThanOrEqual(sum + 1 + model.workingSet * 1e-9);
      }),
    ));

  it('saturates the hot spot first: less is dirty than without one', () => {
    const hotSpot = { writes: ratio(90, 100), share: ratio(10, 100) };
    expect(dirtyAfter({ ...plain, hotSpot }, GiB) / GiB).toBeCloseTo(0.1 + 0.9 * (1 - Math.exp(-0.1 / 0.9)), 3);
    expect(dirtyAfter(plain, GiB) / GiB).toBeCloseTo(1 - Math.exp(-1), 3);
    // Where writes are spread as the working set is, there is no hot spot.
    const even = { writes: ratio(1, 4), share: ratio(1, 4) };
    expect(dirtyAfter({ ...plain, hotSpot: even }, GiB)).toBeCloseTo(dirtyAfter(plain, GiB), 0);
  });

  it('knows a hot spot that is all or nothing', () => {
    const none = { writes: ratio(0, 1), share: ratio(0, 1) };
    expect(dirtyAfter({ ...plain, hotSpot: none }, GiB)).toBe(dirtyAfter(plain, GiB));
    const all = { writes: ratio(1, 1), share: ratio(1, 1) };
    expect(dirtyAfter({ ...plain, hotSpot: all }, GiB)).toBe(dirtyAfter(plain, GiB));
  });
});

describe('e^-x by multiplication', () => {
  it('is what the library says, to five digits', () =>
    fc.assert(
      fc.property(fc.double({ min: 0, max: 100, noNaN: true }), (x) => {
        expect(Math.abs(negativeExponential(x) - Math.exp(-x))).toBeLessThan(1e-5);
      }),
    ));
});
