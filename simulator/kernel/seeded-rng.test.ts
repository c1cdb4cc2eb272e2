import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ratio } from '#core/units';
import { seededRng } from './seeded-rng.ts';

const some = (rng: ReturnType<typeof seededRng>, count = 50): readonly number[] =>
  Array.from({ length: count }, () => rng.between(0, 1_000_000));

describe('chance from a seed', () => {
  it('is the same for the same seed, on every machine', () => {
    expect(some(seededRng(7))).toEqual(some(seededRng(7)));
    expect(some(seededRng(7), 5)).toEqual([125_727, 126_377, 81_528, 819_641, 215_236]);
    expect(seededRng(7).fork('a').uuid()).toBe('f9451b75-3d6c-41a7-9774-4d04caa756e3');
  });

  it('is another for another seed', () =>
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (a, b) => {
        fc.pre(a !== b);
        expect(some(seededRng(a), 5)).not.toEqual(some(seededRng(b), 5));
      }),
    ));

  it('is not moved in a fork by draws elsewhere', () => {
    const quiet = seededRng(1);
    const busy = seededRng(1);
    some(busy);
    some(busy.fork('link a'));
    expect(some(busy.fork('vm b'))).toEqual(some(quiet.fork('vm b')));
  });

  it('is another in every fork', () => {
    const rng = seededRng(1);
    const names = Array.from({ length: 20_000 }, (_, i) => `vm ${i}`);
    const firsts = new Set(names.map((name) => rng.fork(name).uuid()));
    expect(firsts.size).toBe(names.length);
    expect(rng.fork('a').fork('b').uuid()).not.toBe(rng.fork('ab').uuid());
    expect(rng.fork('a').uuid()).not.toBe(rng.uuid());
  });

  it('draws evenly', () => {
    const rng = seededRng(3);
    const counts = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 60_000; i += 1) {
      const face = rng.between(0, 5);
      counts[face] = (counts[face] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    // Streams next to each other by name are as independent as any.
    const bits = Array.from({ length: 10_000 }, (_, i) => seededRng(3).fork(`vm ${i}`).between(0, 1));
    expect(Math.abs(bits.reduce((sum, bit) => sum + bit, 0) - 5_000)).toBeLessThan(250);
  });

  it('knows what never and always mean', () => {
    const rng = seededRng(5);
    for (let i = 0; i < 1_000; i += 1) {
      expect(rng.chance(ratio(0, 3))).toBe(false);
      expect(rng.chance(ratio(3, 3))).toBe(true);
    }
  });

  it('names things in the form of a UUID', () => {
    const rng = seededRng(9);
    for (let i = 0; i < 200; i += 1)
      expect(rng.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('picks only from what is there', () => {
    const rng = seededRng(2);
    expect(new Set(Array.from({ length: 100 }, () => rng.pick(['a', 'b', 'c'])))).toEqual(new Set(['a', 'b', 'c']));
    expect(() => rng.pick([])).toThrow('nothing to pick from');
    expect(() => rng.between(2, 1)).toThrow('no whole number from 2 to 1');
  });
});
