import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ratio } from '#core/units';
import { judgeShare, wilson } from './expectation-share.ts';

const percent = (n: number) => ratio(n, 100);

describe('the Wilson interval', () => {
  // Values as published for the interval: Newcombe (1998), table I, method 3, for 81/263, 15/148, 0/20 and 1/29.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('of %i in %i is as published', (hits, seeds, low, high) => {
    const range = wilson(hits, seeds);
    expect(range.low).toBeCloseTo(low, 4);
    expect(range.high).toBeCloseTo(high, 4);
  });
});

describe('a share that is asked for', () => {
  it('is undecided while seeds are too few, and says how many would tell', () => {
    expect(judgeShare({ hits: 20, seeds: 20, asked: percent(95) })).toMatchObject({
      verdict: 'undecided',
      seedsToTell: 73,
    });
    expect(judgeShare({ hits: 72, seeds: 72, asked: percent(95) }).verdict).toBe('undecided');
    expect(judgeShare({ hits: 73, seeds: 73, asked: percent(95) })).toMatchObject({
      verdict: 'met',
      seedsToTell: null,
    });
  });

  it('is not met once the seeds leave no room for it', () => {
    expect(judgeShare({ hits: 80, seeds: 100, asked: percent(95) }).verdict).toBe('notMet');
    expect(judgeShare({ hits: 0, seeds: 5, asked: percent(95) }).verdict).toBe('notMet');
  });

  it('that lies exactly where it is asked for is told by no number of seeds', () =>
    expect(judgeShare({ hits: 95, seeds: 100, asked: percent(95) })).toMatchObject({
      verdict: 'undecided',
      seedsToTell: null,
    }));

  it('of all seeds is met while no seed says otherwise, and broken by the first that does', () => {
    expect(judgeShare({ hits: 1_000, seeds: 1_000, asked: percent(100) }).verdict).toBe('met');
    expect(judgeShare({ hits: 999, seeds: 1_000, asked: percent(100) }).verdict).toBe('notMet');
  });

  it('is decided exactly when its interval leaves it out', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(500), fc.integer({ min: 1, max: 99 }), (seeds, some, p) => {
        const hits = some % (seeds + 1);
        const { verdict, low, high, seedsToTell } = judgeShare({ hits, seeds, asked: percent(p) });
        // On the very edge, rounding decides.
        fc.pre(Math.min(Math.abs(low - p / 100), Math.abs(high - p / 100)) > 1e-9);
        expect(verdict).toBe(low > p / 100 ? 'met' : high < p / 100 ? 'notMet' : 'undecided');
        if (seedsToTell !== null) expect(seedsToTell).toBeGreaterThan(seeds);
      }),
    ));

  it('is decided by as many seeds as were said to tell, if they come out alike', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(50), fc.integer({ min: 1, max: 99 }), (seeds, some, p) => {
        const hits = some % (seeds + 1);
        const { seedsToTell } = judgeShare({ hits, seeds, asked: percent(p) });
        fc.pre(seedsToTell !== null && seedsToTell < 1_000_000);
        const times = Math.ceil((seedsToTell ?? 0) / seeds);
        expect(judgeShare({ hits: hits * times, seeds: seeds * times, asked: percent(p) }).verdict).not.toBe(
          'undecided',
        );
      }),
    ));
});
