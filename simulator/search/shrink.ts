import type { BlockOutcome, BlockSpec, RunBlock } from '#simulator/block/spec';
import { failsBy, type Failure } from './failure.ts';
import { fewestParts } from './fewest-parts.ts';
import { isWorld, neighbourhoods, waysSmaller, type Edit } from './smaller.ts';

/** What a search for a smaller world is given. */
export interface ShrinkOptions {
  readonly run: RunBlock;
  /** How it fails. A world that fails in another way is another story. */
  readonly failure: Failure;
  /** Runs it may take, at most. */
  readonly runsMax: number;
  /** Whether there is no time left: asked before each run. */
  readonly stop?: () => boolean;
  /** Told of each smaller world that fails in the same way. */
  readonly onSmaller?: (found: FailingWorld, runs: number) => void;
}

/** A world, and how it failed. */
export interface FailingWorld {
  readonly spec: BlockSpec;
  readonly outcome: BlockOutcome;
}

/** The smallest world that was found. */
export interface Shrunk extends FailingWorld {
  readonly runs: number;
  /** Nothing that was tried makes it any smaller; otherwise runs or time were over before. */
  readonly isSmallest: boolean;
}

/**
 * Makes a world that fails smaller and plainer as long as it fails in the same way. The seed stays, and since every part
 * of a world has a stream of chance of its own, what is left behaves as it did.
 */
export async function shrink(found: FailingWorld, options: ShrinkOptions): Promise<Shrunk> {
  const { run, failure, runsMax, stop = () => false, onSmaller } = options;
  let best = found;
  let runs = 0;
  const isOver = (): boolean => runs >= runsMax || stop();
  const held = new Set<string>();
  const fails = async (spec: BlockSpec): Promise<boolean> => {
    const told = JSON.stringify(spec);
    if (!isWorld(spec) || held.has(told) || isOver()) return false;
    runs += 1;
    const outcome = await run(spec);
    if (!failsBy(outcome, failure)) {
      held.add(told);
      return false;
    }
    best = { spec, outcome };
    onSmaller?.(best, runs);
    return true;
  };

  await approach(() => best, fails);
  for (let before = ''; before !== JSON.stringify(best.spec);) {
    before = JSON.stringify(best.spec);
    for (const ways of waysSmaller) await edit(best.spec, ways(best.spec, best.outcome), fails);
  }
  return { ...best, runs, isSmallest: !isOver() };
}

/** Leaves out most of those who have no part in it, as long as some neighbourhood of those concerned fails by itself. */
async function approach(best: () => FailingWorld, fails: (spec: BlockSpec) => Promise<boolean>): Promise<void> {
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false;
    const { spec, outcome } = best();
    for (const edit of neighbourhoods(spec, outcome)) {
      const near = edit(spec);
      if (near.vms.length === spec.vms.length || !(await fails(near))) continue;
      isSmaller = true;
      break;
    }
  }
}

/** Makes as many of the edits as can be made: those left out are the fewest without which it does not fail. */
async function edit(
  spec: BlockSpec,
  edits: readonly Edit[],
  fails: (spec: BlockSpec) => Promise<boolean>,
): Promise<void> {
  const told = JSON.stringify(spec);
  const changing = edits.filter((one) => JSON.stringify(one(spec)) !== told);
  if (changing.length === 0) return;
  await fewestParts(changing, (leftOut) => {
    const made = changing.filter((one) => !leftOut.includes(one));
    return fails(made.reduce((edited, one) => one(edited), spec));
  });
}
