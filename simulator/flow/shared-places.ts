import { fairRates } from './fair-share.ts';

/** A place that streams pass, and what is known of it since the last sharing. */
export interface SharedPlace<G> {
  readonly name: string;
  /** Which of all places it is. */
  readonly index: number;
  /** Bytes per second. */
  capacity: number;
  /** The most that each stream can take here; `Infinity` as a rule. */
  streamMax: number;
  readonly groups: Set<G>;
  /** It carried all it could: somebody may be held back by it. */
  tight: boolean;
}

/** Streams that take the same way and are held to the same limit. `rate` is what each of them gets. */
export interface SharedGroup<G> {
  readonly places: readonly SharedPlace<G>[];
  readonly streamMax: number;
  readonly streams: number;
  readonly rate: number;
}

// Rates are sums and quotients of others: what is this close to full is full. Too close is only looked at once more.
const nearlyFull = 1 - 1e-9;

/**
 * Finds max-min fair rates anew after `changed` have changed in number or limits, or the `touched` places in what they
 * carry, and answers the rates of those whom it concerns. What cannot be concerned is left as it is.
 *
 * Groups hold each other back only at places that are full. So one begins with what has changed, adds everybody they meet
 * at places that were full before, shares what the others leave, and where that fills a place which others pass too, adds
 * these and shares again. In the end nobody inside meets anybody outside at a place that was full or is: each has its
 * bottleneck among its own, which is what max-min fairness means, and there is only one such allocation. At worst, with
 * one bottleneck for all, everything is shared anew once: as many steps as `fairRates` takes.
 */
export function shareAnew<G extends SharedGroup<G>>(
  changed: Iterable<G>,
  touched: Iterable<SharedPlace<G>>,
): ReadonlyMap<G, number> {
  const concerned = new Set<G>();
  const places = new Set(touched);
  const join = (groups: Iterable<G>): void => {
    const queue = [...groups];
    for (let group = queue.shift(); group; group = queue.shift()) {
      if (concerned.has(group)) continue;
      concerned.add(group);
      for (const place of group.places) {
        places.add(place);
        if (place.tight) for (const other of place.groups) if (!concerned.has(other)) queue.push(other);
      }
    }
  };
  for (const place of places) if (place.tight) join(place.groups);
  join(changed);
  for (;;) {
    const rates = ratesWithin(concerned, places);
    const filled = [...places].filter((place) => isFull(place, rates) && !isWithin(place, concerned));
    if (filled.length > 0) {
      for (const place of filled) join(place.groups);
      continue;
    }
    for (const place of places) place.tight = isFull(place, rates);
    return rates;
  }
}

/** The concerned share what the others leave them. */
function ratesWithin<G extends SharedGroup<G>>(
  concerned: ReadonlySet<G>,
  places: ReadonlySet<SharedPlace<G>>,
): ReadonlyMap<G, number> {
  const index = new Map<SharedPlace<G>, number>();
  const left: number[] = [];
  for (const place of places) {
    let rest = place.capacity;
    for (const group of place.groups) if (!concerned.has(group)) rest -= group.rate * group.streams;
    index.set(place, left.length);
    left.push(Math.max(0, rest));
  }
  const groups = [...concerned];
  const rates = fairRates(
    groups.map(({ places: way, streams, streamMax }) => ({
      path: way.map((place) => index.get(place) ?? 0),
      streams,
      streamMax: way.reduce((most, place) => Math.min(most, place.streamMax), streamMax),
    })),
    left,
  );
  return new Map(groups.map((group, i) => [group, rates[i] ?? 0]));
}

function isFull<G extends SharedGroup<G>>(
  { capacity, groups }: SharedPlace<G>,
  rates: ReadonlyMap<G, number>,
): boolean {
  let carried = 0;
  for (const group of groups) carried += (rates.get(group) ?? group.rate) * group.streams;
  return carried >= capacity * nearlyFull;
}

function isWithin<G>({ groups }: SharedPlace<G>, concerned: ReadonlySet<G>): boolean {
  for (const group of groups) if (!concerned.has(group)) return false;
  return true;
}
