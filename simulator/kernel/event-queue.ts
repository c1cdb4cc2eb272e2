import FlatQueue from 'flatqueue';
import type { Instant } from '#core/units';

/** Something that will happen, and can be called off. */
export interface Scheduled {
  readonly at: Instant;
  /** Calls it off. Does nothing once it has happened. */
  cancel(): void;
}

/** What is going to happen, in order of moment, and within one moment in the order in which it was asked for. */
export interface EventQueue {
  add(at: Instant, act: () => void): Scheduled;
  /** The moment of the next event, if there is one. */
  next(): Instant | undefined;
  /** Takes out the next event. */
  take(): { readonly at: Instant; readonly act: () => void } | undefined;
}

interface Entry extends Scheduled {
  act: (() => void) | null;
}

interface Bucket {
  readonly at: Instant;
  readonly entries: Entry[];
  taken: number;
}

/**
 * A queue with one heap place per moment and a line of events behind each: the heap alone would not keep the order of
 * events of the same moment. What was called off stays in its line and is passed over.
 */
export function eventQueue(): EventQueue {
  const heap = new FlatQueue<Bucket>();
  const buckets = new Map<Instant, Bucket>();

  const head = (): { readonly bucket: Bucket; readonly entry: Entry } | undefined => {
    for (let bucket = heap.peek(); bucket; bucket = heap.peek()) {
      while (bucket.taken < bucket.entries.length) {
        const entry = bucket.entries[bucket.taken];
        if (entry?.act) return { bucket, entry };
        bucket.taken += 1;
      }
      heap.pop();
      buckets.delete(bucket.at);
    }
    return undefined;
  };

  return {
    add(at, act) {
      let bucket = buckets.get(at);
      if (!bucket) {
        bucket = { at, entries: [], taken: 0 };
        buckets.set(at, bucket);
        heap.push(bucket, at);
      }
      const entry: Entry = { at, act, cancel: () => (entry.act = null) };
      bucket.entries.push(entry);
      return entry;
    },
    next: () => head()?.bucket.at,
    take() {
      const found = head();
      if (!found) return undefined;
      const { bucket, entry } = found;
      const { act } = entry;
      bucket.taken += 1;
      entry.act = null;
      return act ? { at: bucket.at, act } : undefined;
    },
  };
}
