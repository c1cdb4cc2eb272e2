import { InvalidArgumentError, Option, type Command } from 'commander';
import type { RunTrace } from '#core/compare/trace';
import type { EventLog } from '#core/event-log/event-log';
import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { Refused } from '#core/text/refused';
import type { Terminal } from '#core/text/terminal';
import { countOf } from '#replicator/command-line/arguments';
import { nearestWord } from '#scenarios/nearest-word';

/** What the command needs of the process it runs in. */
export interface DiffSite {
  readonly terminal: Terminal;
  /** Opens a log that is there, for reading. Throws a `Refused` or a `LogReadError`. */
  readonly openLog: (path: string) => Promise<EventLog>;
  readonly setStatus: (status: ExitStatus) => void;
}

interface Arguments {
  readonly top: number;
  readonly tolerance: number;
  readonly only?: string;
  readonly pair: ReadonlyMap<string, string>;
  readonly json?: true;
}

/** Adds `sealift diff`. */
export function addDiffCommand(program: Command, { terminal, openLog, setStatus }: DiffSite): void {
  program
    .command('diff')
    .description('compare two runs, such as a rehearsal and what came of it: where they parted, what took longer')
    .argument('<first>', 'the SQLite file of a run; as a forecast, the one that forecast')
    .argument('<second>', 'the SQLite file of the other run; as a forecast, the real one')
    .option('--top <count>', 'the most lines of each list', countOf, 10)
    .option('--only <id>', 'only this migration, or the VM of this name')
    .option(
      '--pair <first=second>',
      'compare these migrations of the two runs; may be given several times',
      pairOf,
      new Map<string, string>(),
    )
    .option(
      '--tolerance <share>',
      'how much of its total time and downtime a VM may differ by and still count as the same',
      shareOf,
      0.1,
    )
    .addOption(new Option('--json', 'one JSON document instead of text for a person'))
    .addHelpText('after', '\nEnds with 0 if both did the same within the tolerance, and with 7 if they differ.')
    .action(async (first: string, second: string, options: Arguments) => {
      const { compareRuns, isSameWithin } = await import('#core/compare/compare');
      const { only, pair, top, tolerance } = options;
      const traces = [await traceOf(first, openLog), await traceOf(second, openLog)] as const;
      checkPairs(pair, traces);
      const [a, b] = only === undefined ? traces : narrowed(traces, only, pair);
      const comparison = compareRuns(a, b, { pair });
      const same = isSameWithin(comparison, tolerance);
      if (options.json) {
        const differences = comparison.differences.slice(0, top);
        terminal.print(JSON.stringify({ ...comparison, differences, tolerance, same }));
      } else {
        const { comparisonLines } = await import('#core/compare/compare-text');
        for (const line of comparisonLines(comparison, { width: terminal.width, top })) terminal.print(line);
        for (const { name, migrations } of [a, b])
          for (const { id, broken } of migrations)
            if (broken !== null) terminal.note(`sealift: ${id} in ${name} could be followed only in part: ${broken}`);
      }
      setStatus(same ? exitStatus.done : exitStatus.different);
    });
}

/** Reads a whole log. Refuses one without any migration. */
export async function traceOf(path: string, openLog: DiffSite['openLog'], name = path): Promise<RunTrace> {
  const { traceRun } = await import('#core/compare/trace');
  const log = await openLog(path);
  try {
    const trace = await traceRun(name, log.readAll());
    if (trace.migrations.length === 0)
      throw new Refused(`there is no migration in ${path}; give the log of a run in which something was migrated`);
    return trace;
  } finally {
    await log.close();
  }
}

type Traces = readonly [first: RunTrace, second: RunTrace];

function narrowed([a, b]: Traces, only: string, pair: ReadonlyMap<string, string>): Traces {
  const partner = pair.get(only);
  const wanted = ({ migrations }: RunTrace) =>
    migrations.filter(({ id, plan }) => id === only || plan?.vm.name === only || id === partner);
  if (wanted(a).length + wanted(b).length > 0)
    return [
      { ...a, migrations: wanted(a) },
      { ...b, migrations: wanted(b) },
    ];
  throw new Refused(`there is no migration ${only} in ${a.name} or ${b.name}${meant(only, [a, b])}`);
}

function checkPairs(pair: ReadonlyMap<string, string>, [a, b]: Traces): void {
  for (const [first, second] of pair) {
    for (const [id, run] of [[first, a] as const, [second, b] as const])
      if (!run.migrations.some((migration) => migration.id === id))
        throw new Refused(`--pair: there is no migration ${id} in ${run.name}${meant(id, [run])}`);
  }
}

function meant(word: string, runs: readonly RunTrace[]): string {
  const known = runs.flatMap(({ migrations }) => migrations.map(({ id }) => id));
  const near = nearestWord(word, known);
  if (near !== undefined) return `; did you mean ${near}?`;
  const some = [...new Set(known)];
  return `; there are ${some.slice(0, 10).join(', ')}${some.length > 10 ? ' ...' : ''}`;
}

function pairOf(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, first, second] = /^([^=]+)=([^=]+)$/.exec(text) ?? [];
  if (first === undefined || second === undefined)
    throw new InvalidArgumentError('It is the id in the first run, "=", and the id in the second.');
  return new Map([...before, [first, second]]);
}

function shareOf(text: string): number {
  const [, per] = /^(\d+(?:\.\d+)?) ?%$/.exec(text) ?? [];
  if (per === undefined) throw new InvalidArgumentError('It is a share such as "5 %".');
  return Number(per) / 100;
}
