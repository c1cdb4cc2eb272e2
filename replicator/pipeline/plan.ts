import { extent, extentEnd, type Extent, type MappedExtent } from '#core/disk/extent';
import { GiB } from '#core/units';
import { blocksIn, grain } from './digest.ts';
import type { RoundMode } from './replication.ts';

/*
 * What a round does with each block, planned one segment of the disk at a time.
 *
 * A segment bounds the memory of a plan whatever the disk looks like: 1 GiB has at most 16,384 blocks.
 *
 *     wanted by the round?   settled already?   zero at the source?   equal by digest?
 *            no  -> (not in the plan)
 *            yes ->      yes -> settled
 *                        no  ->                      yes ->                no -> zero      yes -> same
 *                                                    no  -> data (equality is known only after reading)
 */

/** How much of a disk is planned in one go. */
export const segmentLength = GiB;

/** What is to be done with a planned extent: read it, zero it at the target, confirm it, or nothing. */
export type PlannedContent = 'data' | 'zero' | 'same' | 'settled';

/** A run of whole blocks with the same fate. */
export interface PlannedExtent extends Extent {
  readonly content: PlannedContent;
  /** Whether these bytes are part of what the round has to look at (`RoundProgress.total`). */
  readonly counts: boolean;
}

/** What is known of one segment when it is planned. */
export interface SegmentFacts {
  readonly range: Extent;
  readonly mode: RoundMode;
  /** The size of the whole disk. */
  readonly size: number;
  /** What changed, in `changes` mode; at any alignment. */
  readonly dirty: readonly Extent[];
  /** What the source says is in the segment; at any alignment. */
  readonly mapped: readonly MappedExtent[];
  /** Blocks durable from an earlier run of this round. */
  readonly settled: readonly Extent[];
  /** The digests of the target's blocks, in `rescan` mode. */
  readonly targetDigests: BigUint64Array | undefined;
}

const unwanted = 0;
const zeroBit = 1;
const dataBit = 2;
const settledBit = 4;
const wantedBit = 8;

/** The plan of one segment: in order, without overlap, in whole blocks. */
export function planSegment(facts: SegmentFacts): readonly PlannedExtent[] {
  const { range, mode, targetDigests } = facts;
  const flags = new Uint8Array(blocksIn(range.length));
  const mark = (part: Extent, bit: number): void => {
    const from = Math.max(part.start, range.start) - range.start;
    const to = Math.min(extentEnd(part), extentEnd(range)) - range.start;
    // Outwards: a block touched by anything that must be read or sent is read or sent as a whole.
    if (to > from) for (let b = Math.floor(from / grain); b < blocksIn(to); b += 1) flags[b] = (flags[b] ?? 0) | bit;
  };
  for (const part of mode === 'changes' ? facts.dirty : [range]) mark(part, wantedBit);
  for (const part of facts.mapped) mark(part, part.kind === 'zero' ? zeroBit : dataBit);
  for (const part of facts.settled) mark(part, settledBit);

  const fateOf = (block: number): { readonly content: PlannedContent; readonly counts: boolean } | undefined => {
    const flag = flags[block] ?? unwanted;
    if ((flag & wantedBit) === 0) return undefined;
    // A block of which nothing at all is known to be zero is data: a source that leaves gaps must not lose bytes.
    const zero = (flag & zeroBit) !== 0 && (flag & dataBit) === 0;
    const counts = mode !== 'full' || !zero;
    if (flag & settledBit) return { content: 'settled', counts };
    if (!zero) return { content: 'data', counts };
    return { content: targetDigests?.[block] === 0n ? 'same' : 'zero', counts };
  };

  const plan: PlannedExtent[] = [];
  let open: { start: number; content: PlannedContent; counts: boolean } | undefined;
  for (let block = 0; block <= flags.length; block += 1) {
    const fate = block < flags.length ? fateOf(block) : undefined;
    if (open && (fate?.content !== open.content || fate.counts !== open.counts)) {
      const end = Math.min(range.length, block * grain);
      plan.push({
        ...extent(range.start + open.start, end - open.start),
        content: open.content,
        counts: open.counts,
      });
      open = undefined;
    }
    if (fate && !open) open = { start: block * grain, ...fate };
  }
  return plan;
}

/** The bytes of a plan that count towards a round's total. */
export const countedLength = (plan: readonly PlannedExtent[]): number =>
  plan.reduce((sum, { length, counts }) => sum + (counts ? length : 0), 0);

/** The segments of a disk, in order. */
export function* segmentsOf(size: number): Generator<Extent> {
  for (let start = 0; start < size; start += segmentLength) yield extent(start, Math.min(segmentLength, size - start));
}

/** The parts of a chunk by what is to be done with them now that it was read. */
export interface ChunkPart extends Extent {
  readonly content: Exclude<PlannedContent, 'settled'>;
}

/** Splits a chunk that was read, by its digests and, in a rescan, those of the target's blocks. */
export function partsOf(
  chunk: Extent,
  digests: BigUint64Array,
  targetDigests: BigUint64Array | undefined,
): readonly ChunkPart[] {
  const contentOf = (block: number): ChunkPart['content'] => {
    if (targetDigests && targetDigests[block] === digests[block]) return 'same';
    return digests[block] === 0n ? 'zero' : 'data';
  };
  const parts: ChunkPart[] = [];
  let from = 0;
  for (let block = 1; block <= digests.length; block += 1) {
    if (block < digests.length && contentOf(block) === contentOf(from)) continue;
    const end = Math.min(chunk.length, block * grain);
    parts.push({ content: contentOf(from), ...extent(chunk.start + from * grain, end - from * grain) });
    from = block;
  }
  return parts;
}
