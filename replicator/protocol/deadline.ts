import { calledOff } from '#core/called-off';
import type { Clock } from '#core/clock';
import type { Millis } from '#core/units';

/** Calls `act` when `duration` has passed on `clock`. Calling what it returns before calls it off. */
export function deadline(clock: Clock, duration: Millis, act: () => void): () => void {
  if (clock.alarm) return clock.alarm(duration, act);
  const off = new AbortController();
  void clock.wait(duration, off.signal).then(() => {
    if (!off.signal.aborted) act();
  });
  return () => off.abort(calledOff);
}
