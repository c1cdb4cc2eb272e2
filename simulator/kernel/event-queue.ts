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

/** One event, and the way to the next of the same moment. */
class Entry implements Scheduled {
  readonly at: Instant;
  act: (() => void) | undefined;
  next: Entry | undefined = undefined;

  constructor(at: Instant, act: () => void) {
    this.at = at;
    this.act = act;
  }

  cancel(): void {
    this.act = undefined;
  }
}

/** The events of one moment, first and last. */
interface Line {
  first: Entry;
  last: Entry;
}

/**
 * A queue with one heap place per moment and a line of events behind each: the heap alone would not keep the order of
 * events of the same moment. What was called off stays in its line and is passed over.
 */
export function eventQueue(): EventQueue {
  const heap = new FlatQueue<Line>();
  const lines = new Map<Instant, Line>();

  /** The next event; what comes before it in its line was called off, and is passed over for good. */
  const head = (): Entry | undefined => {
    for (let line = heap.peek(); line; line = heap.peek()) {
      let entry = line.first;
      for (;;) {
        if (entry.act) return (line.first = entry);
        if (!entry.next) break;
        entry = entry.next;
      }
      heap.pop();
      lines.delete(entry.at);
    }
    return undefined;
  };

  return {
    add(at, act) {
      const entry = new Entry(at, act);
      const line = lines.get(at);
      if (line) line.last = line.last.next = entry;
      else {
        const fresh = { first: entry, last: entry };
        lines.set(at, fresh);
        heap.push(fresh, at);
      }
      return entry;
    },
    next: () => head()?.at,
    take() {
      const entry = head();
      const act = entry?.act;
      // It happened: calling it off does nothing any more, and it is passed over from now on.
      entry?.cancel();
      return entry && act ? { at: entry.at, act } : undefined;
    },
  };
}
