import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { boundedProgram, type Ended, type ProgramBounds } from './bounded-program.ts';
import type { Caught, CatcherName } from './caught.ts';
import type { Mutant } from './mutant.ts';
import { failuresIn, lawIn, seedsIn } from './read-test-report.ts';
import { foundBy } from './read-search-report.ts';

/** How to look. */
export interface Looking {
  readonly seed: number;
  /** Seeds for the search, at most. */
  readonly seeds: number;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** Looks for what is wrong with the tree in `root`; undefined if it finds nothing. */
export type Catcher = (root: string, looking: Looking) => Promise<Caught | undefined>;

/** What the search looks at. */
export const searchedScenario = 'scenarios/bank-weekend.yaml';
/** The search over charts and planner. It sees core and nothing else. */
export const layerOne = ['simulator/search', 'core/wave/planner-laws.test.ts'] as const;

/** The catcher of a name, for one mutant; undefined if it could not see it. */
export function catcherFor(name: CatcherName, { file, tests }: Pick<Mutant, 'file' | 'tests'>): Catcher | undefined {
  switch (name) {
    case 'search':
      return search;
    case 'layerOne':
      return file.startsWith('core/') && !file.startsWith('core/event-log/') ? testsCatch(name, layerOne) : undefined;
    case 'tests':
      return inTurn(tests.map((one) => testsCatch(name, [one])));
  }
}

/** Whether the tree in `root` has a search at all. */
export async function hasSearch(root: string, looking: Looking): Promise<boolean> {
  const { status } = await boundedProgram(
    process.execPath,
    ['--import', 'tsx', 'cli.ts', 'check', '--help'],
    boundsOf(root, looking),
  );
  return status === 0;
}

const search: Catcher = async (root, looking) => {
  const args = ['--import', 'tsx', 'cli.ts', 'check', searchedScenario, '--seeds', String(looking.seeds), '--json'];
  return foundBy(await boundedProgram(process.execPath, args, boundsOf(root, looking)));
};

/** One after the other, until one catches: a mutant that is caught by a quick test costs no slow one. */
const inTurn =
  (catchers: readonly Catcher[]): Catcher =>
  async (root, looking) => {
    for (const look of catchers) {
      const caught = await look(root, looking);
      if (caught || looking.signal.aborted) return caught;
    }
    return undefined;
  };

/** Runs test files and says which test failed first. */
export function testsCatch(name: Exclude<CatcherName, 'search'>, tests: readonly string[]): Catcher {
  return async (root, looking) => {
    const report = join(root, 'test-report.json');
    rmSync(report, { force: true });
    const options = ['--bail=1', '--maxWorkers=1', '--reporter=json', `--outputFile=${report}`];
    const args = ['node_modules/vitest/vitest.mjs', 'run', ...tests, ...options];
    const ended = await boundedProgram(process.execPath, args, boundsOf(root, looking));
    return ended.status === 0 ? undefined : firstFailure(name, root, report, ended);
  };
}

function firstFailure(name: CatcherName, root: string, report: string, ended: Ended): Caught {
  const nothingSaid = { catcher: name, law: null, file: null, seeds: null };
  if (ended.status === 'hung') return { ...nothingSaid, by: 'it never came to an end' };
  const [first] = failuresIn(readIfThere(report));
  if (!first) return { ...nothingSaid, by: `the tests could not be run: ${lastLineOf(ended.output)}` };
  const { test, message } = first;
  const file = first.file.startsWith(`${root}/`) ? first.file.slice(root.length + 1) : first.file;
  return { catcher: name, law: lawIn(message) ?? lawIn(test), by: test, file, seeds: seedsIn(message) };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const lastLineOf = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';

const boundsOf = (root: string, { seed, withinMs, signal }: Looking): ProgramBounds => ({
  cwd: root,
  environment: { SEED: String(seed) },
  withinMs,
  signal,
});
