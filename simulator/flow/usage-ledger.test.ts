import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instant, millis, minutes } from '#core/units';
import { pairedSums, usageLedger } from './usage-ledger.ts';

const start = instant(1_000_000);
const at = (min: number) => instant(start + minutes(min));

describe('a usage ledger', () => {
  it('divides what crossed by when it crossed', () => {
    const ledger = usageLedger(start, 2);
    ledger.carried(1, at(10), at(40), 3_000);
    ledger.carried(1, at(40), at(45), 7);
    expect(ledger.usage()).toEqual({ bucket: minutes(15), carried: [[], [500, 1_500, 1_007]] });
  });

  it('notes what crossed in no time where it crossed', () => {
    const ledger = usageLedger(start, 1);
    ledger.carried(0, at(15), at(15), 5);
    expect(ledger.usage().carried).toEqual([[0, 5]]);
  });

  it('takes stretches together before there are too many, and loses nothing', () => {
    const ledger = usageLedger(start, 1);
    ledger.carried(0, at(0), at(60), 4_000);
    ledger.carried(0, at(60 * 24 * 6), at(60 * 24 * 7), 8_000);
    const { bucket, carried } = ledger.usage();
    expect(bucket).toBe(minutes(120));
    expect(carried[0]).toHaveLength(84);
    expect(carried[0]?.[0]).toBe(4_000);
    expect(carried[0]?.reduce((sum, n) => sum + n, 0)).toBeCloseTo(12_000, -1);
  });

  it('keeps the sum of whatever is noted, in whatever order', () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(20_000), fc.nat(600), fc.nat(10 ** 9)), { minLength: 1, maxLength: 40 }),
        (all) => {
          const sums = [all, all.toReversed()].map((order) => {
            const ledger = usageLedger(start, 1);
            for (const [from, lasts, bytes] of order) ledger.carried(0, at(from), at(from + lasts), bytes);
            return ledger.usage();
          });
          const expected = all.reduce((sum, [, , bytes]) => sum + bytes, 0);
          for (const { carried } of sums) {
            const sum = (carried[0] ?? []).reduce((a, b) => a + b, 0);
            expect(Math.abs(sum - expected)).toBeLessThanOrEqual(100);
          }
          expect(sums[0]?.bucket).toBe(sums[1]?.bucket);
        },
      ),
    ));

  it('pairs stretches, the last one alone if need be', () => {
    expect(pairedSums([1, 2, 3])).toEqual([3, 3]);
    expect(millis(pairedSums([]).length)).toBe(0);
  });
});
