import FlatQueue from 'flatqueue';
import type { Bytes, Instant } from '#core/units';

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

/** A place that streams pass. */
export interface Place {
  readonly name: string;
  /** Which of all places it is. */
  readonly index: number;
  /** Bytes per second. */
  capacity: number;
  /** The most that each stream can take here; `Infinity` as a rule. */
  streamMax: number;
  readonly streams: Set<Stream>;
  /** The groups that pass it, in no order that means anything. */
  readonly passages: Passage[];
  /** It may be full. Groups are told apart by the watched places on their way, and by no others. */
  isWatched: boolean;
  /** What crosses it is not more than this: the ceilings of those who pass it. */
  bound: number;
  /** Notes of one sharing. */
  readonly notes: PlaceNotes;
}

interface PlaceNotes {
  /** It is to be shared anew. */
  isTouched: boolean;
  /** The sharing that reached it. */
  reached: number;
  /** What is left to those who are not settled yet, and how many streams they are. */
  left: number;
  waiting: number;
  /** Which it is of the places that are just beginning, or ceasing, to be watched; -1 if it is none of them. */
  turning: number;
}

/** One group at one place. */
export interface Passage {
  readonly place: Place;
  readonly group: Group;
  /** Where it stands among the passages of its place. */
  at: number;
  streams: number;
  /** What the group had served each of its streams, and when, as it was last written down what had crossed. */
  mark: number;
  since: Instant;
}

/**
 * Streams that pass the same watched places and are held to the same limit. They are all served alike, so one number says how
 * far each of them is: what has been served since the group began.
 */
export interface Group {
  readonly key: string;
  readonly watched: readonly Place[];
  readonly limit: Limit;
  readonly passages: Map<Place, Passage>;
  streams: number;
  /** What each stream gets, in bytes per second, and what each has been served until `since`. */
  rate: number;
  served: number;
  since: Instant;
  /** A whole number not below the rate and not far above it, so that a small change of rate is no change for a place. */
  ceiling: number;
  /** Streams by what the group will have served when they are through. Whoever left is passed over. */
  readonly queue: FlatQueue<Stream>;
  /** When the next of them will be through. */
  due: number;
  readonly notes: GroupNotes;
}

interface GroupNotes {
  /** It is to be shared anew. */
  isChanged: boolean;
  /** The last time that rates were found in which anything of it changed. */
  altered: number;
  /** The sharing that concerned it last, and the one that settled it. */
  concerned: number;
  settled: number;
  /** What each of its streams gets by the last sharing that concerned it. */
  fresh: number;
}

/** What streams of several groups are held to each, in bytes per second. */
export interface Limit {
  readonly value: number;
  readonly notes: { reached: number; groups: Group[] };
}

/** One stream on its way, or at the end of it. */
export interface Stream {
  readonly order: TransferOrder;
  /** Which of all streams it is, in the order in which they began. */
  readonly sequence: number;
  readonly way: readonly Place[];
  /** The group it is served with; none once it has ended. */
  group: Group | undefined;
  /** Bytes that had crossed when it joined its group, and what that had served by then. */
  before: number;
  mark: number;
  /** What its group will have served when it is through. */
  until: number;
}

/** A place that nobody passes yet. */
export const newPlace = (name: string, index: number, capacity: number): Place => ({
  name,
  index,
  capacity,
  streamMax: Infinity,
  streams: new Set<Stream>(),
  passages: [],
  isWatched: false,
  bound: 0,
  notes: { isTouched: false, reached: 0, left: 0, waiting: 0, turning: -1 },
});

/** A group without streams. */
export const newGroup = (key: string, watched: readonly Place[], limit: Limit, since: Instant): Group => ({
  key,
  watched,
  limit,
  passages: new Map<Place, Passage>(),
  streams: 0,
  rate: 0,
  served: 0,
  since,
  ceiling: 0,
  queue: new FlatQueue<Stream>(),
  due: Infinity,
  notes: { isChanged: false, altered: 0, concerned: 0, settled: 0, fresh: 0 },
});

/** A group that all have left is as good as new. */
export function renew(group: Group, since: Instant): void {
  group.rate = 0;
  group.served = 0;
  group.since = since;
  group.ceiling = 0;
  group.queue.clear();
  group.due = Infinity;
}

// Sums of many intervals are not exact to the last digit: a stream is through when less than this part of a byte is left.
const slack = 0.01;
// Beyond this a total is exact to less than a thousandth of a byte, and is begun anew.
const servedMax = 2 ** 40;

/** What a group has served each of its streams by now, in bytes. Asking changes nothing. */
export const servedBy = ({ served, rate, since }: Group, now: Instant): number =>
  served + (rate * (now - since)) / 1_000;

/** What has crossed of a stream by now, in bytes and parts of them. Asking changes nothing. */
export const crossedBy = ({ group, before, mark }: Stream, now: Instant): number =>
  group ? before + (servedBy(group, now) - mark) : before;

/** A group goes on at another rate from now on. */
export function goOnAt(group: Group, rate: number, now: Instant): void {
  group.served = servedBy(group, now);
  group.since = now;
  group.rate = rate;
  if (group.served > servedMax) beginAnew(group);
}

/** A stream is served with this group from now on. */
export function join(stream: Stream, group: Group, now: Instant): void {
  stream.group = group;
  stream.mark = servedBy(group, now);
  stream.until = stream.mark + (stream.order.length - stream.before);
  group.queue.push(stream, stream.until);
  group.streams += 1;
}

/** A stream is not served with its group any more. */
export function leave(stream: Stream, group: Group, now: Instant): void {
  stream.before = crossedBy(stream, now);
  stream.group = undefined;
  group.streams -= 1;
}

/** Takes whoever is through out of the queue of a group, whose rate must have been set by now. They are in it still. */
export function takeThrough(group: Group): readonly Stream[] {
  const through: Stream[] = [];
  for (let head = headOf(group); head && head.until - group.served <= slack; head = headOf(group))
    through.push(takeOut(head, group));
  return through;
}

/** When the next stream of a group will be through; `Infinity` if none ever will at this rate. */
export function dueAt(group: Group, now: Instant): number {
  const head = headOf(group);
  if (!head || group.rate === 0) return Infinity;
  return Math.max(now, group.since + Math.ceil(((head.until - group.served - slack) / group.rate) * 1_000));
}

function headOf(group: Group): Stream | undefined {
  const { queue } = group;
  for (let head = queue.peek(); head; head = queue.peek()) {
    // It may have left and come back: then it is in the queue once more, elsewhere.
    if (head.group === group && head.until === queue.peekValue()) return head;
    queue.pop();
  }
  return undefined;
}

function takeOut(stream: Stream, { queue }: Group): Stream {
  queue.pop();
  // Whoever left and came back while nothing was served is in the queue twice, under one number.
  stream.until = Number.NaN;
  return stream;
}

function beginAnew(group: Group): void {
  const { served, queue } = group;
  const streams: Stream[] = [];
  for (let head = headOf(group); head; head = headOf(group)) streams.push(takeOut(head, group));
  queue.shrink();
  group.served = 0;
  for (const passage of group.passages.values()) passage.mark -= served;
  for (const stream of streams) {
    stream.before += served - stream.mark;
    stream.mark = 0;
    stream.until = stream.order.length - stream.before;
    queue.push(stream, stream.until);
  }
}
