import { after, type Millis } from '#core/units';
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
export function errand(clock: Pick<SimulatedClock, 'now' | 'schedule'>, onGivenUp: () => void): Errand {
  let undo: (() => void) | undefined;
  let isOver = false;
  return {
    get isOver() {
      return isOver;
    },
    wait(duration, then) {
      const scheduled = clock.schedule(after(clock.now(), duration), () => {
        undo = undefined;
        then();
      });
      undo = () => scheduled.cancel();
    },
    attend: (callOff) => {
      undo = callOff;
    },
    end: () => {
      isOver = true;
      undo = undefined;
    },
    giveUp: () => {
      if (isOver) return;
      isOver = true;
      undo?.();
      undo = undefined;
      onGivenUp();
    },
  };
}
