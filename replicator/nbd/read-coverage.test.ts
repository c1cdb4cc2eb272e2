import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { piecesMax, readCoverage } from './read-coverage.ts';

describe('the coverage of a read', () => {
  it('takes every byte once, in any order, as a plain list of bytes would', () => {
    const range = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 20 }));
    fc.assert(
      fc.property(fc.array(range), (ranges) => {
        const coverage = readCoverage();
        const seen = new Set<number>();
        for (const [start, length] of ranges) {
          const bytes = Array.from({ length }, (_, i) => start + i);
          const fault = coverage.add(start, start + length);
          expect(fault).toBe(bytes.some((byte) => seen.has(byte)) ? 'overlap' : undefined);
          if (fault === undefined) for (const byte of bytes) seen.add(byte);
          expect(coverage.covered).toBe(seen.size);
        }
      }),
    );
  });

  it('gives up on a reply scattered over too many pieces', () => {
    const coverage = readCoverage();
    const faults = Array.from({ length: piecesMax + 1 }, (_, i) => coverage.add(2 * i, 2 * i + 1));
    expect(faults.slice(0, piecesMax).every((fault) => fault === undefined)).toBe(true);
    expect(faults[piecesMax]).toBe('too many pieces');
    // What joins pieces is still welcome: it makes them fewer.
    expect(coverage.add(1, 2)).toBeUndefined();
  });
});
