import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countTicks, placedMarks, tickText, timeStep, timeTicks } from './axis.ts';

const hour = 3_600_000;

describe('an axis of time', () => {
  it('is cut where a person would cut it', () => {
    expect(timeStep(3.5 * hour, 8)).toBe(hour / 2);
    expect(timeTicks(0, 3.5 * hour, 8).map(tickText)).toEqual([
      ...['0', '30 m', '1 h', '1 h 30 m', '2 h', '2 h 30 m', '3 h', '3 h 30 m'],
    ]);
    expect(timeTicks(0, 5_000, 6).map(tickText)).toEqual(['0', '1 s', '2 s', '3 s', '4 s', '5 s']);
  });

  it('never has more parts than asked for', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 12 }), fc.integer({ min: 2, max: 12 }), (span, most) => {
        expect(span / timeStep(span, most)).toBeLessThanOrEqual(most);
      }),
    ));
});

describe('an axis of counts', () => {
  it('reaches what is to be shown', () => {
    expect(countTicks(12, 4)).toEqual([0, 5, 10, 15]);
    expect(countTicks(1, 4).at(-1)).toBeGreaterThanOrEqual(1);
    expect(countTicks(0, 4).length).toBeGreaterThan(1);
  });
});

describe('marks on an axis', () => {
  it('stand in lanes of their own where they would overlap, and never leave the chart', () => {
    const marks = placedMarks(
      [
        { at: 50, text: 'P50', kind: 'quantile' },
        { at: 51, text: 'P90', kind: 'quantile' },
        { at: 99, text: 'window closes', kind: 'window' },
      ],
      0,
      100,
    );
    expect(marks.map(({ lane, side }) => [lane, side])).toEqual([
      [0, 'right'],
      [1, 'right'],
      [0, 'left'],
    ]);
  });
});
