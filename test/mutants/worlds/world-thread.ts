import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import fc from 'fast-check';
import { runBlock } from '#simulator/block/world/block-world';
import type { BlockSpec } from '#simulator/block/spec';
import { failureKey, failuresOf } from '#simulator/search/failure';
import { anyDraws, anyPlan, farAway, soundWalk } from '#test/support/model-walks';
import { anyDriverDraws, soundDrivers } from '#test/support/driver-walks';
import { soundReplica } from '#test/support/replica-walks';
import { anyConductedWave, anyWaveDraws, soundWave } from '#test/support/wave-walks';
import type { MarkedGlobal } from './reach-marks.ts';
import { walkedProperties, type WalkedProperty } from './walked-properties.ts';

/** What a thread is asked: to run a world. */
export interface WorldAsked {
  readonly type: 'world';
  readonly spec: BlockSpec;
  /** Not to come to an end is a failure too. */
  readonly demandsProgress: boolean;
}

/** Or to walk migrations, waves of them, their drivers, replicas, rounds and the like through whatever may happen to them. */
export interface WalksAsked {
  readonly type: 'walks';
  readonly of: 'charts' | 'waves' | 'drivers' | 'replicas' | WalkedProperty;
  readonly seed: number;
  readonly walks: number;
}

/** What a thread says of a world. */
export interface WorldAnswer {
  /** What was wrong, each as one word: a law, `notLive`, `crashed ...`. */
  readonly failures: readonly string[];
  readonly hash: string;
  /** Marks of mutants that were passed since the thread began, up to the end of this world. */
  readonly reached: readonly string[];
}

/** What a thread says of walks: which was wrong, counted from 1, and why. */
export interface WalksAnswer {
  readonly wrong: { readonly walk: number; readonly why: string } | null;
}

const place = globalThis as typeof globalThis & MarkedGlobal;
// What is passed while the code is loaded belongs to every world.
const atLoad = place.sealiftMutantsAtLoad ?? [];
let reached = new Set(atLoad);
place.sealiftMutantReached = (id) => void reached.add(id);

async function run({ spec, demandsProgress }: WorldAsked): Promise<WorldAnswer> {
  reached = new Set(atLoad);
  const outcome = await runBlock(spec, { turn: () => eventLoopTurn() });
  const failures = failuresOf(outcome, demandsProgress).map(failureKey);
  return { failures, hash: outcome.hash, reached: [...reached].toSorted() };
}

async function replicaWalks({ seed, walks: count }: WalksAsked): Promise<WalksAnswer> {
  for (let nth = 1; nth <= count; nth += 1)
    try {
      await soundReplica(seed + nth - 1);
    } catch (error) {
      return { wrong: { walk: nth, why: error instanceof Error ? error.message : String(error) } };
    }
  return { wrong: null };
}

const isProperty = (of: WalksAsked['of']): of is WalkedProperty => of in walkedProperties;

function wrongOf({
  errorInstance,
  numRuns,
}: {
  readonly errorInstance: unknown;
  readonly numRuns: number;
}): WalksAnswer {
  const why = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return { wrong: { walk: numRuns, why } };
}

async function walks(asked: WalksAsked): Promise<WalksAnswer> {
  const { of, seed, walks: numRuns } = asked;
  if (of === 'replicas') return replicaWalks(asked);
  if (isProperty(of)) {
    const walked = await walkedProperties[of]({ seed, numRuns, endOnFailure: true });
    return walked.failed ? wrongOf(walked) : { wrong: null };
  }
  const reached = new Set<string>();
  const charts = fc.property(anyPlan, anyDraws, (plan, draws) => {
    soundWalk(plan, draws, (lifecycle) => reached.add(lifecycle));
  });
  const waves = fc.property(anyConductedWave, anyWaveDraws, (wave, draws) => soundWave(wave, draws));
  const drivers = fc.property(anyPlan, anyDriverDraws, (plan, draws) => soundDrivers(plan, draws));
  const terms = { seed, numRuns, endOnFailure: true };
  const found =
    of === 'charts' ? fc.check(charts, terms) : of === 'waves' ? fc.check(waves, terms) : fc.check(drivers, terms);
  if (!found.failed) {
    const never = of === 'charts' ? farAway.find((lifecycle) => !reached.has(lifecycle)) : undefined;
    return { wrong: never === undefined ? null : { walk: numRuns, why: `no walk comes to ${never}` } };
  }
  return wrongOf(found);
}

parentPort?.on('message', (asked: WorldAsked | WalksAsked) => {
  (asked.type === 'world' ? run(asked) : walks(asked)).then(
    (answer) => parentPort?.postMessage(answer),
    (error: unknown) => {
      throw error;
    },
  );
});
