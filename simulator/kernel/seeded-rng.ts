import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { invariant, InvariantError } from '#core/invariant';
import type { Rng } from '#core/rng';
import type { Ratio } from '#core/units';
import { hexText } from './hex-text.ts';

type Lanes = readonly [number, number, number, number];

/**
 * Chance from a seed. A fork is named after who draws from it and depends on nothing but the seed and the names that lead
 * there: not on how much was drawn before, nor on the order of forks.
 */
export function seededRng(seed: number): Rng {
  invariant(Number.isSafeInteger(seed), `a seed must be a whole number, got ${seed}`);
  return new Stream(mixed([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], `seed ${seed}`));
}

// A stream is forked for nearly everything that is tried: an object with its methods on a prototype costs a tenth of one
// made of closures, and a generator is made only for those that draw.
class Stream implements Rng {
  readonly #identity: Lanes;
  #generator: RandomGenerator | undefined;

  constructor(identity: Lanes) {
    this.#identity = identity;
  }

  fork(name: string): Rng {
    return new Stream(mixed(this.#identity, name));
  }

  between(min: number, max: number): number {
    // The message is put together only where it is needed: this runs for all that chance decides.
    if (!(Number.isSafeInteger(min) && Number.isSafeInteger(max) && min <= max))
      throw new InvariantError(`no whole number from ${min} to ${max}`);
    return uniformInt((this.#generator ??= xoroshiro128plusFromState(this.#identity)), min, max);
  }

  chance({ numerator, denominator }: Ratio): boolean {
    return this.between(1, Math.max(1, denominator)) <= numerator;
  }

  pick<T>(items: readonly T[]): T {
    invariant(items.length > 0, 'there is nothing to pick from');
    return items[this.between(0, items.length - 1)] as T;
  }

  uuid(): string {
    this.#generator ??= xoroshiro128plusFromState(this.#identity);
    const a = wordFrom(this.#generator);
    const b = wordFrom(this.#generator);
    const c = wordFrom(this.#generator);
    const d = wordFrom(this.#generator);
    const variant = '89ab'[Number.parseInt(c.slice(0, 1), 16) & 3];
    return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-${variant}${c.slice(1, 4)}-${c.slice(4)}${d}`;
  }
}

/** 32 bits as eight hexadecimal digits. */
const wordFrom = (generator: RandomGenerator): string => hexText(generator.next());

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
