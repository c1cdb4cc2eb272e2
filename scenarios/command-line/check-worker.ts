import { setFlagsFromString } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { laws } from '#core/laws/laws';
import { collectSometimes } from '#core/sometimes';
import {
  worldOf,
  type CheckAnswer,
  type CheckMessage,
  type CheckWork,
  type SeedVerdict,
} from '#scenarios/check/check-work';
import { lawsOfModule } from '#scenarios/check/property-module';
import type { BlockOutcome, RunBlock, RunBlockWith } from '#simulator/block/spec';
import { failsBy, failuresOf, type Failure } from '#simulator/search/failure';
import { runToFirstBreach } from '#simulator/search/first-breach';
import { judgedRun } from '#simulator/search/judged-run';
import { shrink } from '#simulator/search/shrink';
import { storyOf } from '#simulator/search/story';
import { worldTurn } from './world-turn.ts';

/** A thread that runs one world after the other, as it is told, and shrinks those that fail. */
const { runner, property, worlds, demandsProgress, stop } = workerData as CheckWork;
const stopped = new Int32Array(stop);

// A world is a little of all our code, and much of it is only lukewarm when V8 optimizes it. Six times the default (67,584)
// took 9 to 18 % less processor time over 8 worlds; three times and ten times as much again took more than the default.
setFlagsFromString('--interrupt-budget=400000');

const isReady = Promise.all([
  import(runner) as Promise<{ readonly runBlock: RunBlockWith }>,
  property === null ? [] : (import(property) as Promise<Readonly<Record<string, unknown>>>).then(lawsOfModule),
]).then(([{ runBlock }, own]) => ({
  runBlock,
  run: judgedRun((spec) => runBlock(spec, { turn: worldTurn() }), own),
  judgedBy: [...laws, ...own],
}));

/** How worlds are run that are to fail in this way: no longer than it takes. */
async function runFor(failure: Failure): Promise<RunBlock> {
  const { runBlock, run } = await isReady;
  const law = failure.type === 'broken' ? laws.find(({ id }) => id === failure.law) : undefined;
  return law ? (spec) => runToFirstBreach(runBlock, { turn: worldTurn(), laws, law: law.id })(spec) : run;
}

async function checked(seed: number, tellsAll: boolean): Promise<CheckAnswer> {
  const { run } = await isReady;
  const collector = collectSometimes();
  const outcome = await run(worldOf(worlds, seed));
  collector.stop();
  const verdict = verdictOf(seed, outcome, Object.fromEntries(collector.seen()));
  return { type: 'checked', verdict, log: tellsAll ? outcome.facts : null };
}

const verdictOf = (seed: number, outcome: BlockOutcome, sometimes: SeedVerdict['sometimes']): SeedVerdict => ({
  ...{ seed, sometimes, facts: outcome.facts.length, hash: outcome.hash, exercised: outcome.exercised },
  failures: failuresOf(outcome, demandsProgress),
});

async function shrunk({
  seed,
  failure,
  runsMax,
  again,
}: Exclude<CheckMessage, number> & { type: 'shrink' }): Promise<CheckAnswer> {
  const { judgedBy } = await isReady;
  const run = await runFor(failure);
  const spec = worldOf(worlds, seed);
  const first = { spec, outcome: await run(spec) };
  const fails = failsBy(first.outcome, failure);
  const small = await shrink(first, {
    ...{ run, failure },
    runsMax: fails ? runsMax : 0,
    stop: () => Atomics.load(stopped, 0) === 1,
    onSmaller: ({ spec: { vms, faults } }, runs) =>
      say({ type: 'smaller', runs, vms: vms.length, faults: faults.length }),
  });
  const { runs, isSmallest, outcome } = small;
  const story = storyOf({ spec: small.spec, outcome, failure, laws: judgedBy, again });
  return { type: 'shrunk', verdict: { seed, failure, runs, isSmallest, fails, spec: small.spec, story } };
}

const say = (answer: CheckAnswer): void => parentPort?.postMessage(answer);

parentPort?.on('message', (message: CheckMessage) => {
  const answer =
    typeof message === 'number'
      ? checked(message, false)
      : message.type === 'shrink'
        ? shrunk(message)
        : checked(message.seed, true);
  answer.then(say, (error: unknown) => {
    throw error;
  });
});
