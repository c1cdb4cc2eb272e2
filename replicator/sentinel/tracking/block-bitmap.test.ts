import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extent, type Extent } from '#core/disk/extent';
import { bytes, MiB } from '#core/units';
import { blockBitmap, grain } from './block-bitmap.ts';

const sizes = fc.integer({ min: 1, max: 1_500 * MiB }).map((blocks) => bytes(blocks));
const writes = fc.array(fc.tuple(fc.nat(1_600 * MiB), fc.oneof(fc.nat(300_000), fc.nat(700 * MiB))), { maxLength: 30 });

describe('a bitmap of a disk', () => {
  it('has exactly the grains that were written', () => {
    fc.assert(
      fc.property(sizes, writes, fc.tuple(fc.nat(1_500 * MiB), fc.nat(900 * MiB)), (size, list, [from, length]) => {
        const bitmap = blockBitmap(size);
        const model = new Set<number>();
        for (const [start, count] of list) {
          bitmap.add(start, count);
          for (let at = Math.floor(start / grain); count > 0 && at * grain < Math.min(size, start + count); at += 1)
            if (start < size) model.add(at);
        }
        const dirty = [...model].reduce((sum, at) => sum + Math.min(grain, size - at * grain), 0);
        expect(bitmap.dirty).toBe(dirty);
        const range = extent(Math.min(from, size), Math.min(length, Math.max(0, size - from)));
        expect(bitmap.extents(range, 1_000_000).extents).toEqual(extentsOf(model, range));
      }),
      { numRuns: 60 },
    );
  });

  it('tells some of its extents and up to where, so that the rest can be asked for', () => {
    fc.assert(
      fc.property(writes, fc.integer({ min: 1, max: 5 }), (list, max) => {
        const bitmap = blockBitmap(bytes(1_600 * MiB));
        for (const [start, count] of list) bitmap.add(start, count % 300_000);
        const asked: Extent[] = [];
        for (let at = 0; at < 1_600 * MiB;) {
          const { extents, until } = bitmap.extents(extent(at, 1_600 * MiB - at), max);
          expect(extents.length).toBeLessThanOrEqual(max);
          expect(until).toBeGreaterThan(at);
          asked.push(...extents);
          at = until;
        }
        expect(asked).toEqual(bitmap.extents(extent(0, 1_600 * MiB), 1_000_000).extents);
      }),
    );
  });

  it('holds a kilobyte for each 512 MiB that were written to, and none for the rest', () => {
    const bitmap = blockBitmap(bytes(8 * 1_024 * 1_024 * MiB));
    expect(bitmap.memory).toBe(0);
    bitmap.add(0, 1);
    bitmap.add(4 * 1_024 * 1_024 * MiB, 1);
    expect(bitmap.memory).toBe(2_048);
  });
});

function extentsOf(grains: ReadonlySet<number>, { start, length }: Extent): readonly Extent[] {
  const found: { start: number; length: number }[] = [];
  for (const at of [...grains].sort((a, b) => a - b)) {
    const from = Math.max(start, at * grain);
    const end = Math.min(start + length, (at + 1) * grain);
    if (end <= from) continue;
    const last = found.at(-1);
    if (last && last.start + last.length === from) last.length += end - from;
    else found.push({ start: from, length: end - from });
  }
  return found.map((one) => extent(one.start, one.length));
}
