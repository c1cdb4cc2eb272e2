import { parseArgs } from 'node:util';
import { baseline, type Baseline } from './baseline.ts';
import { testsFor, walkedFor, type Looking } from './catchers.ts';
import { catcherNames, type Caught, type CatcherName } from './caught.ts';
import { canary, nothingChanged } from './controls.ts';
import type { Mutant } from './mutant.ts';
import { mutants } from './mutants.ts';
import { openResults, type MutantResult } from './results.ts';
import { copyTree, treeHash, type TreeCopy } from './tree-copy.ts';
import { reportLines, troubles } from './verdict.ts';
import { hunt, huntInWalks, type HuntGround } from '#test/mutants/worlds/hunt';
import { searchedWorlds } from '#test/mutants/worlds/searched-worlds';
import { untouchedWorlds } from '#test/mutants/worlds/untouched-worlds';
import { worldBundler } from '#test/mutants/worlds/world-bundle';

/**
 * `npm run mutants`: puts one deliberate bug after the other into a copy of the checkout and looks who notices. Exit
 * status 0: every mutant was caught, or its survival is explained; 1: not; 130: interrupted, and the same command goes on.
 */
const usage = `npm run mutants -- [options]
  --only <id>,...        only these; a canary and a change that changes nothing are always tried too
  --catcher <name>,...   of layerOne, worlds, tests; in this order, until one catches (all); search: the first two
  --seeds <n>            seeds for the search over worlds, at most (200)
  --vms <n>              VMs in each of these worlds (6)
  --seed <n>             the first of them, and what properties draw from (1)
  --jobs <n>             how many at a time, 1 or 2 (2)
  --within <seconds>     after which a catcher is killed: what hangs is caught (300)
  --results <file>       what an interrupted run goes on from (data/mutants.json)
  --worlds <file>        what worlds come to without a mutant (data/mutant-worlds.json)
  --fresh                forget what was found before
  --json                 the report as JSON`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    catcher: { type: 'string', default: catcherNames.join(',') },
    seeds: { type: 'string', default: '200' },
    vms: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    within: { type: 'string', default: '300' },
    results: { type: 'string', default: 'data/mutants.json' },
    worlds: { type: 'string', default: 'data/mutant-worlds.json' },
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
  const catchers = chosenCatchers();
  const jobs = Math.min(2, Math.max(1, Number(values.jobs)), chosen.length);
  const copies = Array.from({ length: jobs }, copyTree);
  const searching = catchers.some((name) => name !== 'tests') ? await beginSearch(looking) : undefined;
  try {
    const terms = [treeHash(), looking.seed, looking.seeds, values.vms, ...catchers].join(' ');
    const results = openResults(values.results, values.fresh ? `${terms} ${process.pid}` : terms);
    const queue = chosen.filter(({ id }) => results.of(id) === undefined);
    const tried = baseline();
    await Promise.all(
      copies.map(async (copy) => {
        for (let next = queue.shift(); next && !interrupted.signal.aborted; next = queue.shift()) {
          const result = await tryOne(next, copy, { catchers, looking, tried, searching });
          if (interrupted.signal.aborted) return;
          results.add(result);
          progress(progressLine(result));
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
    await searching?.untouched.close();
    await searching?.bundler.close();
  }
}

function chosenCatchers(): readonly CatcherName[] {
  const asked = values.catcher.split(',').flatMap((name) => (name === 'search' ? ['layerOne', 'worlds'] : [name]));
  const unknown = asked.filter((name) => !catcherNames.some((known) => known === name));
  if (unknown.length > 0) throw new RangeError(`there is no catcher ${unknown.join(', ')}`);
  return catcherNames.filter((name) => asked.includes(name));
}

async function beginSearch({ withinMs }: Looking): Promise<HuntGround> {
  const bundler = await worldBundler();
  const marked = [canary, nothingChanged, ...mutants];
  const worldOf = searchedWorlds(Number(values.vms));
  const untouched = await untouchedWorlds(bundler, { mutants: marked, worldOf, path: values.worlds, withinMs });
  return { bundler, untouched, worldOf };
}

function chosenMutants(): readonly Mutant[] {
  const controls = [canary, nothingChanged];
  if (values.only === undefined) return [...controls, ...mutants];
  const wanted = values.only.split(',');
  const unknown = wanted.filter((id) => ![...controls, ...mutants].some((mutant) => mutant.id === id));
  if (unknown.length > 0) throw new RangeError(`there is no mutant ${unknown.join(', ')}`);
  return [...controls, ...mutants.filter(({ id }) => wanted.includes(id))];
}

interface Trying {
  readonly catchers: readonly CatcherName[];
  readonly looking: Looking;
  readonly tried: Baseline;
  readonly searching: HuntGround | undefined;
}

async function tryOne(mutant: Mutant, copy: TreeCopy, trying: Trying): Promise<MutantResult> {
  const { catchers, looking, tried, searching } = trying;
  const began = performance.now();
  const names: CatcherName[] = [];
  let caught: Caught | undefined;
  let worlds: MutantResult['worlds'] = null;
  for (const name of catchers) {
    if (caught || looking.signal.aborted) continue;
    if (name === 'worlds') {
      if (!searching) continue;
      // A control that must not be caught would be looked for in all of them.
      const seeds = mutant.id === nothingChanged.id ? Math.min(3, looking.seeds) : looking.seeds;
      const { caught: found, ...counts } = await hunt(mutant, searching, { ...looking, seeds });
      [caught, worlds] = [found, counts];
    } else if (name === 'layerOne') {
      const of = walkedFor(mutant);
      if (!searching || of.length === 0) continue;
      caught = await huntInWalks(mutant, searching.bundler, { ...looking, of });
    } else caught = await copy.mutated(mutant, () => testsFor(mutant)(copy.root, looking));
    names.push(name);
  }
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  if (caught && !looking.signal.aborted) await tried.mustBeGreen(caught, mutant, copy, looking);
  return { id: mutant.id, tried: names, caught: caught ?? null, worlds, seconds };
}

function progressLine({ id, caught, worlds, seconds }: MutantResult): string {
  const seeds = caught && caught.seeds !== null ? ` after ${caught.seeds}` : '';
  const searched =
    worlds && !caught ? ` ${worlds.searched} worlds, ${worlds.reached} reach it, ${worlds.differed} differ` : '';
  const by = caught ? ` ${caught.catcher} ${caught.law ?? caught.by}${seeds}` : searched;
  return `${caught ? 'caught  ' : 'SURVIVES'}  ${id}${by} (${seconds.toFixed(1)} s)`;
}

function progress(line: string): void {
  console.error(line);
}
