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
  // A full place brings all its groups along, once.
  const opened = new Set<SharedPlace<G>>();
  const open = (place: SharedPlace<G>, queue: G[]): void => {
    if (opened.has(place)) return;
    opened.add(place);
    for (const group of place.groups) queue.push(group);
  };
  const join = (queue: G[]): void => {
    // It grows while it is gone through.
    for (const group of queue) {
      if (concerned.has(group)) continue;
      concerned.add(group);
      for (const place of group.places) {
        places.add(place);
        if (place.tight) open(place, queue);
      }
    }
  };
  const bring = (place: SharedPlace<G>): void => {
    const queue: G[] = [];
    open(place, queue);
    join(queue);
  };
  for (const place of places) if (place.tight) bring(place);
  join([...changed]);
  for (;;) {
    const rates = ratesWithin(concerned, places);
    const full = new Set<SharedPlace<G>>();
    for (const place of places) if (isFull(place, rates)) full.add(place);
    const filled = [...full].filter((place) => !opened.has(place) && !isWithin(place, concerned));
    if (filled.length > 0) {
      for (const place of filled) bring(place);
      continue;
    }
    for (const place of places) place.tight = full.has(place);
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
