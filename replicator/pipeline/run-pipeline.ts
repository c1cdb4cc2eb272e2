import { calledOff } from '#core/called-off';
import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import { extentEnd, type Extent } from '#core/disk/extent';
import { invariant } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import type { Clock } from '#core/clock';
import { elapsed, millis, type Instant } from '#core/units';
import { bufferPool } from './buffer-pool.ts';
import { blocksOf } from './block-set.ts';
import { digestBlockWith, digestsOf, grain } from './digest.ts';
import type { DigestStore } from './digest-store.ts';
import { createPipeline, progressOf, type PipelineAction, type PipelineInput, type PipelineTally } from './pipeline.ts';
import { pipelineLimits, type PipelineLimits } from './pipeline-limits.ts';
import {
  countedLength,
  partsOf,
  planSegment,
  segmentLength,
  segmentsOf,
  type ChunkPart,
  type PlannedExtent,
} from './plan.ts';
import type { ReplicationError, RoundMode, RoundProgress, RunOptions } from './replication.ts';
import type { Sink } from './sink.ts';

/** What one run of a round needs. */
export interface RunInput {
  readonly mode: RoundMode;
  readonly source: BlockDevice;
  /** The source as people know it, for errors. */
  readonly sourceName: string;
  /** What changed within a range, for `changes`. */
  readonly changes: ((range: Extent) => Promise<Result<readonly Extent[], DeviceError>>) | undefined;
  readonly sink: Sink;
  /** The sender's own record of digests, where the target keeps another one to be compared with. */
  readonly digests: DigestStore | undefined;
  readonly clock: Clock;
  readonly limits?: PipelineLimits;
  /** Told what a run did that did not complete. */
  readonly onBroken?: (tally: PipelineTally) => void;
}

/** What a run did, and the root both sides agreed on. */
export interface RunOutcome {
  readonly tally: PipelineTally;
  readonly root: string;
}

/**
 * Carries out what the pipeline says, for one run of one round: reads the source, digests, sends, and completes the
 * round. Returns with nothing in flight and every buffer back. The source and the sink stay open.
 */
export async function runPipeline(
  input: RunInput,
  options: RunOptions = {},
): Promise<Result<RunOutcome, ReplicationError>> {
  const total = await measure(input, options.signal);
  if (!total.ok) return total;
  const ran = await run(input, options, total.value);
  if (!ran.ok) return ran;
  const sourceRoot = input.digests?.root();
  if (sourceRoot && !sourceRoot.ok) return err(storeFailed(input, sourceRoot.error.detail));
  const root = await input.sink.complete(sourceRoot?.value);
  if (!root.ok) return root;
  options.onProgress?.({ ...progressOf(ran.value, total.value), done: progressOf(ran.value, total.value).total });
  return ok({ tally: ran.value, root: root.value });
}

const storeFailed = ({ sourceName }: RunInput, detail: string): ReplicationError => ({
  type: 'SourceUnavailable',
  source: sourceName,
  detail: `its digests could not be kept: ${detail}`,
});

/** What the round has to look at, before anything is read. */
async function measure(input: RunInput, signal: AbortSignal | undefined): Promise<Result<number, ReplicationError>> {
  if (input.mode === 'rescan') return ok(input.source.size);
  let total = 0;
  for (const range of segmentsOf(input.source.size)) {
    if (signal?.aborted) return err({ type: 'Cancelled' });
    const found = await lookAt(input, range);
    if (!found.ok) return found;
    total += countedLength(planSegment({ ...found.value, settled: [], targetDigests: undefined }));
  }
  return ok(total);
}

type SourceFacts = Pick<Parameters<typeof planSegment>[0], 'range' | 'mode' | 'size' | 'dirty' | 'mapped'>;

async function lookAt(
  { mode, source, sourceName, changes }: RunInput,
  range: Extent,
): Promise<Result<SourceFacts, ReplicationError>> {
  const failed = (error: DeviceError): ReplicationError => ({ type: 'SourceFailed', source: sourceName, error });
  const facts = { range, mode, size: source.size };
  if (mode === 'changes' && !changes) {
    return err({ type: 'ChangesUnknown', source: sourceName, detail: 'it was opened without its changes' });
  }
  const dirty = mode === 'changes' && changes ? await changes(range) : ok([]);
  if (!dirty.ok) return err(failed(dirty.error));
  // Nothing changed here, so it does not matter what is here.
  if (mode === 'changes' && dirty.value.length === 0) return ok({ ...facts, dirty: [], mapped: [] });
  const mapped = source.can.extents ? await source.extents(range) : ok([{ ...range, kind: 'data' as const }]);
  if (!mapped.ok) return err(failed(mapped.error));
  return ok({ ...facts, dirty: dirty.value, mapped: mapped.value });
}

// Ten pictures a second are motion; more would cost more than they show.
const progressInterval = millis(100);

/** What the actions of one run share. */
interface Run extends RunInput {
  readonly dispatch: (input: PipelineInput) => void;
  readonly signal: AbortSignal;
  /** Digests of the target's blocks, by start of segment, in a rescan. */
  readonly targetDigests: Map<number, BigUint64Array>;
  readonly buffers: Map<number, ChunkInMemory>;
  readonly take: (length: number) => Buffer;
  readonly give: (buffer: Buffer) => void;
  readonly digest: (data: Uint8Array) => BigUint64Array;
}

interface ChunkInMemory {
  readonly buffer: Buffer;
  readonly chunk: Extent;
  readonly digests: BigUint64Array;
}

function run(input: RunInput, options: RunOptions, total: number): Promise<Result<PipelineTally, ReplicationError>> {
  const { clock, sink } = input;
  const limits = input.limits ?? pipelineLimits;
  const pool = bufferPool(sink.headroom + limits.chunkMax, limits.buffersMax);
  const pipeline = createPipeline(input.source.size, { limit: options.throttle?.limit ?? 'unlimited', limits });
  const digestBlock = digestBlockWith(sink.digest);
  const finished = new AbortController();
  const reporter = progressReporter(clock, options.onProgress);

  return new Promise((resolve) => {
    const finish = (outcome: Result<PipelineTally, ReplicationError>): void => {
      finished.abort(calledOff);
      stopListening?.();
      options.signal?.removeEventListener('abort', cancel);
      pool.close();
      resolve(outcome);
    };
    const perform = (action: PipelineAction): void => {
      if (action.type === 'close') finish(ok({ ...pipeline.tally }));
      else if (action.type === 'end') {
        input.onBroken?.({ ...pipeline.tally });
        finish(err(action.error));
      } else actions[action.type](state, action as never);
    };
    // One owner: an input that arrives while another is applied waits for its turn.
    const inbox: PipelineInput[] = [];
    let busy = false;
    const dispatch = (event: PipelineInput): void => {
      inbox.push(event);
      if (busy) return;
      busy = true;
      for (let next = inbox.shift(); next; next = inbox.shift()) {
        if (finished.signal.aborted) continue;
        for (const action of pipeline.apply(next)) perform(action);
        reporter(progressOf(pipeline.tally, total));
      }
      busy = false;
    };
    const state: Run = {
      ...input,
      dispatch,
      signal: finished.signal,
      targetDigests: new Map(),
      buffers: new Map(),
      take: (length) => {
        const buffer = pool.take(length);
        invariant(buffer, 'the pipeline keeps within its buffers');
        return buffer;
      },
      give: (buffer) => pool.give(buffer),
      digest: (data) => digestsOf(data, digestBlock),
    };
    const cancel = (): void => dispatch({ type: 'Stopped', error: { type: 'Cancelled' } });
    const stopListening = options.throttle?.onChange((limit) =>
      dispatch({ type: 'LimitChanged', limit, at: clock.now() }),
    );
    sink.listen({
      onAcked: (sequence) => dispatch({ type: 'Acked', sequence, at: clock.now() }),
      onLost: (error) => dispatch({ type: 'Stopped', error }),
    });
    options.signal?.addEventListener('abort', cancel);
    if (options.signal?.aborted) cancel();
    dispatch({ type: 'Opened', at: clock.now() });
  });
}

function progressReporter(clock: Clock, onProgress: RunOptions['onProgress']): (progress: RoundProgress) => void {
  let reported: Instant | undefined;
  return (progress) => {
    if (!onProgress) return;
    const now = clock.now();
    if (reported !== undefined && elapsed(reported, now) < progressInterval) return;
    reported = now;
    onProgress(progress);
  };
}

type Performed = Exclude<PipelineAction, { type: 'close' | 'end' }>;
type Actions = { readonly [Type in Performed['type']]: (run: Run, action: Extract<Performed, { type: Type }>) => void };

// Each begins its work and returns; what comes of it is dispatched. None of them rejects.
const actions: Actions = {
  plan: (run, { range }) => void plan(run, range),
  read: (run, { chunk }) => void read(run, chunk),
  send: (run, { sequence, part }) => void send(run, sequence, part),
  flush: (run, { sequence }) => run.sink.flush(sequence),
  release: (run, { chunk }) => {
    const held = run.buffers.get(chunk.start);
    if (!held) return;
    run.buffers.delete(chunk.start);
    run.give(held.buffer);
  },
  wake: (run, { at }) =>
    void run.clock
      .wait(elapsed(run.clock.now(), at), run.signal)
      .then(() => run.dispatch({ type: 'Woken', due: at, at: run.clock.now() })),
};

async function plan(run: Run, range: Extent): Promise<void> {
  const planned = await planOf(run, range);
  run.dispatch(planned.ok ? { type: 'Planned', plan: planned.value } : { type: 'PlanFailed', error: planned.error });
}

async function planOf(run: Run, range: Extent): Promise<Result<readonly PlannedExtent[], ReplicationError>> {
  const facts = await lookAt(run, range);
  if (!facts.ok) return facts;
  const settled = await run.sink.settled(range);
  if (!settled.ok) return settled;
  if (run.mode !== 'rescan') {
    return ok(planSegment({ ...facts.value, settled: settled.value, targetDigests: undefined }));
  }
  const digests = await run.sink.digests(range);
  if (!digests.ok) return digests;
  // The window is far shorter than a segment: what is read now lies in this one, the one before, or the one after.
  for (const start of run.targetDigests.keys())
    if (start < range.start - 2 * segmentLength) run.targetDigests.delete(start);
  run.targetDigests.set(range.start, digests.value);
  return ok(planSegment({ ...facts.value, settled: settled.value, targetDigests: digests.value }));
}

async function read(run: Run, chunk: Extent): Promise<void> {
  const buffer = run.take(run.sink.headroom + chunk.length);
  const data = buffer.subarray(run.sink.headroom, run.sink.headroom + chunk.length);
  const done = await run.source.read(chunk.start, data);
  if (!done.ok) {
    run.give(buffer);
    return run.dispatch({
      type: 'ReadFailed',
      chunk,
      error: { type: 'SourceFailed', source: run.sourceName, error: done.error },
    });
  }
  const digests = run.digest(data);
  run.buffers.set(chunk.start, { buffer, chunk, digests });
  const parts = partsOf(chunk, digests, targetDigestsOf(run, chunk));
  run.dispatch({ type: 'ReadFinished', chunk, parts, at: run.clock.now() });
}

function targetDigestsOf(run: Run, chunk: Extent): BigUint64Array | undefined {
  if (run.mode !== 'rescan') return undefined;
  const segment = chunk.start - (chunk.start % segmentLength);
  const digests = run.targetDigests.get(segment);
  invariant(digests, `the target's digests at ${segment} are known before its blocks are read`);
  return digests.subarray((chunk.start - segment) / grain);
}

async function send(run: Run, sequence: number, part: ChunkPart): Promise<void> {
  const held = part.content === 'data' ? chunkAround(run, part) : undefined;
  const from = held ? part.start - held.chunk.start : 0;
  const digests = held
    ? held.digests.subarray(from / grain, Math.ceil((from + part.length) / grain))
    : new BigUint64Array(0);
  const start = run.sink.headroom + from;
  const data = held ? held.buffer.subarray(start, start + part.length) : new Uint8Array(0);
  const kept = keepDigests(run, part, digests);
  const sent = kept.ok
    ? await run.sink.send({ sequence, part, digests, data, room: from === 0 ? run.sink.headroom : 0 })
    : kept;
  if (sent.ok) run.dispatch({ type: 'Sent', sequence, at: run.clock.now() });
  else run.dispatch({ type: 'SendFailed', sequence, error: sent.error });
}

function chunkAround(run: Run, part: Extent): ChunkInMemory {
  const chunkMax = (run.limits ?? pipelineLimits).chunkMax;
  // A chunk starts where its part does, or earlier within the same stretch of `chunkMax`.
  for (let start: number = part.start; start >= part.start - (part.start % chunkMax); start -= grain) {
    const held = run.buffers.get(start);
    if (held && extentEnd(held.chunk) >= extentEnd(part)) return held;
  }
  invariant(false, `the part at ${part.start} is in memory until it was sent`);
}

/** Records at the sender what the target is about to hold. */
function keepDigests(run: Run, part: ChunkPart, digests: BigUint64Array): Result<void, ReplicationError> {
  if (!run.digests) return ok(undefined);
  const { first, end } = blocksOf(part, run.source.size);
  const same = part.content === 'same' ? sameDigests(run, part) : undefined;
  const kept = run.digests.put(first, same ?? (part.content === 'zero' ? new BigUint64Array(end - first) : digests));
  return kept.ok ? kept : err(storeFailed(run, kept.error.detail));
}

function sameDigests(run: Run, part: ChunkPart): BigUint64Array | undefined {
  const known = targetDigestsOf(run, part);
  return known?.subarray(0, Math.ceil(part.length / grain));
}
