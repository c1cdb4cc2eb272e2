import fc from 'fast-check';
import { extent, type Extent, type MappedExtent } from '#core/disk/extent';
import { grain } from '#replicator/pipeline/digest';
import { partsOf, planSegment, type PlannedContent } from '#replicator/pipeline/plan';
import type { RoundMode } from '#replicator/pipeline/replication';

/*
 * What a round plans for a segment of a disk, block by block, as a judge works it out who looks at each quarter of a block.
 */

/** What is known of one block before it is planned: each of its quarters, and what is at the target. */
interface Known {
  /** What the source says of it; it may say nothing of a block. */
  readonly quarters: readonly ('data' | 'zero')[] | 'silence';
  readonly dirty: readonly boolean[];
  readonly isSettled: boolean;
  /** Whether source and target are equal, and what the target holds. */
  readonly digests: { readonly source: number; readonly target: number };
}

/** A segment and how it is looked at. */
export interface Segment {
  readonly mode: RoundMode;
  readonly blocks: readonly Known[];
  /** Quarters that the last block is short of. */
  readonly short: number;
}

const four = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 4, maxLength: 4 });

/** Whatever may be known of a segment. */
export const anySegment: fc.Arbitrary<Segment> = fc.record({
  mode: fc.constantFrom<RoundMode>('full', 'changes', 'rescan'),
  blocks: fc.array(
    fc.record({
      quarters: fc.oneof(
        { weight: 4, arbitrary: four(fc.constantFrom('data' as const, 'zero' as const)) },
        { weight: 2, arbitrary: fc.constant<readonly ('data' | 'zero')[]>(['zero', 'zero', 'zero', 'zero']) },
        { weight: 1, arbitrary: fc.constant('silence' as const) },
      ),
      dirty: four(fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })),
      isSettled: fc.boolean(),
      digests: fc.record({ source: fc.nat(2), target: fc.nat(2) }),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  short: fc.nat(3),
});

const quarter = grain / 4;

/** Has it planned, and throws what is wrong. */
export function proveSegment({ mode, blocks, short }: Segment): void {
  const size = blocks.length * grain - short * quarter;
  const range = extent(0, size);
  const inside = (block: number, nth: number): boolean => block * grain + nth * quarter < size;
  const quartersWhere = (is: (known: Known, nth: number) => boolean): Extent[] =>
    blocks.flatMap((known, block) =>
      [0, 1, 2, 3]
        .filter((nth) => inside(block, nth) && is(known, nth))
        .map((nth) => extent(block * grain + nth * quarter, quarter)),
    );
  const mapped: MappedExtent[] = (['data', 'zero'] as const).flatMap((kind) =>
    quartersWhere(({ quarters }, nth) => quarters !== 'silence' && quarters[nth] === kind).map((part) => ({
      ...part,
      kind,
    })),
  );
  const settled = blocks.flatMap(({ isSettled }, block) =>
    isSettled ? [extent(block * grain, Math.min(grain, size - block * grain))] : [],
  );
  const target = BigUint64Array.from(blocks, ({ digests }) => BigInt(digests.target));
  const targetDigests = mode === 'rescan' ? target : undefined;
  const dirty = mode === 'changes' ? quartersWhere(({ dirty: is }, nth) => is[nth] === true) : [];
  const plan = planSegment({ range, mode, size, dirty, mapped, settled, targetDigests });
  for (const [block, known] of blocks.entries()) {
    const planned = plan.find(({ start, length }) => start <= block * grain && start + length > block * grain)?.content;
    const due = fateOf(known, mode, (nth) => inside(block, nth));
    if (planned !== due)
      throw new Error(
        `L5 block ${block} is planned as ${planned ?? 'nothing'} and not as ${due ?? 'nothing'}: ${told(known, mode)}`,
      );
  }
  proveParts(blocks, range, targetDigests);
}

function fateOf(
  { quarters, dirty, isSettled, digests }: Known,
  mode: RoundMode,
  inside: (nth: number) => boolean,
): PlannedContent | undefined {
  if (mode === 'changes' && !dirty.some((is, nth) => is && inside(nth))) return undefined;
  if (isSettled) return 'settled';
  if (quarters === 'silence' || quarters.some((kind, nth) => kind === 'data' && inside(nth))) return 'data';
  return mode === 'rescan' && digests.target === 0 ? 'same' : 'zero';
}

/** What was read is the same, or zero, or sent: block by block. */
function proveParts(blocks: readonly Known[], range: Extent, targetDigests: BigUint64Array | undefined): void {
  const source = BigUint64Array.from(blocks, ({ digests }) => BigInt(digests.source));
  const parts = partsOf(range, source, targetDigests);
  for (const [block, { digests }] of blocks.entries()) {
    const found = parts.find(({ start, length }) => start <= block * grain && start + length > block * grain)?.content;
    const isSame = targetDigests !== undefined && digests.source === digests.target;
    const due = isSame ? 'same' : digests.source === 0 ? 'zero' : 'data';
    if (found !== due)
      throw new Error(`L6 block ${block} that was read is taken for ${found ?? 'nothing'}, and is ${due}`);
  }
}

const told = ({ quarters, dirty, isSettled }: Known, mode: RoundMode): string =>
  `${mode}, ${quarters === 'silence' ? 'nothing said' : quarters.join(' ')}${dirty.includes(true) ? ', dirty' : ''}${isSettled ? ', settled' : ''}`;
