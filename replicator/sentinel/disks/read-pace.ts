import type { Clock } from '#core/clock';
import { elapsed, millis, type Instant } from '#core/units';
import { pacer, type RateLimit } from '#replicator/pipeline/pacer';

/** Holds reads to a rate that can be changed while they wait. */
export interface ReadPace {
  readonly limit: RateLimit;
  /** Takes effect at once, also for who waits. Zero stops all reads until it is changed. */
  set(limit: RateLimit): void;
  /** Returns when `length` bytes may be read: in the order of asking. */
  turn(length: number): Promise<void>;
  /** Lets go of whoever waits: their turn comes at once. */
  close(): void;
}

/** A pace that starts at `initial`. One is shared by all disks of a guest, so that the limit is the guest's. */
export function readPace(clock: Clock, initial: RateLimit = 'unlimited'): ReadPace {
  const steps = pacer(initial);
  let limit = initial;
  let last: Promise<void> = Promise.resolve();
  let changed = new AbortController();
  let closed = false;
  const wake = (): void => {
    changed.abort();
    changed = new AbortController();
  };
  const due = async (length: number): Promise<void> => {
    while (!closed && !steps.allows(clock.now())) await clock.wait(pause(clock.now()), changed.signal);
    steps.spend(length, clock.now());
  };
  const pause = (now: Instant) => {
    const at = steps.allowedAt(now);
    return at === undefined ? standstill : elapsed(now, at);
  };
  return {
    get limit() {
      return limit;
    },
    set: (next) => {
      limit = next;
      steps.limit(next, clock.now());
      wake();
    },
    turn: (length) => (last = last.then(() => due(length))),
    close: () => {
      closed = true;
      wake();
    },
  };
}

// At rate zero only a change of it ends the wait; a timer has to have some length.
const standstill = millis(60_000);
