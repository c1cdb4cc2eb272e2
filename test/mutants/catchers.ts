import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { boundedProgram, type Ended, type ProgramBounds } from './bounded-program.ts';
import type { Caught, CatcherName } from './caught.ts';
import type { Mutant } from './mutant.ts';
import type { WalksAsked } from '#test/mutants/worlds/world-thread';
import { failuresIn, lawIn, seedsIn } from './read-test-report.ts';

/** How to look. */
export interface Looking {
  readonly seed: number;
  /** Seeds for the search over worlds, at most. */
  readonly seeds: number;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** Looks for what is wrong with the tree in `root`; undefined if it finds nothing. */
export type Catcher = (root: string, looking: Looking) => Promise<Caught | undefined>;

const walkedFiles: readonly (readonly [files: RegExp, walks: WalksAsked['of']])[] = [
  [/^core\/migration\//, 'charts'],
  [/^core\/wave\//, 'waves'],
  [/^core\/(driver\/|event-log\/append-rule)/, 'drivers'],
  [/^core\/event-log\/(chain|upcast)/, 'logs'],
  [/^replicator\/pipeline\/(pipeline|plan)/, 'pipelines'],
  [/^replicator\/receiver\/journal\./, 'journals'],
  [/^replicator\/(receiver\/(journal|replica|target-disk|settle-doubts)|disk\/)/, 'replicas'],
  [/^replicator\/sentinel\/tracking\//, 'tracking'],
  [/^replicator\/connectors\/kvm\//, 'kvm'],
  [
    /^(replicator\/live\/(launch\/|cutover-effects|giving-back|memory|trouble|secrets)|scenarios\/(migrate-step|conduct)\.ts)/,
    'cutovers',
  ],
  [/^replicator\/sentinel\/quiesce\//, 'rests'],
  [/^replicator\/(live\/[^/]+$|pipeline|gateway|receiver|disk)/, 'rounds'],
];

/** What the search of the first layer walks to see a mutant, cheap walks first. It walks in a thread, as the search over worlds does. */
export const walkedFor = ({ file }: Pick<Mutant, 'file'>): readonly WalksAsked['of'][] =>
  walkedFiles.filter(([files]) => files.test(file)).map(([, walks]) => walks);

/** The tests that may notice a mutant, in turn. */
export const testsFor = ({ tests }: Pick<Mutant, 'tests'>): Catcher =>
  inTurn(tests.map((one) => testsCatch('tests', [one])));

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

/** Runs tests, which are arguments of vitest, and says which failed first. */
export function testsCatch(name: Extract<CatcherName, 'tests'>, tests: readonly string[]): Catcher {
  return async (root, looking) => {
    const report = join(root, 'test-report.json');
    rmSync(report, { force: true });
    // A machine with much to do is slow, and that is no bug: what hangs is killed.
    const patience = [`--testTimeout=${looking.withinMs}`, `--hookTimeout=${looking.withinMs}`];
    const options = ['--bail=1', '--maxWorkers=1', '--reporter=json', `--outputFile=${report}`, ...patience];
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
