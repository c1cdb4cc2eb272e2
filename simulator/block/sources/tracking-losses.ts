import type { Instant } from '#core/units';

/** The highest mark of each owner that records on all disks. */
export type Recording = ReadonlyMap<string, number>;

/** Which losses of tracking somebody has to notice. */
export interface TrackingLosses {
  /** Something befell the source: what recorded before it, and what does after it. */
  struck(before: Recording, after: Recording, at: Instant): void;
  /** `owner` opened a disk for reading. */
  opened(owner: string, recording: Recording): void;
  /** When `owner` last lost what it has to notice. */
  lastOf(owner: string, recording: Recording): Instant | undefined;
}

/** A loss of which nobody has begun anew. */
interface Loss {
  readonly at: Instant;
  /** The mark that was left. */
  readonly left: number | undefined;
  /** Whether something was read since what was lost was begun. */
  readonly isRead: boolean;
}

/**
 * A ledger without losses.
 *
 * A copy is right only if what it was read under still records. So a mark that is lost has to be noticed, with one
 * exception: nothing was opened from when it was begun until another was begun in its place. Then whatever is copied is
 * copied under the other one, and nobody relies on the one that was lost:
 *
 *     begun    lost    begun anew    read       nothing to notice
 *     begun    read    lost    begun anew       what was read before the loss may be old
 *     begun    lost    read    begun anew       what was read in between may be old
 */
export function trackingLosses(): TrackingLosses {
  /** Owners who have opened a disk under what records for them, or earlier. */
  const reading = new Set<string>();
  const open = new Map<string, Loss>();
  const lostAt = new Map<string, Instant>();
  const closeThoseBegunAnew = (recording: Recording): void => {
    for (const [owner, { at, left, isRead }] of open) {
      const now = recording.get(owner);
      if (now === undefined || now === left) continue;
      open.delete(owner);
      if (isRead) lostAt.set(owner, at);
    }
  };
  return {
    struck(before, after, at) {
      closeThoseBegunAnew(before);
      for (const [owner, number] of before) {
        const left = after.get(owner);
        if (left === number) continue;
        const isRead = reading.delete(owner) || open.get(owner)?.isRead === true;
        open.set(owner, { at, left, isRead });
      }
    },
    opened(owner, recording) {
      closeThoseBegunAnew(recording);
      const loss = open.get(owner);
      if (loss) open.set(owner, { ...loss, isRead: true });
      else reading.add(owner);
    },
    lastOf(owner, recording) {
      closeThoseBegunAnew(recording);
      return open.get(owner)?.at ?? lostAt.get(owner);
    },
  };
}
