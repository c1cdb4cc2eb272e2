import type { Clock } from '#core/clock';
import { InvariantError } from '#core/invariant';
import { after, type Instant, type Millis } from '#core/units';
import { besideSimulationUntil } from './sealed-globals.ts';
import { eventQueue, type EventQueue, type Scheduled } from './event-queue.ts';

/**
 * Time that a simulation owns. Nothing moves it but the next event, and that only once everything that could run at
 * the present moment has run. Between two events the world stands still, however long the machine takes.
 */
export interface SimulatedClock extends Clock {
  /**
   * Has `act` called at a moment that is not past, after what was asked for that moment before. One that answers
   * `settledNothing` is followed by the next event without a turn.
   */
  schedule(at: Instant, act: () => void): Scheduled;
  /** Keeps time from moving until `work` settles. For work on the real machine, such as a write to a log on disk. */
  hold<T>(work: Promise<T>): Promise<T>;
  /**
   * Lets time go on until `until` settles, and answers as it does. One at a time. A clock in virtual time throws an
   * `InvariantError` when nothing is left that could ever make it settle.
   *
   * After each event everything that waits for a promise gets its turn (`turns: 'always'`). Where all that happens is
   * calls, that is most of what an event costs: with `'asked'` there is a turn only after a wait or a hold, after
   * `askForTurn`, and now and then for those outside.
   */
  run<T>(until: Promise<T>, turns?: 'always' | 'asked'): Promise<T>;
  alarm(duration: Millis, act: () => void): () => void;
  /** Something was settled that promises wait for: before the next event they get their turn. */
  askForTurn(): void;
}

/**
 * Resolves when everything that can run now has run: one turn of the event loop. It comes from outside, since nothing
 * here knows the machine (`() => new Promise((resolve) => setImmediate(resolve))` in Node).
 */
export type Turn = () => Promise<void>;

/**
 * What an event may answer that has settled nothing which a promise waits for, and has begun nothing that does. Nothing can
 * run after it, and the turn in which nothing runs would be most of what such an event costs.
 */
export const settledNothing = Symbol('settled nothing');

/** What the clocks of this folder have in common: the queue, the waits, the holds. */
export interface ClockCore {
  readonly queue: EventQueue;
  readonly held: () => boolean;
  /** Resolves when everything that could run has run: a turn has passed in which nothing was held. */
  readonly quiet: () => Promise<void>;
  /** Whether somebody wants a turn before the next event. Asking takes the wish back. */
  readonly takeWish: () => boolean;
  readonly parts: Pick<SimulatedClock, 'wait' | 'alarm' | 'hold' | 'askForTurn'>;
}

/** Builds what the clocks have in common on their own idea of now. */
export function clockCore(now: () => Instant, schedule: SimulatedClock['schedule'], turn: Turn): ClockCore {
  const queue = eventQueue();
  let holds = 0;
  let wish = false;
  let onRelease: (() => void)[] = [];
  const release = (): void => {
    holds -= 1;
    wish = true;
    if (holds > 0) return;
    const waiting = onRelease;
    onRelease = [];
    for (const go of waiting) go();
  };
  const released = (): Promise<void> => new Promise((resolve) => (holds > 0 ? onRelease.push(resolve) : resolve()));
  return {
    queue,
    held: () => holds > 0,
    async quiet() {
      do {
        await released();
        await turn();
      } while (holds > 0);
    },
    takeWish: () => {
      const wished = wish || holds > 0;
      wish = false;
      return wished;
    },
    parts: {
      askForTurn: () => (wish = true),
      wait: (duration, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          const aborted = (): void => {
            scheduled.cancel();
            wish = true;
            resolve();
          };
          const scheduled = schedule(after(now(), duration), () => {
            signal?.removeEventListener('abort', aborted);
            wish = true;
            resolve();
          });
          signal?.addEventListener('abort', aborted, { once: true });
        }),
      alarm: (duration, act) => {
        const scheduled = schedule(after(now(), duration), () => {
          wish = true;
          act();
        });
        return () => scheduled.cancel();
      },
      async hold(work) {
        holds += 1;
        try {
          return await besideSimulationUntil(work);
        } finally {
          release();
        }
      },
    },
  };
}

/** Watches a promise without taking its outcome: whether it has settled, and a call when it does. */
export function settling(
  promise: Promise<unknown>,
  onSettled: () => void = () => undefined,
): { readonly done: boolean } {
  const watched = { done: false };
  const settle = (): void => {
    watched.done = true;
    onSettled();
  };
  promise.then(settle, settle);
  return watched;
}

/** Time does not run backwards: an event for the past is a mistake of whoever asked for it. */
export function notPast(at: Instant, now: Instant): void {
  // The message is put together only where it is needed: this runs for every event there is.
  if (!(at >= now)) throw new InvariantError(`an event was asked for ${at}, but it is ${now} already`);
}
