import FlatQueue from 'flatqueue';
import { invariant } from '#core/invariant';
import { instant, type Bytes, type Instant } from '#core/units';
import type { Scheduled } from '#simulator/kernel/event-queue';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { usageLedger, type Usage, type UsageLedger } from './usage-ledger.ts';
import { groupNotes, shareAnew, sharedPlace, type SharedGroup, type SharedPlace } from './shared-places.ts';

/** One stream of bytes to be moved, counted and not moved. */
export interface TransferOrder {
  /** The places it passes: `host kvm-1`, `link wan`. */
  readonly path: readonly string[];
  readonly length: Bytes;
  /** The most it can take by itself, in bytes per second. */
  readonly streamMax: number;
  readonly onDone: () => void;
  /** A place on its way went down; it is over. */
  readonly onBroken: (place: string) => void;
}

/** A stream on its way. */
export interface Transfer {
  /** Bytes that have crossed by now; whole ones, never falling. */
  crossed(): number;
  cancel(): void;
}

/** What is different at a place for a while. */
export interface Disturbance {
  /** The part of its capacity that is left, from 0 (nothing passes, and what is on its way is broken) to 1. */
  readonly factor: number;
  /** The most that each stream can take there, in bytes per second. */
  readonly streamMax?: number;
}

/** Every stream of a world, sharing every place of it. */
export interface Transfers {
  begin(order: TransferOrder): Transfer;
  /** Disturbs a place until what it answers is called. Several disturbances: the worst of each holds. */
  disturb(place: string, disturbance: Disturbance): () => void;
  isDown(place: string): boolean;
  /** Places can carry something else from now on. What disturbs them still does. */
  become(capacities: ReadonlyMap<string, number>): void;
  /** What has crossed each place, in the order of their capacities. */
  usage(): Usage;
}

interface Stream {
  readonly order: TransferOrder;
  readonly sequence: number;
  readonly group: Group;
  /** What the group has served each of its streams by the time this one began, and by the time it is done. */
  readonly from: number;
  readonly until: number;
  /** What the group had served when it ended; undefined while it is on its way. */
  end: number | undefined;
}

/** Streams of one way and limit. They are served alike, so one number says how far each of them is. */
interface Group extends SharedGroup<Group> {
  readonly key: string;
  streams: number;
  rate: number;
  readonly queue: FlatQueue<Stream>;
  readonly members: Set<Stream>;
  served: number;
  since: Instant;
  /** When the next of them will be through. */
  due: number;
}

// Sums of many intervals are not exact to the last digit: a stream is through when less than this part of a byte is left.
const slack = 0.01;

/**
 * Streams over shared places, at max-min fair rates that are found anew, for those whom it concerns, whenever a stream
 * begins or ends. Streams that take the same way are kept as one group with one running total, so that a change costs the
 * groups and not the streams.
 */
export function transfers(clock: SimulatedClock, capacities: ReadonlyMap<string, number>): Transfers {
  return new SharedPlaces(clock, capacities);
}

class SharedPlaces implements Transfers {
  readonly #clock: SimulatedClock;
  readonly #places: ReadonlyMap<string, SharedPlace<Group>>;
  #capacities: ReadonlyMap<string, number>;
  readonly #disturbances = new Map<string, Set<Disturbance>>();
  readonly #groups = new Map<string, Group>();
  readonly #ledger: UsageLedger;
  #sequence = 0;
  #next: Scheduled | undefined;

  constructor(clock: SimulatedClock, capacities: ReadonlyMap<string, number>) {
    this.#clock = clock;
    this.#capacities = capacities;
    this.#ledger = usageLedger(clock.now(), capacities.size);
    this.#places = new Map(
      [...capacities].map(([name, capacity], index) => [name, sharedPlace<Group>(name, index, capacity)]),
    );
  }

  begin(order: TransferOrder): Transfer {
    const group = this.#groupOf(order);
    this.#settle(group);
    const from = group.served;
    const stream: Stream = { order, sequence: this.#sequence, group, from, until: from + order.length, end: undefined };
    this.#sequence += 1;
    group.queue.push(stream, stream.until);
    group.members.add(stream);
    group.streams += 1;
    this.#share([group]);
    return {
      crossed: () => {
        if (stream.end === undefined) this.#settle(group);
        return Math.max(0, Math.min(order.length, Math.floor((stream.end ?? group.served) - from)));
      },
      cancel: () => {
        if (stream.end !== undefined) return;
        this.#remove(stream);
        this.#share([group]);
      },
    };
  }

  disturb(name: string, disturbance: Disturbance): () => void {
    const place = this.#place(name);
    const present = this.#disturbances.get(name) ?? new Set();
    this.#disturbances.set(name, present);
    // Each is its own, however alike they are.
    const own = { ...disturbance };
    present.add(own);
    this.#weigh(place);
    return () => {
      if (present.delete(own)) this.#weigh(place);
    };
  }

  become(capacities: ReadonlyMap<string, number>): void {
    const before = this.#capacities;
    this.#capacities = new Map([...before, ...capacities]);
    for (const [name, capacity] of capacities) if (before.get(name) !== capacity) this.#weigh(this.#place(name));
  }

  isDown(name: string): boolean {
    return this.#place(name).capacity === 0;
  }

  usage(): Usage {
    for (const group of this.#groups.values()) this.#settle(group);
    return this.#ledger.usage();
  }

  /** Puts the worst of what disturbs a place into effect. */
  #weigh(place: SharedPlace<Group>): void {
    const present = [...(this.#disturbances.get(place.name) ?? [])];
    const factor = present.reduce((least, each) => Math.min(least, each.factor), 1);
    place.capacity = factor * (this.#capacities.get(place.name) ?? 0);
    place.streamMax = present.reduce((least, each) => Math.min(least, each.streamMax ?? Infinity), Infinity);
    const passing = [...place.groups];
    const broken = factor > 0 ? [] : passing.flatMap(({ members }) => [...members]).toSorted(bySequence);
    for (const stream of broken) this.#remove(stream);
    this.#share(passing, place);
    for (const { order } of broken) order.onBroken(place.name);
  }

  #place(name: string): SharedPlace<Group> {
    const place = this.#places.get(name);
    invariant(place, `there is no place ${name}`);
    return place;
  }

  #groupOf({ path, streamMax }: TransferOrder): Group {
    const key = `${path.join('>')} ${streamMax}`;
    const known = this.#groups.get(key);
    if (known) return known;
    const group: Group = {
      key,
      places: path.map((name) => this.#place(name)),
      streamMax,
      streams: 0,
      queue: new FlatQueue(),
      members: new Set(),
      served: 0,
      since: this.#clock.now(),
      rate: 0,
      due: Infinity,
      notes: groupNotes(),
    };
    this.#groups.set(key, group);
    for (const place of group.places) place.groups.add(group);
    return group;
  }

  #settle(group: Group): void {
    const now = this.#clock.now();
    const served = (group.rate * (now - group.since)) / 1_000;
    if (served > 0)
      for (const { index } of group.places) this.#ledger.carried(index, group.since, now, served * group.members.size);
    group.served += served;
    group.since = now;
  }

  #remove(stream: Stream): void {
    const { group } = stream;
    this.#settle(group);
    stream.end = group.served;
    group.members.delete(stream);
    group.streams -= 1;
  }

  /** Finds rates anew, of those whom a change concerns, and when the next stream will be through. */
  #share(changed: readonly Group[], at?: SharedPlace<Group>): void {
    const touched = new Set(changed.flatMap(({ places }) => places));
    if (at) touched.add(at);
    // A group that serves nobody is forgotten, and with it a running total that would only lose precision.
    for (const group of changed)
      if (group.streams === 0) {
        this.#groups.delete(group.key);
        for (const place of group.places) place.groups.delete(group);
      }
    const remaining = changed.filter(({ streams }) => streams > 0);
    for (const group of shareAnew(remaining, touched)) {
      this.#settle(group);
      group.rate = group.notes.fresh;
      group.due = dueAt(group);
    }
    this.#next?.cancel();
    this.#next = undefined;
    let due = Infinity;
    for (const group of this.#groups.values()) due = Math.min(due, group.due);
    if (due < Infinity) this.#next = this.#clock.schedule(instant(due), () => this.#finish());
  }

  #finish(): void {
    const through: Stream[] = [];
    const changed: Group[] = [];
    for (const group of this.#groups.values()) {
      if (group.due > this.#clock.now()) continue;
      this.#settle(group);
      changed.push(group);
      for (let stream = headOf(group); stream && stream.until - group.served <= slack; stream = headOf(group)) {
        this.#remove(stream);
        through.push(stream);
      }
    }
    this.#share(changed);
    for (const { order } of through.toSorted(bySequence)) order.onDone();
  }
}

const bySequence = (a: Stream, b: Stream): number => a.sequence - b.sequence;

function headOf({ queue }: Group): Stream | undefined {
  for (let head = queue.peek(); head; head = queue.peek()) {
    if (head.end === undefined) return head;
    queue.pop();
  }
  return undefined;
}

function dueAt(group: Group): number {
  const head = headOf(group);
  if (!head || group.rate === 0) return Infinity;
  return group.since + Math.max(0, Math.ceil(((head.until - group.served - slack) / group.rate) * 1_000));
}
