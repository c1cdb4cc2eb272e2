import { instant, type Instant } from '#core/units';
import type { History } from './history.ts';
import { countUpTo } from './sorted.ts';

/** Where the page stands in the run. */
export interface Moment {
  /** The last fact that has happened; -1 before the first. */
  readonly index: number;
  readonly time: Instant;
  /** Whether it follows the present: the newest fact, and the clock of the run. */
  readonly follows: boolean;
}

/** How the page moves through time. */
export type Motion =
  /** With the newest fact. */
  | { readonly type: 'following' }
  | { readonly type: 'standing'; readonly index: number; readonly time: Instant }
  /** `time` was shown at `wall`; since then `speed` milliseconds of the run pass per millisecond. */
  | { readonly type: 'playing'; readonly time: Instant; readonly wall: number; readonly speed: number };

/** Speeds at which a run can be played. */
export const playSpeeds = [1, 10, 60, 600] as const;

/** The moment a motion shows. `now`: the present of the run, by its own clock. Null while there is no fact at all. */
export function momentOf(motion: Motion, history: History, now: Instant | null, wall: number): Moment | null {
  const span = history.span;
  if (!span) return null;
  switch (motion.type) {
    case 'following':
      return { index: history.lastIndex, time: later(span.to, now ?? span.to), follows: true };
    case 'standing':
      return { index: Math.min(motion.index, history.lastIndex), time: motion.time, follows: false };
    case 'playing': {
      const time = motion.time + Math.max(0, wall - motion.wall) * motion.speed;
      // Played to the end: from here on it follows.
      if (time >= span.to) return { index: history.lastIndex, time: span.to, follows: true };
      return { index: history.indexAtTime(time), time: instant(Math.floor(time)), follows: false };
    }
  }
}

const later = (a: Instant, b: Instant): Instant => (a > b ? a : b);

/** Stands at the fact at `index`, or at the present when that is the newest of a run that goes on. */
export function standAt(history: History, index: number): Motion {
  const bounded = Math.max(0, Math.min(index, history.lastIndex));
  const time = history.timeAt(bounded);
  return time === null ? { type: 'following' } : { type: 'standing', index: bounded, time };
}

/** Stands at a time between facts. */
export function standAtTime(history: History, time: number): Motion {
  const span = history.span;
  if (!span) return { type: 'following' };
  const bounded = instant(Math.round(Math.max(span.from, Math.min(time, span.to))));
  return { type: 'standing', index: history.indexAtTime(bounded), time: bounded };
}

/** The fact `steps` further among those in scope (`indexes`, ascending; all facts when null), bounded by the first and last. */
export function stepFrom(history: History, index: number, steps: number, indexes: readonly number[] | null): number {
  if (indexes === null || indexes.length === 0) return Math.max(0, Math.min(index + steps, history.lastIndex));
  const upTo = countUpTo(indexes, index);
  // Standing between two facts of the scope, the one before counts as the place to step from.
  const onOne = indexes[upTo - 1] === index;
  const place = steps < 0 && !onOne ? upTo + steps : upTo - 1 + steps;
  return indexes[Math.max(0, Math.min(place, indexes.length - 1))] ?? index;
}
