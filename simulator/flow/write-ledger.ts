import { bytes, type Bytes, type Instant } from '#core/units';
import { negativeExponential, written, type WriteModel } from '#simulator/estate/write-model';

/** What one guest has written since its change mark, whether it runs just now or not. */
export interface WriteLedger {
  /** The guest runs and writes, from `at` on. */
  start(at: Instant): void;
  /** It writes no more. */
  stop(at: Instant): void;
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
  const total = (now: Instant): number => closed + (since === null ? 0 : written(model, since, now));
  const dirty = (now: Instant): Bytes => {
    const { workingSet } = model;
    if (workingSet === 0) return bytes(0);
    // Ever more writes hit what is dirty already.
    const share = 1 - negativeExponential(total(now) / workingSet);
    return bytes(Math.min(workingSet, Math.ceil((workingSet * share) / grain) * grain));
  };
  return {
    start(now) {
      since ??= now;
    },
    stop(now) {
      closed = total(now);
      since = null;
    },
    dirty,
    mark(now) {
      const before = dirty(now);
      closed = 0;
      if (since !== null) since = now;
      return before;
    },
  };
}
