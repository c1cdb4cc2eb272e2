import FlatQueue from 'flatqueue';
import { InvariantError } from '#core/invariant';
import { instant, type Instant } from '#core/units';
import type { Scheduled } from '#simulator/kernel/event-queue';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { SharedPlaces } from './shared-places.ts';
import {
  crossedBy,
  dueAt,
  goOnAt,
  takeThrough,
  type Group,
  type Place,
  type Stream,
  type TransferOrder,
} from './stream-groups.ts';
import { usageLedger, type Usage, type UsageLedger } from './usage-ledger.ts';

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
  /** The first place of a path that is down, if one is. */
  downOn(path: readonly string[]): string | undefined;
  /** Places can carry something else from now on. What disturbs them still does. */
  become(capacities: ReadonlyMap<string, number>): void;
  /** What has crossed each place, in the order of their capacities. */
  usage(): Usage;
}

/**
 * Streams over shared places, at max-min fair rates that are found anew, for those whom it concerns, whenever a stream
 * begins or ends. Streams that are served alike are kept as one group with one running total, so that a change costs the
 * groups and not the streams.
 */
export function transfers(clock: SimulatedClock, capacities: ReadonlyMap<string, number>): Transfers {
  return new Sharing(clock, capacities);
}

class Sharing implements Transfers {
  readonly #clock: SimulatedClock;
  readonly #shared: SharedPlaces;
  #capacities: ReadonlyMap<string, number>;
  readonly #disturbances = new Map<string, Set<Disturbance>>();
  readonly #ledger: UsageLedger;
  /** When the next stretch of the ledger begins. */
  #turns: Instant;
  /** Groups by when the next of their streams is through. Entries that are not true any more are passed over. */
  readonly #dues = new FlatQueue<Group>();
  /** The places of paths that were met. Machines take the same path over and over, and no path changes. */
  readonly #ways = new WeakMap<readonly string[], readonly Place[]>();
  #sequence = 0;
  #next: Scheduled | undefined;

  constructor(clock: SimulatedClock, capacities: ReadonlyMap<string, number>) {
    this.#clock = clock;
    this.#capacities = capacities;
    const ledger = usageLedger(clock.now(), capacities.size);
    this.#ledger = ledger;
    this.#turns = ledger.stretchAfter(clock.now());
    this.#shared = new SharedPlaces(capacities, ledger.carried);
  }

  begin(order: TransferOrder): Transfer {
    const { path, length } = order;
    const now = this.#now();
    const sequence = this.#sequence;
    this.#sequence += 1;
    const way = this.#wayOf(path);
    const stream: Stream = { order, sequence, way, group: undefined, before: 0, mark: 0, until: length };
    this.#shared.add(stream, now);
    this.#share(now);
    return {
      crossed: () => Math.max(0, Math.min(length, Math.floor(crossedBy(stream, this.#clock.now())))),
      cancel: () => {
        if (!stream.group) return;
        const at = this.#now();
        this.#shared.remove(stream, at);
        this.#share(at);
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

  downOn(path: readonly string[]): string | undefined {
    for (const place of this.#wayOf(path)) if (place.capacity === 0) return place.name;
    return undefined;
  }

  usage(): Usage {
    this.#shared.write(this.#now());
    return this.#ledger.usage();
  }

  /** Puts the worst of what disturbs a place into effect. */
  #weigh(place: Place): void {
    const now = this.#now();
    const present = [...(this.#disturbances.get(place.name) ?? [])];
    const factor = present.reduce((least, each) => Math.min(least, each.factor), 1);
    const capacity = factor * (this.#capacities.get(place.name) ?? 0);
    const streamMax = present.reduce((least, each) => Math.min(least, each.streamMax ?? Infinity), Infinity);
    this.#shared.alter(place, { capacity, streamMax }, now);
    const broken = factor > 0 ? [] : [...place.streams].toSorted(bySequence);
    for (const stream of broken) this.#shared.remove(stream, now);
    this.#share(now);
    for (const { order } of broken) order.onBroken(place.name);
  }

  #place(name: string): Place {
    const place = this.#shared.places.get(name);
    if (!place) throw new InvariantError(`there is no place ${name}`);
    return place;
  }

  #wayOf(path: readonly string[]): readonly Place[] {
    const known = this.#ways.get(path);
    if (known) return known;
    const way = path.map((name) => this.#place(name));
    this.#ways.set(path, way);
    return way;
  }

  /** Now; and what crossed in stretches of the ledger that are over is written down, as long as rates are what they were. */
  #now(): Instant {
    const now = this.#clock.now();
    if (now >= this.#turns) {
      this.#shared.write(this.#turns);
      // Rates have not changed since. Once at the first turn and once at the last is enough.
      const last = this.#ledger.stretchOf(now);
      if (last > this.#turns) this.#shared.write(last);
      this.#turns = this.#ledger.stretchAfter(now);
    }
    return now;
  }

  /** Finds rates anew, of those whom a change concerns, and when the next stream will be through. */
  #share(now: Instant): void {
    for (const group of this.#shared.share(now)) {
      const due = dueAt(group, now);
      if (due === group.due) continue;
      group.due = due;
      if (due < Infinity) this.#dues.push(group, due);
    }
    if (this.#dues.length > 4 * this.#shared.groups + 64) this.#sortDues();
    const due = this.#nextDue();
    if (due === this.#next?.at) return;
    this.#next?.cancel();
    this.#next = due === undefined ? undefined : this.#clock.schedule(instant(due), () => this.#finish());
  }

  #nextDue(): number | undefined {
    const dues = this.#dues;
    while (dues.length > 0 && dues.peek()?.due !== dues.peekValue()) dues.pop();
    return dues.peekValue();
  }

  /** Most of what is in the queue is not true any more. */
  #sortDues(): void {
    this.#dues.clear();
    for (const group of this.#shared) if (group.due < Infinity) this.#dues.push(group, group.due);
    this.#dues.shrink();
  }

  #finish(): void {
    const now = this.#now();
    this.#next = undefined;
    const through: Stream[] = [];
    for (let due = this.#nextDue(); due !== undefined && due <= now; due = this.#nextDue()) {
      const group = this.#dues.pop();
      if (!group) break;
      group.due = Infinity;
      goOnAt(group, group.rate, now);
      through.push(...takeThrough(group));
      this.#shared.concern(group);
    }
    for (const stream of through) this.#shared.remove(stream, now);
    this.#share(now);
    for (const { order } of through.toSorted(bySequence)) order.onDone();
  }
}

const bySequence = (a: Stream, b: Stream): number => a.sequence - b.sequence;
