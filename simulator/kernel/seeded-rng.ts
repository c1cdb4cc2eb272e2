import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { invariant } from '#core/invariant';
import type { Rng } from '#core/rng';

type Lanes = readonly [number, number, number, number];

/**
 * Chance from a seed. A fork is named after who draws from it and depends on nothing but the seed and the names that lead
 * there: not on how much was drawn before, nor on the order of forks.
 */
export function seededRng(seed: number): Rng {
  invariant(Number.isSafeInteger(seed), `a seed must be a whole number, got ${seed}`);
  return stream(mixed([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], `seed ${seed}`));
}

function stream(identity: Lanes): Rng {
  const generator = xoroshiro128plusFromState(identity);
  const word = (): string => (generator.next() >>> 0).toString(16).padStart(8, '0');
  const between = (min: number, max: number): number => {
    invariant(
      Number.isSafeInteger(min) && Number.isSafeInteger(max) && min <= max,
      `no whole number from ${min} to ${max}`,
    );
    return uniformInt(generator, min, max);
  };
  return {
    fork: (name) => stream(mixed(identity, name)),
    between,
    chance: ({ numerator, denominator }) => between(1, Math.max(1, denominator)) <= numerator,
    pick(items) {
      invariant(items.length > 0, 'there is nothing to pick from');
      const picked = items[between(0, items.length - 1)];
      return picked as (typeof items)[number];
    },
    uuid() {
      const [a, b, c, d] = [word(), word(), word(), word()];
      const variant = '89ab'[Number.parseInt(c.slice(0, 1), 16) & 3];
      return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-${variant}${c.slice(1, 4)}-${c.slice(4)}${d}`;
    },
  };
}

/**
 * A name mixed into an identity: 128 bits, so that a million streams of one seed are a million different ones. Each lane
 * takes every character with a multiplier of its own, and all lanes take from each other at the end.
 */
function mixed(from: Lanes, name: string): Lanes {
  let [a, b, c, d] = from;
  for (let i = 0; i < name.length; i += 1) {
    const unit = name.charCodeAt(i) + 1;
    a = turned(Math.imul(a ^ unit, 0x9e3779b1), 13) ^ d;
    b = turned(Math.imul(b ^ unit, 0x85ebca77), 11) ^ a;
    c = turned(Math.imul(c ^ unit, 0xc2b2ae3d), 17) ^ b;
    d = turned(Math.imul(d ^ unit, 0x27d4eb2f), 19) ^ c;
  }
  for (let round = 0; round < 3; round += 1) {
    a = avalanche(a ^ d ^ name.length);
    b = avalanche(b ^ a);
    c = avalanche(c ^ b);
    d = avalanche(d ^ c);
  }
  // A generator whose whole state is zero would say zero for ever.
  return (a | b | c | d) === 0 ? [1, 2, 3, 4] : [a | 0, b | 0, c | 0, d | 0];
}

const turned = (n: number, by: number): number => (n << by) | (n >>> (32 - by));
function avalanche(n: number): number {
  let h = n ^ (n >>> 16);
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  return h ^ (h >>> 16);
}
