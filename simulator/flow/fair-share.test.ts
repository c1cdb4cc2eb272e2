import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairRates, type StreamClass } from './fair-share.ts';

const stream = (path: readonly number[], streams = 1, streamMax = Infinity): StreamClass => ({
  path,
  streams,
  streamMax,
});

describe('fair rates', () => {
  it('share one link evenly', () => expect(fairRates([stream([0], 3), stream([0])], [100])).toEqual([25, 25]));

  it('leave to others what a limited stream cannot take', () =>
    expect(fairRates([stream([0], 1, 10), stream([0], 2)], [100])).toEqual([10, 45]));

  it('are held up by the tightest place only', () =>
    // Two streams share a slow host; the third, on a fast one, takes the rest of the link.
    expect(fairRates([stream([0, 2], 2), stream([1, 2])], [20, 100, 100])).toEqual([10, 80]));

  it('are nothing where nothing passes', () => expect(fairRates([stream([0]), stream([1])], [0, 7])).toEqual([0, 7]));

  it('fill what they may and not more, and give nobody more at the cost of a poorer one', () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 5 }).chain((capacities) =>
          fc.record({
            capacities: fc.constant(capacities),
            classes: fc.array(
              fc.record({
                path: fc.subarray(
                  capacities.map((_, i) => i),
                  { minLength: 1 },
                ),
                streams: fc.integer({ min: 0, max: 5 }),
                streamMax: fc.integer({ min: 1, max: 500 }),
              }),
              { maxLength: 8 },
            ),
          }),
        ),
        ({ capacities, classes }) => {
          const rates = fairRates(classes, capacities);
          const load = capacities.map((_, place) =>
            classes.reduce((sum, each, i) => sum + (each.path.includes(place) ? each.streams * (rates[i] ?? 0) : 0), 0),
          );
          const slack = 1e-6;
          load.forEach((used, place) => expect(used).toBeLessThanOrEqual((capacities[place] ?? 0) + slack));
          expect(classes.every(({ streams }, i) => streams > 0 || rates[i] === 0)).toBe(true);
          classes.forEach((each, i) => {
            const rate = rates[i] ?? 0;
            if (each.streams === 0) return;
            expect(rate).toBeLessThanOrEqual(each.streamMax);
            // Whoever is below its own limit passes a full place in which nobody has more.
            const bottleneck = each.path.some(
              (place) =>
                (load[place] ?? 0) >= (capacities[place] ?? 0) - slack &&
                classes.every(
                  (other, j) => other.streams === 0 || !other.path.includes(place) || (rates[j] ?? 0) <= rate + slack,
                ),
            );
            expect(bottleneck || rate >= each.streamMax - slack).toBe(true);
          });
        },
      ),
    ));
});
