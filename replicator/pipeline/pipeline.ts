import { invariant, unreachable } from '#core/invariant';
import { extent, extentEnd, type Extent } from '#core/disk/extent';
import { after, alignDown, bytes, instant, type Instant } from '#core/units';
import { pacer, type Pacer, type RateLimit } from './pacer.ts';
import { grain } from './digest.ts';
import { flushInterval, pipelineLimits, type PipelineLimits } from './pipeline-limits.ts';
import { segmentLength, type ChunkPart, type PlannedExtent } from './plan.ts';
import type { ReplicationError, RoundProgress } from './replication.ts';

/*
 * The sending half of replication, without I/O: what happened goes in, what is to be done comes out.
 *
 *     plan ──► queue ──► reading ──► sending ──► unacked ──► settled
 *                        └─ a buffer each ─┘
 *                        └────────── the window ───────┘
 *
 * One owner applies one input at a time. Reads finish in any order and are sent in the order they finished; each thing
 * sent has the next sequence number, and an ack of n settles everything up to n, because the target flushes in that
 * order. A buffer is free once its content was sent: what is lost after that is read again, never remembered. So memory
 * is bounded by the buffers, and what a crash can cost by the window.
 */

/** One thing that happened. They arrive one at a time. */
export type PipelineInput =
  | { readonly type: 'Opened'; readonly at: Instant }
  | { readonly type: 'Planned'; readonly plan: readonly PlannedExtent[] }
  | {
      readonly type: 'ReadFinished';
      readonly chunk: Extent;
      readonly parts: readonly ChunkPart[];
      readonly at: Instant;
    }
  | { readonly type: 'ReadFailed'; readonly chunk: Extent; readonly error: ReplicationError }
  | { readonly type: 'Sent'; readonly sequence: number; readonly at: Instant }
  | { readonly type: 'SendFailed'; readonly sequence: number; readonly error: ReplicationError }
  | { readonly type: 'Acked'; readonly sequence: number; readonly at: Instant }
  | { readonly type: 'LimitChanged'; readonly limit: RateLimit; readonly at: Instant }
  /** What `wake` asked for. `at` may lie a little before `due`: timers and clocks do not agree to the millisecond. */
  | { readonly type: 'Woken'; readonly due: Instant; readonly at: Instant }
  | { readonly type: 'PlanFailed'; readonly error: ReplicationError }
  /** The target is lost, or someone cancelled: nothing new is begun. */
  | { readonly type: 'Stopped'; readonly error: ReplicationError };

/** One thing to be done. The pipeline never does it itself. */
export type PipelineAction =
  | { readonly type: 'plan'; readonly range: Extent }
  /** Read a chunk into a buffer, digest it, and say what is in it. */
  | { readonly type: 'read'; readonly chunk: Extent }
  | { readonly type: 'send'; readonly sequence: number; readonly part: ChunkPart }
  /** The buffer of a chunk is not needed any more. */
  | { readonly type: 'release'; readonly chunk: Extent }
  /** Make everything sent so far durable, and ack it. */
  | { readonly type: 'flush'; readonly sequence: number }
  | { readonly type: 'wake'; readonly at: Instant }
  /** Everything is durable: compare the roots. */
  | { readonly type: 'close' }
  /** It is over, with nothing in flight. What was acked stays. */
  | { readonly type: 'end'; readonly error: ReplicationError };

/** What a pipeline has done. Every number only grows. */
export interface PipelineTally {
  readonly read: number;
  readonly sent: number;
  readonly zeroed: number;
  readonly same: number;
  readonly resumed: number;
  /** Of what counts towards the round's total, how much is settled. */
  readonly done: number;
}

/** One round, as a thing that inputs are applied to. */
export interface Pipeline {
  apply(input: PipelineInput): readonly PipelineAction[];
  readonly tally: PipelineTally;
  /** Bytes in the window now; never above `windowMax`. */
  readonly window: number;
}

/** Progress as others see it. The last step to `total` belongs to whoever compared the roots. */
export const progressOf = ({ done, read, sent }: PipelineTally, total: number): RoundProgress => ({
  done: bytes(Math.min(done, Math.max(0, total - 1))),
  total: bytes(total),
  read: bytes(read),
  sent: bytes(sent),
});

interface Outgoing {
  readonly part: ChunkPart;
  readonly sequence: number;
  readonly cost: number;
  readonly counts: boolean;
  /** The chunk whose buffer it is in, for data. */
  readonly chunk: Chunk | undefined;
}

interface Chunk {
  readonly extent: Extent;
  readonly counts: boolean;
  /** Parts still in its buffer; unknown until it was read. */
  unsent: number | undefined;
}

interface State {
  readonly limits: PipelineLimits;
  readonly size: number;
  readonly tally: { -readonly [Key in keyof PipelineTally]: number };
  readonly pace: Pacer;
  actions: PipelineAction[];
  now: Instant;
  /** Where the next segment to plan starts. */
  planned: number;
  planning: boolean;
  plan: readonly PlannedExtent[];
  /** The first of `plan` that was not begun, and how much of it was. */
  next: number;
  begun: number;
  /** Chunks with a buffer, by start. */
  readonly chunks: Map<number, Chunk>;
  reading: number;
  readingBytes: number;
  readonly sending: Map<number, Outgoing>;
  readonly unacked: Outgoing[];
  unackedCost: number;
  sequence: number;
  flushedSequence: number;
  flushedAt: Instant;
  sinceFlush: number;
  wakeAt: Instant | undefined;
  error: ReplicationError | undefined;
  over: boolean;
}

/** A pipeline for a disk of `size` bytes that waits for `Opened`. */
export function createPipeline(
  size: number,
  {
    limit = 'unlimited',
    limits = pipelineLimits,
  }: { readonly limit?: RateLimit; readonly limits?: PipelineLimits } = {},
): Pipeline {
  const state: State = {
    limits,
    size,
    tally: { read: 0, sent: 0, zeroed: 0, same: 0, resumed: 0, done: 0 },
    pace: pacer(limit),
    actions: [],
    now: instant(0),
    planned: 0,
    planning: false,
    plan: [],
    next: 0,
    begun: 0,
    chunks: new Map(),
    reading: 0,
    readingBytes: 0,
    sending: new Map(),
    unacked: [],
    unackedCost: 0,
    sequence: 0,
    flushedSequence: 0,
    flushedAt: instant(0),
    sinceFlush: 0,
    wakeAt: undefined,
    error: undefined,
    over: false,
  };
  return {
    tally: state.tally,
    get window() {
      return state.readingBytes + state.unackedCost;
    },
    apply: (input) => {
      state.actions = [];
      take(state, input);
      if (!state.over) advance(state);
      check(state);
      return state.actions;
    },
  };
}

function take(state: State, input: PipelineInput): void {
  if ('at' in input && input.at > state.now) state.now = input.at;
  switch (input.type) {
    case 'Opened':
      state.flushedAt = state.now;
      return;
    case 'Planned':
      invariant(state.planning, 'a plan arrived that nobody asked for');
      state.planning = false;
      state.plan = [...state.plan.slice(state.next), ...input.plan];
      state.next = 0;
      return;
    case 'PlanFailed':
      state.planning = false;
      state.error ??= input.error;
      return;
    case 'ReadFinished':
      return takeRead(state, input.chunk, input.parts);
    case 'ReadFailed':
      release(state, finishRead(state, input.chunk));
      state.error ??= input.error;
      return;
    case 'Sent':
      return takeSent(state, input.sequence);
    case 'SendFailed':
      takeSent(state, input.sequence);
      state.error ??= input.error;
      return;
    case 'Acked':
      return settle(state, input.sequence);
    case 'LimitChanged':
      state.wakeAt = undefined;
      return state.pace.limit(input.limit, state.now);
    case 'Woken':
      if (state.wakeAt === input.due) state.wakeAt = undefined;
      return;
    case 'Stopped':
      state.error ??= input.error;
      return;
    default:
      unreachable(input);
  }
}

function takeRead(state: State, range: Extent, parts: readonly ChunkPart[]): void {
  const chunk = finishRead(state, range);
  state.tally.read += chunk.extent.length;
  // What was read after the end was decided is let go: nothing new is begun.
  const wanted = state.error ? [] : parts;
  chunk.unsent = wanted.filter(({ content }) => content === 'data').length;
  for (const part of wanted) send(state, part, chunk.counts, part.content === 'data' ? chunk : undefined);
  if (chunk.unsent === 0) release(state, chunk);
}

function finishRead(state: State, range: Extent): Chunk {
  const chunk = state.chunks.get(range.start);
  invariant(chunk && chunk.unsent === undefined, `the chunk at ${range.start} is not being read`);
  state.reading -= 1;
  state.readingBytes -= chunk.extent.length;
  return chunk;
}

function takeSent(state: State, sequence: number): void {
  const outgoing = state.sending.get(sequence);
  invariant(outgoing, `nothing with sequence ${sequence} is being sent`);
  state.sending.delete(sequence);
  state.sinceFlush += outgoing.cost;
  const { chunk } = outgoing;
  if (chunk?.unsent === undefined) return;
  chunk.unsent -= 1;
  if (chunk.unsent === 0) release(state, chunk);
}

function release(state: State, chunk: Chunk): void {
  state.chunks.delete(chunk.extent.start);
  state.actions.push({ type: 'release', chunk: chunk.extent });
}

function settle(state: State, upTo: number): void {
  invariant(upTo <= state.sequence, `${upTo} was acked, and nothing after ${state.sequence} was sent`);
  let settled = 0;
  for (const { sequence, cost, counts, part } of state.unacked) {
    if (sequence > upTo) break;
    state.unackedCost -= cost;
    if (counts) state.tally.done += part.length;
    settled += 1;
  }
  state.unacked.splice(0, settled);
}

function send(state: State, part: ChunkPart, counts: boolean, chunk?: Chunk): void {
  state.sequence += 1;
  const { sequence } = state;
  const outgoing: Outgoing = { part, sequence, cost: costOf(part), counts, chunk };
  state.unackedCost += outgoing.cost;
  state.unacked.push(outgoing);
  state.sending.set(sequence, outgoing);
  state.actions.push({ type: 'send', sequence, part });
  if (part.content === 'data') state.tally.sent += part.length;
  if (part.content === 'zero') state.tally.zeroed += part.length;
  if (part.content === 'same') state.tally.same += part.length;
}

/** A zero or same extent is one frame whatever its length; a block's worth of window bounds how many are on their way. */
const costOf = ({ content, length }: ChunkPart): number => (content === 'data' ? length : Math.min(length, grain));

const hasRoom = (state: State, cost: number): boolean =>
  state.readingBytes + state.unackedCost + cost <= state.limits.windowMax;

function advance(state: State): void {
  if (state.error) {
    if (state.reading > 0 || state.sending.size > 0 || state.planning) return;
    state.over = true;
    state.actions.push({ type: 'end', error: state.error });
    return;
  }
  // One segment is planned ahead, so that reading does not wait for it.
  if (state.plan.length - state.next <= 1 && !state.planning && state.planned < state.size) {
    const range = extent(state.planned, Math.min(segmentLength, state.size - state.planned));
    state.planning = true;
    state.planned = extentEnd(range);
    state.actions.push({ type: 'plan', range });
  }
  while (beginNext(state));
  if (state.next < state.plan.length) wakeWhenAllowed(state);
  flushIfDue(state);
  const begun = state.planned === state.size && !state.planning && state.next === state.plan.length;
  if (!begun || state.chunks.size > 0 || state.unacked.length > 0 || state.sending.size > 0) return;
  state.over = true;
  state.actions.push({ type: 'close' });
}

/** Begins what is next in the plan; false if there is nothing or it has to wait. */
function beginNext(state: State): boolean {
  const next = state.plan[state.next];
  if (!next) return false;
  switch (next.content) {
    case 'settled':
      if (next.counts) state.tally.done += next.length;
      if (next.counts) state.tally.resumed += next.length;
      break;
    case 'data':
      return beginRead(state, next);
    case 'zero':
    case 'same': {
      const part: ChunkPart = { start: next.start, length: next.length, content: next.content };
      if (!hasRoom(state, costOf(part))) return false;
      send(state, part, next.counts);
    }
  }
  state.next += 1;
  return true;
}

function beginRead(state: State, next: PlannedExtent): boolean {
  const { chunkMax, buffersMax } = state.limits;
  const start = next.start + state.begun;
  const chunk = extent(start, Math.min(extentEnd(next), alignDown(start, chunkMax) + chunkMax) - start);
  if (state.chunks.size >= buffersMax || !hasRoom(state, chunk.length) || !state.pace.allows(state.now)) return false;
  state.pace.spend(chunk.length, state.now);
  state.chunks.set(start, { extent: chunk, counts: next.counts, unsent: undefined });
  state.reading += 1;
  state.readingBytes += chunk.length;
  state.actions.push({ type: 'read', chunk });
  const complete = extentEnd(chunk) === extentEnd(next);
  state.begun = complete ? 0 : state.begun + chunk.length;
  if (complete) state.next += 1;
  return true;
}

function wakeWhenAllowed(state: State): void {
  const at = state.pace.allowedAt(state.now);
  if (at === undefined || (state.wakeAt !== undefined && state.wakeAt <= at)) return;
  state.wakeAt = at;
  state.actions.push({ type: 'wake', at });
}

function flushIfDue(state: State): void {
  if (state.flushedSequence === state.sequence) return;
  const idle = state.reading === 0 && state.sending.size === 0;
  const due = state.sinceFlush >= state.limits.flushEvery || after(state.flushedAt, flushInterval) <= state.now;
  if (!idle && !due) return;
  state.flushedSequence = state.sequence;
  state.flushedAt = state.now;
  state.sinceFlush = 0;
  state.actions.push({ type: 'flush', sequence: state.sequence });
}

function check(state: State): void {
  const { readingBytes, unackedCost, chunks, reading, limits } = state;
  invariant(readingBytes + unackedCost <= limits.windowMax, 'the window is over its bound');
  invariant(chunks.size <= limits.buffersMax, 'more chunks are in memory than there are buffers');
  invariant(reading >= 0 && readingBytes >= 0 && unackedCost >= 0, 'something was counted out twice');
}
