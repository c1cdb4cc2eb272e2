import fc from 'fast-check';
import { anySegment, proveSegment, type Segment } from './segment-walks.ts';
import { extent, extentEnd, type Extent } from '#core/disk/extent';
import { bytesPerSecond, instant } from '#core/units';
import { grain } from '#replicator/pipeline/digest';
import { createPipeline, type PipelineAction, type PipelineInput } from '#replicator/pipeline/pipeline';
import type { PipelineLimits } from '#replicator/pipeline/pipeline-limits';
import type { ChunkPart, PlannedContent, PlannedExtent } from '#replicator/pipeline/plan';
import type { ReplicationError } from '#replicator/pipeline/replication';

/*
 * The pipeline without anything around it: whatever it asks for is done in any order, late, or fails. It may settle what was
 * acked and nothing else, close only over what is settled, and end with nothing in flight.
 */

/** What a block of the disk is. */
type Block = 'unwanted' | PlannedContent;

/** One walk: what is to be planned, and the disk, the bounds, and what becomes of what is asked for, in turn. */
export interface PipelineWalk {
  readonly segment: Segment;
  readonly blocks: readonly Block[];
  readonly limits: PipelineLimits;
  readonly turns: readonly Turn[];
}

interface Turn {
  readonly kind: 'goes' | 'fails' | 'stops' | 'limits';
  readonly pick: number;
}

const anyBlock = fc.constantFrom<Block>('data', 'data', 'data', 'unwanted', 'zero', 'same', 'settled');

/** Whatever may become of a pipeline. */
export const anyPipelineWalk: fc.Arbitrary<PipelineWalk> = fc.record({
  segment: anySegment,
  blocks: fc.array(anyBlock, { minLength: 1, maxLength: 24 }),
  limits: fc.record({
    windowMax: fc.integer({ min: 4, max: 12 }).map((blocks) => blocks * grain),
    buffersMax: fc.integer({ min: 1, max: 4 }),
    chunkMax: fc.constantFrom(grain, 2 * grain, 4 * grain),
    flushEvery: fc.constantFrom(grain, 3 * grain),
  }),
  turns: fc.array(
    fc.record({
      kind: fc.oneof(
        { weight: 40, arbitrary: fc.constant('goes' as const) },
        { weight: 1, arbitrary: fc.constant('fails' as const) },
        { weight: 1, arbitrary: fc.constant('stops' as const) },
        { weight: 2, arbitrary: fc.constant('limits' as const) },
      ),
      pick: fc.nat(30),
    }),
    { maxLength: 120, size: 'max' },
  ),
});

const failure: ReplicationError = { type: 'TargetUnavailable', target: 'disk.raw', detail: 'drawn by lot' };

/** Walks, and throws what is wrong. */
export function soundPipeline(walk: PipelineWalk): void {
  proveSegment(walk.segment);
  const outside = new Outside(walk);
  outside.feed({ type: 'Opened', at: instant(1) });
  for (const turn of walk.turns) outside.turn(turn);
  // What is asked for is done in the end.
  for (let left = 1_000; left > 0 && !outside.isOver; left -= 1) outside.turn({ kind: 'goes', pick: 0 });
  outside.end();
}

class Outside {
  readonly #walk: PipelineWalk;
  readonly #pipeline;
  #pending: PipelineInput[] = [];
  readonly #sent: { readonly sequence: number; readonly part: ChunkPart; readonly counts: boolean }[] = [];
  readonly #buffers = new Set<number>();
  readonly #read = new Set<number>();
  #underWay = 0;
  #acked = 0;
  #hasFailed = false;
  #at = 1;
  readonly #story: string[] = [];
  isOver = false;

  constructor(walk: PipelineWalk) {
    this.#walk = walk;
    this.#pipeline = createPipeline(walk.blocks.length * grain, { limits: walk.limits });
  }

  turn({ kind, pick }: Turn): void {
    if (this.isOver) return;
    if (kind === 'stops') return this.feed({ type: 'Stopped', error: failure });
    if (kind === 'limits')
      return this.feed({ type: 'LimitChanged', limit: bytesPerSecond(1 + pick * grain), at: this.#now() });
    const [input] = this.#pending.splice(pick % Math.max(1, this.#pending.length), 1);
    if (!input) return;
    this.feed(kind === 'fails' ? failed(input) : input);
  }

  feed(input: PipelineInput): void {
    this.#story.push(input.type);
    if ('error' in input) this.#hasFailed = true;
    if (input.type === 'ReadFinished' || input.type === 'ReadFailed' || input.type.startsWith('Plan'))
      this.#underWay -= 1;
    if (input.type === 'Sent' || input.type === 'SendFailed') this.#underWay -= 1;
    if (input.type === 'Acked') this.#acked = Math.max(this.#acked, input.sequence);
    if (input.type === 'Woken') this.#at = Math.max(this.#at, input.due);
    const at = this.#now();
    for (const action of this.#pipeline.apply('at' in input ? { ...input, at } : input)) this.#do(action);
    this.#look();
  }

  end(): void {
    if (!this.isOver) this.#wrong('it never comes to an end');
    if (this.#buffers.size > 0) this.#wrong('a buffer was never given back');
  }

  #now() {
    return instant((this.#at += 40));
  }

  #do(action: PipelineAction): void {
    if (this.isOver) this.#wrong(`it wants ${action.type} when it is over`);
    switch (action.type) {
      case 'plan':
        this.#underWay += 1;
        return void this.#pending.push({ type: 'Planned', plan: planOf(this.#walk.blocks) });
      case 'read':
        return this.#doRead(action.chunk);
      case 'send':
        this.#underWay += 1;
        this.#sent.push({ sequence: action.sequence, part: action.part, counts: true });
        return void this.#pending.push({ type: 'Sent', sequence: action.sequence, at: instant(0) });
      case 'release':
        if (!this.#buffers.delete(action.chunk.start)) this.#wrong('a buffer is given back twice');
        return;
      case 'flush':
        return void this.#pending.push({ type: 'Acked', sequence: action.sequence, at: instant(0) });
      case 'wake':
        return void this.#pending.push({ type: 'Woken', due: action.at, at: action.at });
      case 'close':
        this.isOver = true;
        if (this.#hasFailed) this.#wrong('it closes although something failed');
        if (this.#underWay > 0) this.#wrong('it closes with something in flight');
        return this.#proveAll();
      case 'end':
        this.isOver = true;
        if (!this.#hasFailed) this.#wrong('it ends although nothing failed');
        if (this.#underWay > 0) this.#wrong('it ends with something in flight');
    }
  }

  #doRead(chunk: Extent): void {
    this.#underWay += 1;
    if (chunk.length > this.#walk.limits.chunkMax) this.#wrong('it reads more than fits into a buffer');
    this.#buffers.add(chunk.start);
    if (this.#buffers.size > this.#walk.limits.buffersMax) this.#wrong('it takes more buffers than there are');
    for (const block of blocksOf(chunk)) {
      if (this.#walk.blocks[block] !== 'data') this.#wrong(`block ${block} is read, and nobody planned that`);
      if (this.#read.has(block)) this.#wrong(`block ${block} is read twice`);
      this.#read.add(block);
    }
    this.#pending.push({ type: 'ReadFinished', chunk, parts: [{ ...chunk, content: 'data' }], at: instant(0) });
  }

  #look(): void {
    const { windowMax } = this.#walk.limits;
    if (this.#pipeline.window > windowMax) this.#wrong('more is on its way than the window holds');
    const acked = this.#sent.filter(({ sequence }) => sequence <= this.#acked);
    const settled = this.#walk.blocks.filter((block) => block === 'settled').length * grain;
    const most = settled + acked.reduce((sum, { part }) => sum + part.length, 0);
    if (this.#pipeline.tally.done > most)
      this.#wrong(`L17 ${this.#pipeline.tally.done} bytes are done, it says, and ${most} at most were acked`);
  }

  #proveAll(): void {
    const there = new Set(
      this.#sent.filter(({ sequence }) => sequence <= this.#acked).flatMap(({ part }) => [...blocksOf(part)]),
    );
    for (const [block, what] of this.#walk.blocks.entries())
      if (what !== 'unwanted' && what !== 'settled' && !there.has(block))
        this.#wrong(`L17 it closes, and block ${block} was not acked`);
  }

  #wrong(why: string): never {
    throw new Error([why, `given blocks ${this.#walk.blocks.join(' ')}`, ...this.#story].join('\n'));
  }
}

function* blocksOf(range: Extent): Generator<number> {
  for (let at: number = range.start; at < extentEnd(range); at += grain) yield at / grain;
}

function failed(input: PipelineInput): PipelineInput {
  switch (input.type) {
    case 'Planned':
      return { type: 'PlanFailed', error: failure };
    case 'ReadFinished':
      return { type: 'ReadFailed', chunk: input.chunk, error: failure };
    case 'Sent':
      return { type: 'SendFailed', sequence: input.sequence, error: failure };
    default:
      return input;
  }
}

/** Runs of blocks with the same fate. A disk so small is one segment. */
function planOf(blocks: readonly Block[]): readonly PlannedExtent[] {
  const plan: PlannedExtent[] = [];
  let from = 0;
  for (let block = 1; block <= blocks.length; block += 1) {
    if (block < blocks.length && blocks[block] === blocks[from]) continue;
    const content = blocks[from];
    if (content !== undefined && content !== 'unwanted')
      plan.push({ ...extent(from * grain, (block - from) * grain), content, counts: true });
    from = block;
  }
  return plan;
}
