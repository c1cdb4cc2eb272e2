import type { Instant } from '#core/units';
import { fillUp } from './fill-up.ts';
import { goOnAt, join, leave, newGroup, newPlace, renew, servedBy } from './stream-groups.ts';
import type { Group, Limit, Passage, Place, Stream } from './stream-groups.ts';

/** Is told that so many bytes crossed a place, evenly from one moment until another. */
export type Carried = (place: number, from: Instant, until: Instant, bytes: number) => void;

// A ceiling is set a little above the rate, and again once it is below it or twice as far above: the closer, the fewer
// places are watched, and the more often ceilings change.
const ceilingAbove = 1.03125;
const ceilingMax = 1.0625;
// A watched place is let go below this part of its capacity: ceilings set anew cannot take it back above at once.
const idleBelow = 0.9;
/*
 * What stands for no limit at all, in bytes per second: above every place there is. Bounds are sums of whole numbers, exact
 * whatever is added and taken away, as long as they are below 2^53.
 */
const unlimited = 2 ** 45;
// Groups come and go with every other stream, and are most of the same few: so many that all have left are kept.
const restingMax = 1_024;

/**
 * Places, and the streams that share them at max-min fair rates, found anew where something changed.
 *
 * Streams hold each other back only at places that are full, and of many places few can be. A place is watched when what
 * crosses it could exceed what it can carry, by the ceilings of those who pass it. Streams that pass the same watched places
 * under the same limit get the same rate, however else their ways differ: they are one group. So a sharing costs the groups
 * that meet at watched places, not the streams or the hosts of a fleet; and with the others it is only to be seen that
 * no ceiling takes them too high. Streams change groups when a place on their way is watched or let go, which takes a
 * change of rates or numbers of a good part.
 *
 * Nothing is left out by that: what crosses a place that is not watched fits, so it is nobody's bottleneck.
 */
export class SharedPlaces {
  readonly places: ReadonlyMap<string, Place>;
  readonly #groups = new Map<string, Group>();
  /** Groups that all have left, and nobody speaks of any more. */
  readonly #resting = new Map<string, Group>();
  readonly #limits = new Map<number, Limit>();
  readonly #carried: Carried;
  /** What is to be shared anew: groups whose streams changed, and watched places. Each once; its notes say so. */
  #changed: Group[] = [];
  #touched: Place[] = [];
  /** Places that may have to be watched, and that may be let go. */
  readonly #high = new Set<Place>();
  readonly #idle = new Set<Place>();
  /** The names of groups by the ways that lead to them, as of an epoch in which places are watched and held as they are. */
  readonly #keys = new WeakMap<readonly Place[], GroupKey>();
  #epoch = 0;
  /** How often rates were found. */
  #sharings = 0;

  constructor(capacities: ReadonlyMap<string, number>, carried: Carried) {
    this.#carried = carried;
    this.places = new Map([...capacities].map(([name, capacity], index) => [name, newPlace(name, index, capacity)]));
  }

  /** How many groups there are. */
  get groups(): number {
    return this.#groups.size;
  }

  /** A stream begins. It has no rate before the next sharing. */
  add(stream: Stream, now: Instant): void {
    for (const place of stream.way) place.streams.add(stream);
    this.#enter(stream, this.#groupOf(stream, now), now);
  }

  /** A stream ends, wherever it is. */
  remove(stream: Stream, now: Instant): void {
    this.#exit(stream, now);
    for (const place of stream.way) place.streams.delete(stream);
  }

  /** A place carries something else, or holds streams to something else. */
  alter(place: Place, { capacity, streamMax }: Pick<Place, 'capacity' | 'streamMax'>, now: Instant): void {
    const isHeld = place.streamMax !== streamMax;
    place.capacity = capacity;
    place.streamMax = streamMax;
    if (isHeld) {
      this.#epoch += 1;
      this.#regroup(place, now);
    }
    if (place.isWatched && !place.notes.isTouched) {
      place.notes.isTouched = true;
      this.#touched.push(place);
    }
    this.#weigh(place, 0);
  }

  /** A group is to be shared anew, whatever changed of it. */
  concern(group: Group): void {
    if (group.notes.isChanged) return;
    group.notes.isChanged = true;
    this.#changed.push(group);
  }

  /** Finds rates anew. Answers the groups that changed in any way since the last time; some may have no streams any more. */
  share(now: Instant): readonly Group[] {
    this.#sharings += 1;
    const altered: Group[] = [];
    const alter = (group: Group): void => {
      if (group.notes.altered === this.#sharings) return;
      group.notes.altered = this.#sharings;
      altered.push(group);
    };
    // Only here: else a place could be let go and watched again without end.
    if (this.#idle.size > 0) {
      const idle = [...this.#idle].filter((place) => place.isWatched && isIdle(place));
      this.#idle.clear();
      this.#watch(idle, false, now);
    }
    for (;;) {
      if (this.#high.size > 0) {
        const high = [...this.#high].filter((place) => !place.isWatched && place.bound > place.capacity);
        this.#high.clear();
        this.#watch(high, true, now);
      }
      const [changed, touched] = [this.#changed, this.#touched];
      if (changed.length === 0 && touched.length === 0) {
        this.#rest(altered);
        return altered;
      }
      for (const group of changed) alter(group);
      for (const group of this.#sharedAnew(changed, touched)) {
        const { fresh } = group.notes;
        if (fresh === group.rate) continue;
        goOnAt(group, fresh, now);
        alter(group);
        this.#setCeiling(group);
      }
    }
  }

  #sharedAnew(changed: readonly Group[], touched: readonly Place[]): readonly Group[] {
    this.#changed = [];
    this.#touched = [];
    for (const group of changed) group.notes.isChanged = false;
    for (const place of touched) place.notes.isTouched = false;
    // Who passes no place that may be full is in nobody's way, and has all that it can take: so are three of four sharings.
    if (touched.length > 0 || !changed.every(({ watched }) => watched.length === 0)) return fillUp(changed, touched);
    for (const { notes, limit } of changed) notes.fresh = limit.value;
    return changed;
  }

  /** Writes down what has crossed each place until then, which must not be before it was last written. */
  write(until: Instant): void {
    for (const group of this.#groups.values())
      for (const passage of group.passages.values()) this.#write(passage, until);
  }

  /** Groups that have streams. */
  [Symbol.iterator](): Iterator<Group> {
    return this.#groups.values();
  }

  /** Watches places, or lets them go. A stream that passes several of them changes groups once, with the last of them. */
  #watch(places: readonly Place[], isWatched: boolean, now: Instant): void {
    if (places.length === 0) return;
    this.#epoch += 1;
    places.forEach((place, i) => {
      place.isWatched = isWatched;
      place.notes.turning = i;
    });
    places.forEach((place, i) => {
      for (const stream of place.streams) if (places.length === 1 || lastTurning(stream) === i) this.#move(stream, now);
    });
    for (const place of places) place.notes.turning = -1;
  }

  #regroup(place: Place, now: Instant): void {
    for (const stream of place.streams) this.#move(stream, now);
  }

  #move(stream: Stream, now: Instant): void {
    const group = this.#groupOf(stream, now);
    if (group === stream.group) return;
    this.#exit(stream, now);
    this.#enter(stream, group, now);
  }

  /** Groups that all have left are kept for those who come after, once nobody speaks of them any more. */
  #rest(groups: Iterable<Group>): void {
    if (this.#resting.size > restingMax) this.#resting.clear();
    for (const group of groups) if (group.streams === 0) this.#resting.set(group.key, group);
  }

  #enter(stream: Stream, group: Group, now: Instant): void {
    join(stream, group, now);
    for (const place of stream.way) {
      const passage = group.passages.get(place) ?? newPassage(place, group, now);
      this.#write(passage, now);
      passage.streams += 1;
      this.#weigh(place, group.ceiling);
    }
    this.concern(group);
  }

  #exit(stream: Stream, now: Instant): void {
    const { group } = stream;
    if (!group) return;
    for (const place of stream.way) {
      const passage = group.passages.get(place);
      if (!passage) continue;
      this.#write(passage, now);
      passage.streams -= 1;
      if (passage.streams === 0) removePassage(passage);
      this.#weigh(place, -group.ceiling);
    }
    leave(stream, group, now);
    this.concern(group);
    // A group that serves nobody is forgotten, and with it a total that would only lose precision.
    if (group.streams === 0) this.#groups.delete(group.key);
  }

  #groupOf({ way, order }: Stream, now: Instant): Group {
    const { key, value } = this.#keyOf(way, order.streamMax);
    const known = this.#groups.get(key);
    if (known) return known;
    const rested = this.#resting.get(key);
    if (rested) {
      this.#resting.delete(key);
      renew(rested, now);
      this.#groups.set(key, rested);
      return rested;
    }
    const limit = this.#limits.get(value) ?? { value, notes: { reached: 0, groups: [] } };
    this.#limits.set(value, limit);
    const group = newGroup(
      key,
      way.filter(({ isWatched }) => isWatched),
      limit,
      now,
    );
    this.#groups.set(key, group);
    return group;
  }

  #keyOf(way: readonly Place[], streamMax: number): GroupKey {
    const before = this.#keys.get(way);
    if (before && before.epoch === this.#epoch && before.streamMax === streamMax) return before;
    let value = Math.min(streamMax, unlimited);
    let key = '';
    for (const place of way) {
      value = Math.min(value, place.streamMax);
      if (place.isWatched) key += `${place.index} `;
    }
    const found: GroupKey = { epoch: this.#epoch, streamMax, value, key: key + value };
    this.#keys.set(way, found);
    return found;
  }

  #setCeiling(group: Group): void {
    const { rate, ceiling, limit } = group;
    if (rate <= ceiling && ceiling <= rate * ceilingMax) return;
    group.ceiling = Math.ceil(Math.min(rate * ceilingAbove, Math.max(rate, limit.value)));
    const more = group.ceiling - ceiling;
    for (const { place, streams } of group.passages.values()) this.#weigh(place, more * streams);
  }

  /** So much more may cross a place than before. */
  #weigh(place: Place, more: number): void {
    place.bound += more;
    if (!place.isWatched && place.bound > place.capacity) this.#high.add(place);
    if (place.isWatched && isIdle(place)) this.#idle.add(place);
  }

  #write(passage: Passage, until: Instant): void {
    const { place, group, mark, since, streams } = passage;
    // Nothing crosses in no time: a group that many join or leave at once is written once.
    if (since === until) return;
    passage.mark = servedBy(group, until);
    passage.since = until;
    this.#carried(place.index, since, until, (passage.mark - mark) * streams);
  }
}

/** Which group streams of one way and one limit of their own belong to. */
interface GroupKey {
  readonly epoch: number;
  readonly streamMax: number;
  /** What each of them is held to, on its way and by itself. */
  readonly value: number;
  readonly key: string;
}

/** The last of the places on a stream's way that are beginning, or ceasing, to be watched. */
function lastTurning({ way }: Stream): number {
  let last = -1;
  for (const place of way) if (place.notes.turning > last) last = place.notes.turning;
  return last;
}

const isIdle = ({ bound, capacity }: Place): boolean => bound < capacity * idleBelow;

function newPassage(place: Place, group: Group, now: Instant): Passage {
  const passage = { place, group, at: place.passages.length, streams: 0, mark: servedBy(group, now), since: now };
  place.passages.push(passage);
  group.passages.set(place, passage);
  return passage;
}

function removePassage({ place, group, at }: Passage): void {
  group.passages.delete(place);
  const last = place.passages.pop();
  if (!last || last.at === at) return;
  last.at = at;
  place.passages[at] = last;
}
