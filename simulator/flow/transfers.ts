import FlatQueue from 'flatqueue';
import { invariant } from '#core/invariant';
import { instant, type Bytes, type Instant } from '#core/units';
import type { Scheduled } from '#simulator/kernel/event-queue';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { fairRates, type StreamClass } from './fair-share.ts';
import { usageLedger, type Usage, type UsageLedger } from './usage-ledger.ts';

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

/** Every stream of a world, sharing every place of it. */
export interface Transfers {
  begin(order: TransferOrder): Transfer;
  /** Breaks what passes there, and lets nothing pass until it is up again. */
  takeDown(place: string): void;
  bringUp(place: string): void;
  isDown(place: string): boolean;
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
interface Group {
  readonly places: readonly number[];
  readonly streamMax: number;
  readonly streams: FlatQueue<Stream>;
  readonly members: Set<Stream>;
  served: number;
  since: Instant;
  rate: number;
}

// Sums of many intervals are not exact to the last digit: a stream is through when less than this part of a byte is left.
const slack = 0.01;

/**
 * Streams over shared places, at max-min fair rates that are found anew whenever a stream begins or ends. Streams that
 * take the same way are kept as one group with one running total, so that a change costs the groups and not the streams.
 */
export function transfers(clock: SimulatedClock, capacities: ReadonlyMap<string, number>): Transfers {
  return new SharedPlaces(clock, capacities);
}

class SharedPlaces implements Transfers {
  readonly #clock: SimulatedClock;
  readonly #names: readonly string[];
  readonly #index: ReadonlyMap<string, number>;
  readonly #capacities: readonly number[];
  /** How often each place is down: two outages may overlap. */
  readonly #down = new Map<string, number>();
  readonly #groups = new Map<string, Group>();
  readonly #ledger: UsageLedger;
  #sequence = 0;
  #next: Scheduled | undefined;

  constructor(clock: SimulatedClock, capacities: ReadonlyMap<string, number>) {
    this.#clock = clock;
    this.#names = [...capacities.keys()];
    this.#capacities = [...capacities.values()];
    this.#index = new Map(this.#names.map((name, i) => [name, i]));
    this.#ledger = usageLedger(clock.now(), capacities.size);
  }

  begin(order: TransferOrder): Transfer {
    const group = this.#groupOf(order);
    this.#settle(group);
    const from = group.served;
    const stream: Stream = { order, sequence: this.#sequence, group, from, until: from + order.length, end: undefined };
    this.#sequence += 1;
    group.streams.push(stream, stream.until);
    group.members.add(stream);
    this.#share();
    return {
      crossed: () => {
        if (stream.end === undefined) this.#settle(group);
        return Math.max(0, Math.min(order.length, Math.floor((stream.end ?? group.served) - from)));
      },
      cancel: () => {
        if (stream.end !== undefined) return;
        this.#remove(stream);
        this.#share();
      },
    };
  }

  takeDown(place: string): void {
    const at = this.#place(place);
    this.#down.set(place, (this.#down.get(place) ?? 0) + 1);
    const broken = [...this.#groups.values()]
      .filter(({ places }) => places.includes(at))
      .flatMap(({ members }) => [...members])
      .toSorted(bySequence);
    for (const stream of broken) this.#remove(stream);
    this.#share();
    for (const { order } of broken) order.onBroken(place);
  }

  bringUp(place: string): void {
    const times = (this.#down.get(place) ?? 0) - 1;
    if (times > 0) this.#down.set(place, times);
    else this.#down.delete(place);
    this.#share();
  }

  isDown(place: string): boolean {
    return this.#down.has(place);
  }

  usage(): Usage {
    for (const group of this.#groups.values()) this.#settle(group);
    return this.#ledger.usage();
  }

  #place(name: string): number {
    const at = this.#index.get(name);
    invariant(at !== undefined, `there is no place ${name}`);
    return at;
  }

  #groupOf({ path, streamMax }: TransferOrder): Group {
    const key = `${path.join('>')} ${streamMax}`;
    const known = this.#groups.get(key);
    if (known) return known;
    const group: Group = {
      places: path.map((name) => this.#place(name)),
      streamMax,
      streams: new FlatQueue(),
      members: new Set(),
      served: 0,
      since: this.#clock.now(),
      rate: 0,
    };
    this.#groups.set(key, group);
    return group;
  }

  #settle(group: Group): void {
    const now = this.#clock.now();
    const served = (group.rate * (now - group.since)) / 1_000;
    if (served > 0)
      for (const place of group.places) this.#ledger.carried(place, group.since, now, served * group.members.size);
    group.served += served;
    group.since = now;
  }

  #remove(stream: Stream): void {
    this.#settle(stream.group);
    stream.end = stream.group.served;
    stream.group.members.delete(stream);
  }

  /** Finds the rates anew, and when the next stream will be through. */
  #share(): void {
    // A group that serves nobody is forgotten, and with it a running total that would only lose precision.
    for (const [key, { members }] of this.#groups) if (members.size === 0) this.#groups.delete(key);
    const groups = [...this.#groups.values()];
    const classes = groups.map(({ places, members, streamMax }): StreamClass => ({
      path: places,
      streams: members.size,
      streamMax,
    }));
    const capacities = this.#capacities.map((capacity, i) => (this.#down.has(this.#names[i] ?? '') ? 0 : capacity));
    const rates = fairRates(classes, capacities);
    groups.forEach((group, i) => {
      this.#settle(group);
      group.rate = rates[i] ?? 0;
    });
    this.#next?.cancel();
    this.#next = undefined;
    const due = Math.min(...groups.map((group) => dueAt(group)));
    if (due < Infinity) this.#next = this.#clock.schedule(instant(due), () => this.#finish());
  }

  #finish(): void {
    const through: Stream[] = [];
    for (const group of this.#groups.values()) {
      this.#settle(group);
      for (let stream = headOf(group); stream && stream.until - group.served <= slack; stream = headOf(group)) {
        this.#remove(stream);
        through.push(stream);
      }
    }
    this.#share();
    for (const { order } of through.toSorted(bySequence)) order.onDone();
  }
}

const bySequence = (a: Stream, b: Stream): number => a.sequence - b.sequence;

function headOf({ streams }: Group): Stream | undefined {
  for (let head = streams.peek(); head; head = streams.peek()) {
    if (head.end === undefined) return head;
    streams.pop();
  }
  return undefined;
}

function dueAt(group: Group): number {
  const head = headOf(group);
  if (!head || group.rate === 0) return Infinity;
  return group.since + Math.max(0, Math.ceil(((head.until - group.served - slack) / group.rate) * 1_000));
}
