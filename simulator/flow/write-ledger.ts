import { after, bytes, instant, type Bytes, type Instant, type Millis } from '#core/units';
import { dirtyAfter, written, type WriteModel } from '#simulator/estate/write-model';

/** What one guest has written since its change mark, whether it runs just now or not. */
export interface WriteLedger {
  /** The guest runs and writes, from `at` on. */
  start(at: Instant): void;
  /** It writes no more. */
  stop(at: Instant): void;
  /** It stands still for a while, as in a stun, if it runs at all. */
  stun(at: Instant, lasts: Millis): void;
  /** What is dirty at `at`; never more than the working set. */
  dirty(at: Instant): Bytes;
  /** Begins anew at `at`, and answers what was dirty until then. */
  mark(at: Instant): Bytes;
}

/** Starts with a guest that writes from `at` on. `grain` is the smallest piece that is dirty or not. */
export function writeLedger(model: WriteModel, grain: Bytes, at: Instant): WriteLedger {
  // Writes of intervals that are over, and the start of the one that is not.
  let closed = 0;
  let since: Instant | null = at;
  const total = (now: Instant): number => closed + (since === null || since >= now ? 0 : written(model, since, now));
  const dirty = (now: Instant): Bytes =>
    bytes(Math.min(model.workingSet, Math.ceil(dirtyAfter(model, total(now)) / grain) * grain));
  return {
    start(now) {
      since ??= now;
    },
    stop(now) {
      closed = total(now);
      since = null;
    },
    stun(now, lasts) {
      if (since === null) return;
      closed = total(now);
      since = after(instant(Math.max(now, since)), lasts);
    },
    dirty,
    mark(now) {
      const before = dirty(now);
      closed = 0;
      if (since !== null && since < now) since = now;
      return before;
    },
  };
}
