import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extent, type Extent } from '#core/disk/extent';
import { bytesPerSecond, instant, KiB } from '#core/units';
import { grain } from './digest.ts';
import { createPipeline, progressOf, type Pipeline, type PipelineAction, type PipelineInput } from './pipeline.ts';
import type { PipelineLimits } from './pipeline-limits.ts';
import { planSegment, type ChunkPart, type PlannedContent, type PlannedExtent } from './plan.ts';
import type { ReplicationError } from './replication.ts';

const limits: PipelineLimits = {
  windowMax: 12 * grain,
  buffersMax: 3,
  chunkMax: 4 * grain,
  flushEvery: 4 * grain,
};
const failure: ReplicationError = {
  type: 'TargetUnavailable',
  target: 'disk.raw',
  detail: 'drawn by lot',
};

/** What one block of the disk is, to the source and to the plan. */
type Block = 'unwanted' | PlannedContent | 'dataThatIsZero' | 'dataThatIsSame';

/** The outside of a pipeline: it does what it is told, in an order drawn by lot. */
interface Outside {
  readonly pipeline: Pipeline;
  readonly blocks: readonly Block[];
  readonly pending: PipelineInput[];
  readonly acked: ChunkPart[];
  readonly buffers: Set<number>;
  sent: { readonly sequence: number; readonly part: ChunkPart }[];
  flushed: number;
  ackedUpTo: number;
  ended: PipelineAction | undefined;
  at: number;
}

const planOf = (blocks: readonly Block[], range: Extent): readonly PlannedExtent[] => {
  const plan: PlannedExtent[] = [];
  for (let block = 0; block < blocks.length; block += 1) {
    const what = blocks[block] ?? 'unwanted';
    const start = block * grain;
    if (what === 'unwanted' || start < range.start || start >= range.start + range.length) continue;
    const content: PlannedContent = what === 'dataThatIsZero' || what === 'dataThatIsSame' ? 'data' : what;
    const last = plan.at(-1);
    if (last && last.content === content && last.start + last.length === start) {
      plan[plan.length - 1] = { ...last, ...extent(last.start, last.length + grain) };
    } else plan.push({ ...extent(start, grain), content, counts: true });
  }
  return plan;
};

const partsIn = (blocks: readonly Block[], chunk: Extent): readonly ChunkPart[] => {
  const parts: ChunkPart[] = [];
  for (let start = chunk.start as number; start < chunk.start + chunk.length; start += grain) {
    const what = blocks[start / grain];
    const content = what === 'dataThatIsZero' ? 'zero' : what === 'dataThatIsSame' ? 'same' : 'data';
    const last = parts.at(-1);
    if (last?.content === content) parts[parts.length - 1] = { content, ...extent(last.start, last.length + grain) };
    else parts.push({ content, ...extent(start, grain) });
  }
  return parts;
};

function carryOut(outside: Outside, input: PipelineInput): void {
  const { pipeline, pending } = outside;
  const at = instant((outside.at += 1));
  for (const action of pipeline.apply('at' in input ? { ...input, at } : input)) {
    expect(outside.ended).toBeUndefined();
    switch (action.type) {
      case 'plan':
        pending.push({ type: 'Planned', plan: planOf(outside.blocks, action.range) });
        break;
      case 'read':
        expect(outside.buffers.has(action.chunk.start)).toBe(false);
        outside.buffers.add(action.chunk.start);
        expect(outside.buffers.size).toBeLessThanOrEqual(limits.buffersMax);
        pending.push({ type: 'ReadFinished', chunk: action.chunk, parts: partsIn(outside.blocks, action.chunk), at });
        break;
      case 'send':
        outside.sent.push({ sequence: action.sequence, part: action.part });
        pending.push({ type: 'Sent', sequence: action.sequence, at });
        break;
      case 'release':
        expect(outside.buffers.delete(action.chunk.start)).toBe(true);
        break;
      case 'flush':
        outside.flushed = action.sequence;
        break;
      case 'wake':
        pending.push({ type: 'Woken', due: action.at, at: action.at });
        break;
      case 'close':
      case 'end':
        outside.ended = action;
    }
  }
  expect(pipeline.window).toBeLessThanOrEqual(limits.windowMax);
}

/** One step: something that is pending happens, or an ack of something that was flushed arrives. */
function step(outside: Outside, lot: number): void {
  const { pending, sent } = outside;
  const ackable = sent.filter(
    ({ sequence }) =>
      sequence <= outside.flushed && !pending.some((input) => input.type === 'Sent' && input.sequence <= sequence),
  );
  const choices = pending.length + (ackable.length > 0 ? 1 : 0);
  expect(choices, 'the pipeline waits for nothing, and is not over').toBeGreaterThan(0);
  const choice = lot % choices;
  const [input] = choice < pending.length ? pending.splice(choice, 1) : [];
  if (input) return carryOut(outside, input);
  const upTo = ackable[lot % ackable.length]?.sequence ?? 0;
  outside.acked.push(...sent.filter(({ sequence }) => sequence <= upTo).map(({ part }) => part));
  outside.sent = sent.filter(({ sequence }) => sequence > upTo);
  outside.ackedUpTo = upTo;
  carryOut(outside, { type: 'Acked', sequence: upTo, at: instant(outside.at) });
}

const outsideOf = (blocks: readonly Block[]): Outside => ({
  pipeline: createPipeline(blocks.length * grain, { limits }),
  blocks,
  pending: [],
  acked: [],
  buffers: new Set(),
  sent: [],
  flushed: 0,
  ackedUpTo: 0,
  ended: undefined,
  at: 0,
});

const block = fc.constantFrom<Block>('unwanted', 'data', 'zero', 'same', 'settled', 'dataThatIsZero', 'dataThatIsSame');
const blocks = fc.array(block, { minLength: 1, maxLength: 60 });
const lots = fc.infiniteStream(fc.nat(1_000));

/** What each block was acked as; a block acked twice is shown as such. */
function ackedBlocks(outside: Outside): Map<number, string> {
  const found = new Map<number, string>();
  for (const { start, length, content } of outside.acked)
    for (let at = start / grain; at < (start + length) / grain; at += 1)
      found.set(at, found.has(at) ? 'twice' : content);
  return found;
}

const expected: Record<Block, string | undefined> = {
  unwanted: undefined,
  settled: undefined,
  data: 'data',
  zero: 'zero',
  same: 'same',
  dataThatIsZero: 'zero',
  dataThatIsSame: 'same',
};

describe('the pipeline', () => {
  it('settles every block of the plan exactly once, in whatever order things happen, within its bounds', () => {
    fc.assert(
      fc.property(blocks, lots, (disk, lot) => {
        const outside = outsideOf(disk);
        carryOut(outside, { type: 'Opened', at: instant(0) });
        while (!outside.ended) step(outside, lot.next().value ?? 0);
        expect(outside.ended).toEqual({ type: 'close' });
        expect(outside.buffers.size).toBe(0);
        const acked = ackedBlocks(outside);
        disk.forEach((what, at) => expect(acked.get(at), `block ${at}, ${what}`).toBe(expected[what]));
        const wanted = disk.filter((what) => what !== 'unwanted').length * grain;
        expect(outside.pipeline.tally.done).toBe(wanted);
        const { read, sent, zeroed, same, resumed } = outside.pipeline.tally;
        expect(sent + zeroed + same + resumed).toBe(wanted);
        const isRead = (what: Block) => what === 'data' || what === 'dataThatIsZero' || what === 'dataThatIsSame';
        expect(read).toBe(disk.filter(isRead).length * grain);
      }),
    );
  });

  it('ends once and quietly after any failure, with every buffer back and every settled block settled', () => {
    const mishaps = fc.constantFrom('read', 'send', 'plan', 'stop');
    fc.assert(
      fc.property(blocks, lots, mishaps, fc.nat(40), (disk, lot, mishap, when) => {
        const outside = outsideOf(disk);
        carryOut(outside, { type: 'Opened', at: instant(0) });
        for (let steps = 0; !outside.ended; steps += 1) {
          if (steps >= when && fail(outside, mishap)) break;
          if (!outside.ended) step(outside, lot.next().value ?? 0);
        }
        const failed = outside.pipeline.tally.done;
        while (!outside.ended) {
          const [next] = outside.pending.splice(0, 1);
          expect(next, 'the pipeline waits for nothing, and is not over').toBeDefined();
          if (next) carryOut(outside, next);
        }
        // A round may have been over before its turn to fail came.
        if (outside.ended.type === 'end') expect(outside.ended.error).toEqual(failure);
        expect(outside.buffers.size).toBe(0);
        expect(outside.pipeline.tally.done).toBe(failed);
        expect([...ackedBlocks(outside).values()]).not.toContain('twice');
        for (const late of outside.pending.splice(0)) {
          if (late.type === 'Woken') expect(outside.pipeline.apply(late)).toEqual([]);
        }
      }),
    );
  });

  function fail(outside: Outside, mishap: 'read' | 'send' | 'plan' | 'stop'): boolean {
    const { pending } = outside;
    if (mishap === 'stop') {
      carryOut(outside, { type: 'Stopped', error: failure });
      return true;
    }
    const type = ({ read: 'ReadFinished', send: 'Sent', plan: 'Planned' } as const)[mishap];
    const at = pending.findIndex((input) => input.type === type);
    const [input] = at < 0 ? [] : pending.splice(at, 1);
    if (input?.type === 'ReadFinished') carryOut(outside, { type: 'ReadFailed', chunk: input.chunk, error: failure });
    else if (input?.type === 'Sent')
      carryOut(outside, { type: 'SendFailed', sequence: input.sequence, error: failure });
    else if (input) carryOut(outside, { type: 'PlanFailed', error: failure });
    return input !== undefined;
  }

  it('refuses an ack of what was never sent, as a mistake of this program', () => {
    const pipeline = createPipeline(grain, { limits });
    pipeline.apply({ type: 'Opened', at: instant(0) });
    expect(() => pipeline.apply({ type: 'Acked', sequence: 1, at: instant(0) })).toThrow('nothing after 0 was sent');
  });

  it('asks for a flush when it waits for nothing else, and after a second of trickle', () => {
    const pipeline = createPipeline(8 * grain, { limits });
    pipeline.apply({ type: 'Opened', at: instant(0) });
    pipeline.apply({ type: 'Planned', plan: [{ ...extent(0, 8 * grain), content: 'data', counts: true }] });
    const part: ChunkPart = { ...extent(0, 4 * grain), content: 'data' };
    pipeline.apply({ type: 'ReadFinished', chunk: extent(0, 4 * grain), parts: [part], at: instant(1) });
    const early = pipeline.apply({ type: 'Woken', due: instant(2), at: instant(2) });
    const late = pipeline.apply({ type: 'Woken', due: instant(1_000), at: instant(1_000) });
    const kinds = (actions: readonly PipelineAction[]) => actions.map(({ type }) => type);
    expect([kinds(early), kinds(late)]).toEqual([[], ['flush']]);
  });

  it('keeps to a rate, takes a new one at once, and stands still at zero', () => {
    const disk = 40 * grain;
    const pipeline = createPipeline(disk, { limits, limit: bytesPerSecond(4 * grain * 1_000) });
    const reads = (input: PipelineInput): number => pipeline.apply(input).filter(({ type }) => type === 'read').length;
    reads({ type: 'Opened', at: instant(10_000) });
    const plan: PlannedExtent[] = [{ ...extent(0, disk), content: 'data', counts: true }];
    // One chunk of four blocks takes a millisecond; rest is saved up for a tenth of a second only.
    expect(reads({ type: 'Planned', plan })).toBe(limits.buffersMax);
    const slow = createPipeline(disk, { limits, limit: bytesPerSecond(4 * grain) });
    const slowReads = (input: PipelineInput): number => slow.apply(input).filter(({ type }) => type === 'read').length;
    const woken = (at: number): PipelineInput => ({ type: 'Woken', due: instant(at), at: instant(at) });
    slowReads({ type: 'Opened', at: instant(10_000) });
    expect(slowReads({ type: 'Planned', plan })).toBe(1);
    expect(slowReads(woken(10_500))).toBe(0);
    expect(slowReads(woken(11_000))).toBe(1);
    expect(slowReads({ type: 'LimitChanged', limit: bytesPerSecond(0), at: instant(11_001) })).toBe(0);
    expect(slowReads(woken(99_000))).toBe(0);
    expect(slowReads({ type: 'LimitChanged', limit: 'unlimited', at: instant(99_001) })).toBe(1);
  });

  it('waits again when it was woken too early, and not more often when it was woken for something else', () => {
    const pipeline = createPipeline(40 * grain, { limits, limit: bytesPerSecond(4 * grain) });
    pipeline.apply({ type: 'Opened', at: instant(10_000) });
    const plan: PlannedExtent[] = [{ ...extent(0, 40 * grain), content: 'data', counts: true }];
    const wakes = (input: PipelineInput): readonly PipelineAction[] =>
      pipeline.apply(input).filter(({ type }) => type === 'wake');
    // Credit for a tenth of a second was there at the start.
    const wake = { type: 'wake', at: 10_900 };
    expect(wakes({ type: 'Planned', plan })).toEqual([wake]);
    expect(wakes({ type: 'Woken', due: instant(10_500), at: instant(10_500) })).toEqual([]);
    expect(wakes({ type: 'Woken', due: instant(10_900), at: instant(10_899) })).toEqual([wake]);
    expect(wakes({ type: 'Woken', due: instant(10_900), at: instant(10_900) })).toEqual([{ type: 'wake', at: 11_900 }]);
  });

  it('says it is complete only to whoever compared the roots', () => {
    const tally = { read: 5, sent: 5, zeroed: 0, same: 0, resumed: 0, done: 100 };
    expect(progressOf(tally, 100)).toEqual({ done: 99, total: 100, read: 5, sent: 5 });
  });
});

describe('the plan of a segment', () => {
  const size = 10 * grain + 512;
  const all = extent(0, size);
  const facts = { range: all, size, dirty: [], settled: [], targetDigests: undefined };

  it('reads a block whole that is touched by any data, and counts only those in a full sync', () => {
    const mapped = [
      { ...extent(0, grain + 1), kind: 'zero' as const },
      { ...extent(grain + 1, 10), kind: 'data' as const },
      { ...extent(grain + 11, size - grain - 11), kind: 'zero' as const },
    ];
    expect(planSegment({ ...facts, mode: 'full', mapped })).toEqual([
      { ...extent(0, grain), content: 'zero', counts: false },
      { ...extent(grain, grain), content: 'data', counts: true },
      { ...extent(2 * grain, size - 2 * grain), content: 'zero', counts: false },
    ]);
  });

  it('looks at dirty blocks only, and zeroes those that read as zeroes', () => {
    const mapped = [
      { ...extent(0, 5 * grain), kind: 'data' as const },
      { ...extent(5 * grain, size - 5 * grain), kind: 'zero' as const },
    ];
    const dirty = [extent(grain + 4 * KiB, 4 * KiB), extent(9 * grain, size - 9 * grain)];
    expect(planSegment({ ...facts, mode: 'changes', mapped, dirty })).toEqual([
      { ...extent(grain, grain), content: 'data', counts: true },
      { ...extent(9 * grain, size - 9 * grain), content: 'zero', counts: true },
    ]);
  });

  it('reads what the source is silent about', () => {
    expect(planSegment({ ...facts, mode: 'full', mapped: [] })).toEqual([{ ...all, content: 'data', counts: true }]);
  });

  it('leaves what is settled, and confirms holes that the target has too', () => {
    const targetDigests = new BigUint64Array(11).fill(7n).fill(0n, 3);
    const mapped = [{ ...all, kind: 'zero' as const }];
    const settled = [extent(0, 2 * grain)];
    expect(planSegment({ ...facts, mode: 'rescan', mapped, settled, targetDigests })).toEqual([
      { ...extent(0, 2 * grain), content: 'settled', counts: true },
      { ...extent(2 * grain, grain), content: 'zero', counts: true },
      { ...extent(3 * grain, size - 3 * grain), content: 'same', counts: true },
    ]);
  });
});
