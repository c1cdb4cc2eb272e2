import type { Ratio } from './units.ts';

/** The only source of chance. Everything drawn from one seed is the same on every machine. */
export interface Rng {
  /** An independent stream named after the part of the world that draws from it: one more draw there moves nothing here. */
  fork(name: string): Rng;
  /** A whole number, both ends included. */
  between(min: number, max: number): number;
  /** True with the given probability. */
  chance(probability: Ratio): boolean;
  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T;
  /** A UUID (version 4 in form), for facts and commands. */
  uuid(): string;
}
