import FlatQueue from 'flatqueue';
import { InvariantError } from '#core/invariant';
import type { Group, Limit, Place } from './stream-groups.ts';

// Sharings are told apart by their number alone; nothing depends on what it is.
let sharings = 0;
// Made once: there is a sharing for every stream that begins or ends, and none within another.
const shares = new FlatQueue<Place>();

/**
 * Finds max-min fair rates for all whom a change of these groups and watched places concerns: everybody they meet at
 * watched places, whom those meet, and so on. Answers them, with their rates in `notes.fresh`.
 *
 * Fills up as `fairRates` does, with groups for classes: what is tightest next, a place or a limit, settles all that it
 * holds back. Shares only rise on the way, so a heap has the tightest place, and it takes about as many steps as there are
 * passages of groups at watched places.
 */
export function fillUp(changed: Iterable<Group>, touched: Iterable<Place>): readonly Group[] {
  sharings += 1;
  const { groups, places, limits } = gather(changed, touched);
  shares.clear();
  for (const place of places) {
    place.notes.left = place.capacity;
    place.notes.waiting = place.streams.size;
    if (place.notes.waiting > 0) shares.push(place, place.capacity / place.notes.waiting);
  }
  limits.sort((a, b) => a.value - b.value);
  for (let at = 0; at < limits.length;) {
    const place = tightest();
    const share = place ? place.notes.left / place.notes.waiting : Infinity;
    const limit = limits[at];
    if (limit && (!place || limit.value <= share)) {
      for (const group of limit.notes.groups) settle(group, limit.value);
      at += 1;
    } else if (place) {
      for (const { group } of place.passages) settle(group, share);
      if (place.notes.waiting !== 0)
        throw new InvariantError(`${place.name} has streams of groups that do not watch it`);
    }
  }
  return groups;
}

/** Whom a sharing concerns, where they meet, and what they are held to. */
interface Concerned {
  readonly groups: readonly Group[];
  readonly places: readonly Place[];
  readonly limits: Limit[];
}

function gather(changed: Iterable<Group>, touched: Iterable<Place>): Concerned {
  const groups: Group[] = [];
  const places: Place[] = [];
  const limits: Limit[] = [];
  const reach = (place: Place): void => {
    if (!place.isWatched || place.notes.reached === sharings) return;
    place.notes.reached = sharings;
    places.push(place);
  };
  const concern = (group: Group): void => {
    if (group.notes.concerned === sharings) return;
    group.notes.concerned = sharings;
    groups.push(group);
    for (const place of group.watched) reach(place);
    const { notes } = group.limit;
    if (notes.reached !== sharings) {
      notes.reached = sharings;
      notes.groups = [];
      limits.push(group.limit);
    }
    notes.groups.push(group);
  };
  for (const place of touched) reach(place);
  for (const group of changed) concern(group);
  // It grows while it is gone through.
  for (const place of places) for (const { group } of place.passages) concern(group);
  return { groups, places, limits };
}

function settle(group: Group, rate: number): void {
  const { notes, streams, watched } = group;
  if (notes.settled === sharings) return;
  notes.settled = sharings;
  notes.fresh = rate;
  for (const place of watched) {
    place.notes.left = Math.max(0, place.notes.left - rate * streams);
    place.notes.waiting -= streams;
  }
}

function tightest(): Place | undefined {
  for (let place = shares.peek(); place; place = shares.peek()) {
    const { left, waiting } = place.notes;
    const share = left / waiting;
    if (waiting > 0 && share <= (shares.peekValue() ?? 0)) return place;
    shares.pop();
    if (waiting > 0) shares.push(place, share);
  }
  return undefined;
}
