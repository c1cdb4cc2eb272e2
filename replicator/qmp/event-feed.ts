import type { QmpEvent } from './message.ts';

/** What a follower of events sees: the events, and the fact that it was too slow for some. */
export type FeedItem =
  | { readonly type: 'Event'; readonly event: QmpEvent }
  /** This many of the oldest events were dropped because they were not taken in time. Ask the world again. */
  | { readonly type: 'EventsDropped'; readonly count: number };

/** Events held for a follower that does not take them. QEMU sends a handful per command; a storm is one per I/O error. */
export const eventsHeldMax = 1_024;

/** Hands events from the one connection to everyone who follows them. */
export interface EventFeed {
  announce(event: QmpEvent): void;
  /** Ends every follower's iteration after what is held for it. */
  end(): void;
  /** Calls back on each event until the returned function is called. Ends with `ended` if the feed ends first. */
  subscribe(subscriber: Subscriber): () => void;
  /** Everything announced from now on, until the feed ends or `signal` is aborted. */
  follow(signal?: AbortSignal): AsyncIterableIterator<FeedItem>;
}

/** Someone who is told at once. */
export interface Subscriber {
  announced(event: QmpEvent): void;
  ended(): void;
}

/** Makes a feed that has not begun. */
export function eventFeed(heldMax: number = eventsHeldMax): EventFeed {
  const subscribers = new Set<Subscriber>();
  let isOver = false;
  const subscribe = (subscriber: Subscriber): (() => void) => {
    // Later and not at once: the caller does not hold the function that unsubscribes yet.
    if (isOver) queueMicrotask(() => subscriber.ended());
    else subscribers.add(subscriber);
    return () => subscribers.delete(subscriber);
  };
  return {
    subscribe,
    follow: (signal) => follow(subscribe, heldMax, signal),
    announce(event) {
      for (const subscriber of subscribers) subscriber.announced(event);
    },
    end() {
      isOver = true;
      const all = [...subscribers];
      subscribers.clear();
      for (const subscriber of all) subscriber.ended();
    },
  };
}

function follow(
  subscribe: (subscriber: Subscriber) => () => void,
  heldMax: number,
  signal?: AbortSignal,
): AsyncIterableIterator<FeedItem> {
  const held: QmpEvent[] = [];
  let dropped = 0;
  let isOver = signal?.aborted ?? false;
  let wake = (): void => {};

  const unsubscribe = subscribe({
    announced(event) {
      if (held.length === heldMax) {
        held.shift();
        dropped += 1;
      }
      held.push(event);
      wake();
    },
    ended: () => finish(),
  });
  const finish = (): void => {
    isOver = true;
    wake();
  };
  signal?.addEventListener('abort', finish, { once: true });
  const letGo = (): void => {
    unsubscribe();
    signal?.removeEventListener('abort', finish);
  };

  // Subscribed at once and not at the first `next`: an event between the two would be lost.
  return (async function* (): AsyncGenerator<FeedItem, void> {
    try {
      for (;;) {
        if (dropped > 0) {
          const count = dropped;
          dropped = 0;
          yield { type: 'EventsDropped', count };
        }
        const event = held.shift();
        if (event !== undefined) yield { type: 'Event', event };
        else if (isOver) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      letGo();
    }
  })();
}
