import { parseArgs } from 'node:util';
import { baseline, type Baseline } from './baseline.ts';
import { catcherFor, hasSearch, type Looking } from './catchers.ts';
import { catcherNames, type Caught, type CatcherName } from './caught.ts';
import { canary, nothingChanged } from './controls.ts';
import type { Mutant } from './mutant.ts';
import { mutants } from './mutants.ts';
import { openResults, type MutantResult } from './results.ts';
import { copyTree, treeHash, type TreeCopy } from './tree-copy.ts';
import { reportLines, troubles } from './verdict.ts';

/**
 * `npm run mutants`: puts one deliberate bug after the other into a copy of the checkout and looks who notices. Exit
 * status 0: every mutant was caught, or its survival is explained; 1: not; 130: interrupted, and the same command goes on.
 */
const usage = `npm run mutants -- [options]
  --only <id>,...        only these; a canary and a change that changes nothing are always tried too
  --catcher <name>,...   of search, layerOne, tests; in this order, until one catches (all)
  --seeds <n>            seeds for the search, at most (200)
  --seed <n>             what properties draw from (1)
  --jobs <n>             how many at a time, 1 or 2 (2)
  --within <seconds>     after which a catcher is killed: what hangs is caught (300)
  --results <file>       what an interrupted run goes on from (data/mutants.json)
  --fresh                forget what was found before
  --json                 the report as JSON`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    catcher: { type: 'string', default: catcherNames.join(',') },
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    within: { type: 'string', default: '300' },
    results: { type: 'string', default: 'data/mutants.json' },
    fresh: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(usage);
else await main();

async function main(): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());
  const looking: Looking = {
    seed: Number(values.seed),
    seeds: Number(values.seeds),
    withinMs: Number(values.within) * 1_000,
    signal: interrupted.signal,
  };
  const chosen = chosenMutants();
  const asked = catcherNames.filter((name) => values.catcher.split(',').includes(name));
  const jobs = Math.min(2, Math.max(1, Number(values.jobs)), chosen.length);
  const copies = Array.from({ length: jobs }, copyTree);
  try {
    const [first] = copies;
    const catchers = await thoseThere(asked, first, looking);
    const terms = [treeHash(), looking.seed, looking.seeds, ...catchers].join(' ');
    const results = openResults(values.results, values.fresh ? `${terms} ${process.pid}` : terms);
    const queue = chosen.filter(({ id }) => results.of(id) === undefined);
    const tried = baseline();
    await Promise.all(
      copies.map(async (copy) => {
        for (let next = queue.shift(); next && !interrupted.signal.aborted; next = queue.shift()) {
          const result = await tryOne(next, copy, { catchers, looking, tried });
          if (interrupted.signal.aborted) return;
          results.add(result);
          progress(`${result.caught ? 'caught  ' : 'SURVIVES'}  ${next.id} (${result.seconds.toFixed(1)} s)`);
        }
      }),
    );
    const judged = chosen.flatMap((mutant) => {
      const result = results.of(mutant.id);
      return result ? [{ mutant, result }] : [];
    });
    if (values.json)
      console.log(JSON.stringify({ mutants: judged.map(({ result }) => result), troubles: troubles(judged) }));
    else for (const line of reportLines(judged)) console.log(line);
    process.exitCode = interrupted.signal.aborted ? 130 : troubles(judged).length > 0 ? 1 : 0;
  } finally {
    for (const copy of copies) copy.remove();
  }
}

function chosenMutants(): readonly Mutant[] {
  const controls = [canary, nothingChanged];
  if (values.only === undefined) return [...controls, ...mutants];
  const wanted = values.only.split(',');
  const unknown = wanted.filter((id) => ![...controls, ...mutants].some((mutant) => mutant.id === id));
  if (unknown.length > 0) throw new RangeError(`there is no mutant ${unknown.join(', ')}`);
  return [...controls, ...mutants.filter(({ id }) => wanted.includes(id))];
}

/** Those of the catchers that this checkout has. */
async function thoseThere(
  asked: readonly CatcherName[],
  copy: TreeCopy | undefined,
  looking: Looking,
): Promise<readonly CatcherName[]> {
  if (!asked.includes('search') || (copy && (await hasSearch(copy.root, looking)))) return asked;
  progress('there is no `sealift check` in this checkout: the search is left out');
  return asked.filter((name) => name !== 'search');
}

interface Trying {
  readonly catchers: readonly CatcherName[];
  readonly looking: Looking;
  readonly tried: Baseline;
}

async function tryOne(mutant: Mutant, copy: TreeCopy, { catchers, looking, tried }: Trying): Promise<MutantResult> {
  const began = performance.now();
  const names: CatcherName[] = [];
  let caught: Caught | undefined;
  for (const name of catchers) {
    const look = catcherFor(name, mutant);
    if (!look || caught || looking.signal.aborted) continue;
    names.push(name);
    caught = await copy.mutated(mutant, () => look(copy.root, looking));
  }
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  if (caught && !looking.signal.aborted) await tried.mustBeGreen(caught, mutant, copy, looking);
  return { id: mutant.id, tried: names, caught: caught ?? null, seconds };
}

function progress(line: string): void {
  console.error(line);
}
