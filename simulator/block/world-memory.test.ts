import { describe, expect, it } from 'vitest';
import { worldMemory } from './world-memory.ts';

const slab = 4 * 1024 * 1024;
const placeOf = ({ buffer, byteOffset, length }: Uint8Array) => ({ buffer, from: byteOffset, to: byteOffset + length });

describe('the memory of a world', () => {
  it('gives pieces of the length that was asked for, no two of which share a byte', () => {
    const memory = worldMemory();
    // Lengths that do not fill a slab evenly, over several slabs, with some that are too long for any.
    const lengths = Array.from({ length: 400 }, (_, nth) => 1 + ((nth * 7_919) % 90_000)).concat(2 * slab, 5, slab);
    const places = lengths.map((length) => {
      const piece = memory.take(length);
      expect(piece).toHaveLength(length);
      return placeOf(piece);
    });
    const sharing = places.filter((one, nth) =>
      places.slice(nth + 1).some(({ buffer, from, to }) => one.buffer === buffer && one.to > from && to > one.from),
    );
    expect(sharing).toEqual([]);
    memory.end();
  });

  it('goes to the next world as a whole once it is over, and only then', () => {
    const first = worldMemory();
    const { buffer } = first.take(100);
    const beside = worldMemory();
    expect(beside.take(100).buffer).not.toBe(buffer);
    first.end();
    const next = worldMemory();
    expect(next.take(100).buffer).toBe(buffer);
    // Whoever is left over from the first world does not write into the next one.
    expect(first.take(100).buffer).not.toBe(buffer);
    beside.end();
    next.end();
  });

  it('has an end, behind which the garbage collector gives what is asked for', () => {
    const memory = worldMemory();
    const buffers = new Set<ArrayBufferLike>();
    for (let pieces = 0; pieces < 100; pieces += 1) buffers.add(memory.take(1024 * 1024).buffer);
    // Sixteen slabs of four pieces, and the rest one by one.
    expect(buffers.size).toBe(16 + 36);
    memory.end();
  });
});
