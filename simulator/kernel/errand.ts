import { after, type Millis } from '#core/units';
import type { Scheduled } from './event-queue.ts';
import type { SimulatedClock } from './simulated-clock.ts';

/** One piece of work that goes on in virtual time, one thing after the other, and can be given up in between. */
export interface Errand {
  readonly isOver: boolean;
  /** Goes on with `then` after a while, unless it was given up meanwhile. */
  wait(duration: Millis, then: () => void): void;
  /** What is under way is something else than waiting; `undo` calls it off when the errand is given up. */
  attend(undo: () => void): void;
  /** It came to its end: it cannot be given up any more. */
  end(): void;
  /** Nobody wants it any more: calls off what is under way, and says so. Does nothing once it is over. */
  readonly giveUp: () => void;
}

/** Begins an errand. `onGivenUp` is called at most once, and not after `end`. */
export const errand = (clock: ErrandClock, onGivenUp: () => void): Errand => new ErrandUnderWay(clock, onGivenUp);

type ErrandClock = Pick<SimulatedClock, 'now' | 'schedule'>;

// There is one for every piece of work: an object of closures, one of them a getter, would cost many times as much.
class ErrandUnderWay implements Errand {
  readonly #clock: ErrandClock;
  readonly #onGivenUp: () => void;
  /** What is waited for, or what calls off what else is under way. */
  #waiting: Scheduled | undefined;
  #undo: (() => void) | undefined;
  #isOver = false;

  constructor(clock: ErrandClock, onGivenUp: () => void) {
    this.#clock = clock;
    this.#onGivenUp = onGivenUp;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  wait(duration: Millis, then: () => void): void {
    this.#undo = undefined;
    this.#waiting = this.#clock.schedule(after(this.#clock.now(), duration), () => {
      this.#waiting = undefined;
      this.#undo = undefined;
      then();
    });
  }

  attend(undo: () => void): void {
    this.#waiting = undefined;
    this.#undo = undo;
  }

  end(): void {
    this.#isOver = true;
    this.#waiting = undefined;
    this.#undo = undefined;
  }

  readonly giveUp = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting?.cancel();
    this.#undo?.();
    this.#waiting = undefined;
    this.#undo = undefined;
    this.#onGivenUp();
  };
}
