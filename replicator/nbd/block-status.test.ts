import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extent, extentEnd, totalLength } from '#core/disk/extent';
import { carefulExtents, coverWithZeroes, isData, isDirty } from './block-status.ts';
import { addRun, noRuns, runsMax, type StatusRuns } from './in-flight.ts';

function runsOf(pairs: readonly (readonly [length: number, flags: number])[]): StatusRuns {
  const runs = noRuns();
  for (const [length, flags] of pairs) addRun(runs, length, flags);
  return runs;
}
const KB = 1024;

describe('what a server says about a range', () => {
  it('tells data from zeroes: a hole that is not said to read as zeroes counts as data', () => {
    expect([0, 1, 2, 3].map(isData)).toEqual([true, true, false, false]);
    expect([0, 1, 2, 3].map(isDirty)).toEqual([false, true, false, true]);
  });

  it('becomes merged extents on the range', () => {
    const collector = carefulExtents(extent(64 * KB, 64 * KB), 512, isDirty);
    expect(
      collector.add(
        runsOf([
          [4 * KB, 1],
          [4 * KB, 1],
          [8 * KB, 0],
        ]),
      ),
    ).toBe(80 * KB);
    expect(
      collector.add(
        runsOf([
          [16 * KB, 0],
          [16 * KB, 1],
        ]),
      ),
    ).toBe(112 * KB);
    expect(collector.add(runsOf([[1024 * KB, 1]]))).toBe(128 * KB);
    expect(collector.found).toEqual([extent(64 * KB, 8 * KB), extent(96 * KB, 32 * KB)]);
  });

  it('is rounded to the careful side where the server rounds badly, and always goes further', () => {
    const collector = carefulExtents(extent(0, 16 * KB), 4 * KB, isData);
    // Ends within a block: the rest of the block is not known, so it is data.
    expect(
      collector.add(
        runsOf([
          [4 * KB, 3],
          [100, 3],
        ]),
      ),
    ).toBe(8 * KB);
    expect(
      collector.add(
        runsOf([
          [4 * KB + 512, 3],
          [512, 0],
          [3 * KB, 3],
        ]),
      ),
    ).toBe(16 * KB);
    expect(collector.found).toEqual([extent(4 * KB, 4 * KB), extent(12 * KB, 4 * KB)]);
  });

  it('covers the range exactly, data and zeroes in turn', () => {
    const range = extent(10, 90);
    expect(coverWithZeroes(range, [extent(20, 10), extent(50, 50)])).toEqual([
      { ...extent(10, 10), kind: 'zero' },
      { ...extent(20, 10), kind: 'data' },
      { ...extent(30, 20), kind: 'zero' },
      { ...extent(50, 50), kind: 'data' },
    ]);
    expect(coverWithZeroes(range, [])).toEqual([{ ...range, kind: 'zero' }]);
    expect(coverWithZeroes(range, [range])).toEqual([{ ...range, kind: 'data' }]);
  });

  it('never loses a careful byte, and invents none on an aligned answer', () => {
    const run = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(3));
    fc.assert(
      fc.property(fc.array(run, { minLength: 1 }), fc.constantFrom(1, 512), fc.nat(5), (pairs, unit, startBlock) => {
        const lengths = pairs.map(([blocks, flags]) => [blocks * unit * (unit === 1 ? 100 : 1), flags] as const);
        const length = lengths.reduce((sum, [each]) => sum + each, 0);
        const range = extent(startBlock * 512, length);
        const collector = carefulExtents(range, 512, isData);
        collector.add(runsOf(lengths));
        const covered = coverWithZeroes(range, collector.found);
        expect(totalLength(covered)).toBe(range.length);
        const kindAt = (at: number) => covered.find((piece) => piece.start <= at && at < extentEnd(piece))?.kind;
        let at: number = range.start;
        for (const [each, flags] of lengths) {
          // Off the grain, zeroes may have been given up to data; data never to zeroes.
          const kind = isData(flags) ? 'data' : unit === 512 ? 'zero' : kindAt(at);
          expect([kindAt(at), isData(flags) ? kindAt(at + each - 1) : kind]).toEqual([kind, kind]);
          at += each;
        }
      }),
    );
  });

  it('keeps so many runs and forgets the rest, without a gap', () => {
    const runs = noRuns();
    for (let i = 0; i < runsMax + 10; i++) addRun(runs, 1, i % 2);
    addRun(runs, 7, (runsMax - 1) % 2);
    expect(runs.list).toHaveLength(2 * runsMax);
    expect(runs.kept).toBe(runsMax);
    expect(runs.total).toBe(runsMax + 17);
  });
});
