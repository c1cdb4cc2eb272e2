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

class Entry implements Scheduled {
  readonly at: Instant;
  act: (() => void) | undefined;

  constructor(at: Instant, act: () => void) {
    this.at = at;
    this.act = act;
  }

  cancel(): void {
    this.act = undefined;
  }
}

interface Line {
  readonly at: Instant;
  readonly entries: Entry[];
  taken: number;
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
      while (line.taken < line.entries.length) {
        const entry = line.entries[line.taken];
        if (entry?.act) return entry;
        line.taken += 1;
      }
      heap.pop();
      lines.delete(line.at);
    }
    return undefined;
  };

  return {
    add(at, act) {
      let line = lines.get(at);
      if (!line) {
        line = { at, entries: [], taken: 0 };
        lines.set(at, line);
        heap.push(line, at);
      }
      const entry = new Entry(at, act);
      line.entries.push(entry);
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
