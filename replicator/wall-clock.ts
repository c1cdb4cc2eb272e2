import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '#core/clock';
import { instant, type Millis } from '#core/units';

// A timer holds at most 2^31-1 ms; longer waits are made of these.
const waitMax = 2 ** 31 - 1;

/** The time of this machine. A wait keeps the process alive until it is over or aborted. */
export const wallClock: Clock = {
  now: () => instant(Date.now()),
  wait: async (duration: Millis, signal?: AbortSignal) => {
    for (let left: number = duration; left > 0 && !signal?.aborted; left -= waitMax) {
      // Aborting is one of the two ways in which a wait ends, and no error.
      await delay(Math.min(left, waitMax), undefined, signal ? { signal } : {}).catch(() => undefined);
    }
  },
  alarm: (duration, act) => {
    const timer = setTimeout(act, duration);
    return () => clearTimeout(timer);
  },
};
