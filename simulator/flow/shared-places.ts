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
  /** Notes of one sharing, made by `sharedPlace`. */
  readonly notes: PlaceNotes;
}

/** Streams that take the same way and are held to the same limit. `rate` is what each of them gets. */
export interface SharedGroup<G> {
  readonly places: readonly SharedPlace<G>[];
  readonly streamMax: number;
  readonly streams: number;
  readonly rate: number;
  /** Notes of one sharing, made by `groupNotes`. */
  readonly notes: GroupNotes;
}

/*
 * There is a sharing for every stream that begins or ends, and with one link for a fleet it looks at every group and every
 * place. So what it notes of them is kept on them, with the number of the sharing: a look-up in a table by object for each
 * would be most of what it costs.
 */
interface PlaceNotes {
  /** The sharing that reached it, and the one in which it brought its groups along. */
  reached: number;
  opened: number;
  /** What is left to those who are not settled yet, and how many streams they are. */
  left: number;
  waiting: number;
}

interface GroupNotes {
  /** The sharing that concerned it last. */
  concerned: number;
  /** The most that each stream can take on its whole way. */
  limit: number;
  /** What each of its streams gets by the last sharing that concerned it. */
  fresh: number;
}

/** A place that nobody passes yet. */
export const sharedPlace = <G>(name: string, index: number, capacity: number): SharedPlace<G> => ({
  ...{ name, index, capacity, streamMax: Infinity, groups: new Set<G>(), tight: capacity === 0 },
  notes: { reached: 0, opened: 0, left: 0, waiting: 0 },
});

/** The notes of a group that has not shared anything yet. */
export const groupNotes = (): GroupNotes => ({ concerned: 0, limit: Infinity, fresh: 0 });

// Rates are sums and quotients of others: what is this close to full is full. Too close is only looked at once more.
const nearlyFull = 1 - 1e-9;

// Sharings are told apart by their number alone; nothing depends on what it is.
let sharings = 0;

/**
 * Finds max-min fair rates anew after `changed` have changed in number or limits, or the `touched` places in what they
 * carry, and answers those whom it concerns, with their rates in `notes.fresh`. What cannot be concerned is left as it is.
 *
 * Groups hold each other back only at places that are full. So one begins with what has changed, adds everybody they meet
 * at places that were full before, shares what the others leave, and where that fills a place which others pass too, adds
 * these and shares again. In the end nobody inside meets anybody outside at a place that was full or is: each has its
 * bottleneck among its own, which is what max-min fairness means, and there is only one such allocation. At worst, with
 * one bottleneck for all, everything is shared anew once: as many steps as `fairRates` takes.
 */
export function shareAnew<G extends SharedGroup<G>>(
  changed: readonly G[],
  touched: Iterable<SharedPlace<G>>,
): readonly G[] {
  sharings += 1;
  const here: Sharing<G> = { number: sharings, groups: [], places: [] };
  for (const place of touched) reach(here, place);
  // It grows while it is gone through.
  for (let i = 0; i < here.places.length; i += 1) {
    const place = here.places[i];
    if (place?.tight) bring(here, place);
  }
  join(here, [...changed]);
  for (;;) {
    shareWithin(here);
    const filled = here.places.filter(
      (place) => place.notes.opened !== here.number && isFull(here, place) && !isWithin(here, place),
    );
    if (filled.length > 0) {
      for (const place of filled) bring(here, place);
      continue;
    }
    for (const place of here.places) place.tight = isFull(here, place);
    return here.groups;
  }
}

/** One sharing: whom it concerns, and where they pass. */
interface Sharing<G> {
  readonly number: number;
  readonly groups: G[];
  readonly places: SharedPlace<G>[];
}

function reach<G>(here: Sharing<G>, place: SharedPlace<G>): void {
  if (place.notes.reached === here.number) return;
  place.notes.reached = here.number;
  here.places.push(place);
}

/** A full place brings all its groups along, once. */
function bring<G extends SharedGroup<G>>(here: Sharing<G>, place: SharedPlace<G>): void {
  const queue: G[] = [];
  open(here, place, queue);
  join(here, queue);
}

function open<G>(here: Sharing<G>, place: SharedPlace<G>, queue: G[]): void {
  if (place.notes.opened === here.number) return;
  place.notes.opened = here.number;
  for (const group of place.groups) queue.push(group);
}

function join<G extends SharedGroup<G>>(here: Sharing<G>, queue: G[]): void {
  // It grows while it is gone through.
  for (const group of queue) {
    if (group.notes.concerned === here.number) continue;
    group.notes.concerned = here.number;
    here.groups.push(group);
    for (const place of group.places) {
      reach(here, place);
      if (place.tight) open(here, place, queue);
    }
  }
}

/** The concerned share what the others leave them, as `fairRates` does: the tightest place is settled first. */
function shareWithin<G extends SharedGroup<G>>(here: Sharing<G>): void {
  for (const { capacity, groups, notes } of here.places) {
    let rest = capacity;
    // A place that has brought its groups along has nobody else.
    if (notes.opened !== here.number)
      for (const group of groups) if (group.notes.concerned !== here.number) rest -= group.rate * group.streams;
    notes.left = Math.max(0, rest);
    notes.waiting = 0;
  }
  let waiting: G[] = [];
  for (const group of here.groups) {
    let limit = group.streamMax;
    for (const place of group.places) {
      limit = Math.min(limit, place.streamMax);
      place.notes.waiting += group.streams;
    }
    group.notes.limit = limit;
    group.notes.fresh = 0;
    if (group.streams > 0) waiting.push(group);
  }
  while (waiting.length > 0) {
    const { share, place } = tightest(here);
    let isLimited = false;
    for (const group of waiting) if (group.notes.limit <= share) isLimited = true;
    const later: G[] = [];
    for (const group of waiting) {
      const { limit } = group.notes;
      const settles = isLimited ? limit <= share : place === undefined || group.places.includes(place);
      if (settles) settle(group, Math.min(share, limit));
      else later.push(group);
    }
    waiting = later;
  }
}

function settle<G extends SharedGroup<G>>(group: G, rate: number): void {
  group.notes.fresh = rate;
  for (const { notes } of group.places) {
    notes.left = Math.max(0, notes.left - rate * group.streams);
    notes.waiting -= group.streams;
  }
}

function tightest<G>({ places }: Sharing<G>): { readonly share: number; readonly place: SharedPlace<G> | undefined } {
  let share = Infinity;
  let found: SharedPlace<G> | undefined;
  for (const place of places) {
    const { left, waiting } = place.notes;
    if (waiting === 0 || left / waiting >= share) continue;
    share = left / waiting;
    found = place;
  }
  return { share, place: found };
}

function isFull<G extends SharedGroup<G>>(here: Sharing<G>, { capacity, groups }: SharedPlace<G>): boolean {
  let carried = 0;
  for (const { notes, rate, streams } of groups)
    carried += (notes.concerned === here.number ? notes.fresh : rate) * streams;
  return carried >= capacity * nearlyFull;
}

function isWithin<G extends SharedGroup<G>>(here: Sharing<G>, { groups }: SharedPlace<G>): boolean {
  for (const { notes } of groups) if (notes.concerned !== here.number) return false;
  return true;
}
