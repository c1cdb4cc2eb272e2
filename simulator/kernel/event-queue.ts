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

const nothing = (): void => undefined;

/** One event. */
class Entry implements Scheduled {
  readonly at: Instant;
  /** Which of all events it is, as they were asked for. */
  readonly nth: number;
  act: () => void;

  constructor(at: Instant, nth: number, act: () => void) {
    this.at = at;
    this.nth = nth;
    this.act = act;
  }

  cancel(): void {
    this.act = nothing;
  }
}

/**
 * A binary heap by moment and, within one, by number: a heap by moment alone does not keep the order of events of the same
 * moment, and a line of events for each moment costs three look-ups in a table for every event, most of which are alone in
 * theirs. What was called off stays where it is and is passed over.
 */
class EventHeap implements EventQueue {
  readonly #entries: Entry[] = [];
  /** Their moments, beside them: numbers in a list of numbers are compared without looking at the entries. */
  readonly #moments: number[] = [];
  #asked = 0;

  add(at: Instant, act: () => void): Scheduled {
    const entry = new Entry(at, this.#asked, act);
    this.#asked += 1;
    const entries = this.#entries;
    const moments = this.#moments;
    let place = entries.length;
    entries.push(entry);
    moments.push(at);
    // It is the latest that was asked for: it goes before another only if its moment is before that one's.
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const moment = moments[parent] as number;
      if (at >= moment) break;
      entries[place] = entries[parent] as Entry;
      moments[place] = moment;
      place = parent;
    }
    entries[place] = entry;
    moments[place] = at;
    return entry;
  }

  next(): Instant | undefined {
    return this.#head()?.at;
  }

  take(): { readonly at: Instant; readonly act: () => void } | undefined {
    const entry = this.#head();
    if (entry) this.#removeFirst();
    return entry;
  }

  #head(): Entry | undefined {
    for (;;) {
      const entry = this.#entries[0];
      if (entry?.act !== nothing) return entry;
      this.#removeFirst();
    }
  }

  #removeFirst(): void {
    const entries = this.#entries;
    const moments = this.#moments;
    const last = entries.pop() as Entry;
    const at = moments.pop() as number;
    const count = entries.length;
    if (count === 0) return;
    let place = 0;
    for (let child = 1; child < count; child = 2 * place + 1) {
      const right = child + 1;
      if (right < count && this.#isBefore(right, moments[child] as number, entries[child] as Entry)) child = right;
      if (!this.#isBefore(child, at, last)) break;
      entries[place] = entries[child] as Entry;
      moments[place] = moments[child] as number;
      place = child;
    }
    entries[place] = last;
    moments[place] = at;
  }

  /** Whether what is at a place comes before an entry and its moment. */
  #isBefore(place: number, at: number, { nth }: Entry): boolean {
    const moment = this.#moments[place] as number;
    return moment < at || (moment === at && (this.#entries[place] as Entry).nth < nth);
  }
}

/** A queue in which nothing is going to happen. */
export const eventQueue = (): EventQueue => new EventHeap();
