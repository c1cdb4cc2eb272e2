import { Option, type Command } from 'commander';
import type { EventLog } from '#core/event-log/event-log';
import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { formatEta, formatPercent } from '#core/text/format';
import { Refused } from '#core/text/refused';
import type { Terminal } from '#core/text/terminal';
import type { Clock } from '#core/clock';
import { countOf } from '#replicator/command-line/arguments';
import type { Forecast } from '#scenarios/forecast';
import type { LibraryFile } from '#scenarios/library';
import type { Provenance } from '#scenarios/fork/provenance';
import type { ExpectationVerdict } from '#scenarios/expectations';
import { naturalOf } from './arguments.ts';
import { tellProvenance } from './fork-command.ts';
import type { ReadRehearsal } from './read-scenario.ts';

/** What the command needs of the process it runs in. */
export interface RehearseSite {
  readonly terminal: Terminal;
  /** Wall time, for the time left. */
  readonly clock: Clock;
  readonly turn: () => Promise<void>;
  readonly cores: number;
  /** The module that a thread runs. */
  readonly seedWorker: URL;
  /** Aborted by Ctrl-C. */
  readonly interrupts: () => AbortSignal;
  /** Reads a scenario by its path, or by its name in the library. */
  readonly readScenario: (word: string) => Promise<ReadRehearsal>;
  /** The scenario files that come with Sealift. */
  readonly library: () => Promise<readonly LibraryFile[]>;
  /** Makes a log that is not there yet. */
  readonly createLog: (path: string) => Promise<EventLog>;
  /** Takes a name for a report that is not there yet, so that nobody learns after an hour that it is taken. */
  readonly createReport: (path: string) => Promise<{ readonly write: (text: string) => Promise<void> }>;
  /** Of this program. */
  readonly version: string;
  readonly setStatus: (status: ExitStatus) => void;
}

interface Arguments {
  readonly list?: true;
  readonly seed?: number;
  readonly seeds?: number;
  readonly threads?: number;
  readonly log?: string;
  readonly report?: string;
  readonly certify?: true;
  readonly json?: true;
}

/** Adds `sealift rehearse`. */
export function addRehearseCommand(program: Command, site: RehearseSite): void {
  program
    .command('rehearse')
    .description('rehearse a wave in virtual time, once or with many seeds, and say what comes of it')
    .argument('[scenario]', 'a scenario file of kind "rehearsal", or the name of one that comes with Sealift')
    .option('--list', 'list the scenarios that come with Sealift')
    .option(
      '--seed <number>',
      'what chance draws from, or the first of many; the seed in the scenario if none is given',
      naturalOf,
    )
    .option('--seeds <count>', 'rehearse so many seeds, and say how likely what is', countOf)
    .option('--threads <count>', 'threads for many seeds; as many as there are cores if not given', countOf)
    .option('--log <file>', 'keep the whole log of one seed in a new SQLite file, for replay and the dashboard')
    .option('--report <file>', 'also write what came of it into a new HTML file, with charts')
    .option('--certify', 'rehearse each seed twice and compare all that happened')
    .addOption(new Option('--json', 'one JSON document instead of text for a person'))
    .action(async (word: string | undefined, options: Arguments) => {
      if (word === undefined || options.list) return listLibrary(word, options, site);
      if (options.seeds !== undefined && options.log !== undefined)
        throw new Refused('--log keeps the log of one seed; leave --seeds out, or --log');
      if (options.seeds === undefined && options.threads !== undefined)
        throw new Refused('--threads is for many seeds; add --seeds <count>');
      const given = await site.readScenario(word);
      const one = options.seeds === undefined && options.certify !== true;
      site.setStatus(await (one ? rehearseOne : rehearseMany)(given, options, site));
    });
}

async function listLibrary(word: string | undefined, { list, json }: Arguments, site: RehearseSite): Promise<void> {
  if (list && word !== undefined) throw new Refused('--list takes no scenario; leave one of them out');
  const { libraryLines, libraryOf } = await import('#scenarios/library');
  const library = libraryOf(await site.library());
  if (!list) throw new Refused(['say which scenario to rehearse', ...libraryLines(library)].join('\n'));
  if (json) site.terminal.print(JSON.stringify(library));
  else for (const line of libraryLines(library)) site.terminal.print(line);
}

async function rehearseOne(given: ReadRehearsal, options: Arguments, site: RehearseSite): Promise<ExitStatus> {
  const { scenario } = given;
  const { seed, log: path, json } = options;
  const { terminal, turn, interrupts, createLog } = site;
  const { allMet, expectationLines, judgeOnce } = await import('#scenarios/expectations');
  const { rehearse } = await import('#scenarios/run');
  const { virtualClock } = await import('#simulator/kernel/virtual-clock');
  const { describeRehearsalError, rehearsalLines, rehearsalStatus } = await import('./rehearsal-text.ts');
  const report = await openReport(given, options, site);
  const log = path === undefined ? undefined : await createLog(path);
  try {
    const clock = virtualClock({ turn, start: scenario.starts });
    const signal = interrupts();
    await tellProvenance(log, { ...provenanceFrom(given), seed: seed ?? scenario.seed }, scenario);
    const summary = await rehearse({ scenario, log, clock, signal, ...(seed !== undefined && { seed }) });
    if (!summary.ok) throw new Refused(describeRehearsalError(summary.error));
    const expectations = judgeOnce(scenario, summary.value);
    if (json) terminal.print(JSON.stringify({ ...summary.value, expectations }));
    else for (const line of [...rehearsalLines(summary.value), ...expectationLines(expectations)]) terminal.print(line);
    if (report) {
      const { forecaster } = await import('#scenarios/forecast');
      const found = forecaster();
      // What was stopped on the way has not come to anything.
      if (summary.value.ending.type === 'finished') found.add(summary.value);
      await report(found.forecast(), expectations, null);
    }
    if (path !== undefined) terminal.note(`log ${path}; look at it with: sealift replay ${path} --dashboard`);
    const status = rehearsalStatus(summary.value);
    return allMet(expectations) || status === exitStatus.lawBroken ? status : exitStatus.failed;
  } finally {
    await log?.close();
  }
}

const provenanceFrom = ({ text, file, estate, calibration }: ReadRehearsal): Omit<Provenance, 'seed'> => ({
  ...{ scenario: text, file, estate, calibration },
});

type WriteReport = (
  forecast: Forecast,
  expectations: readonly ExpectationVerdict[],
  differing: readonly number[] | null,
) => Promise<void>;

/** Gives what writes the report once there is something to tell; nothing if nobody asked for one. */
async function openReport(
  { file, scenario }: ReadRehearsal,
  { report: path, seed = scenario.seed, seeds = 1 }: Arguments,
  { terminal, createReport, version }: RehearseSite,
): Promise<WriteReport | undefined> {
  if (path === undefined) return undefined;
  const { write } = await createReport(path);
  const { reportPage } = await import('#scenarios/report/report');
  const { assumptionsUsed } = await import('#scenarios/report/assumptions-used');
  const assumptions = assumptionsUsed(scenario);
  return async (forecast, expectations, differing) => {
    await write(
      reportPage({
        scenario,
        file,
        version,
        first: seed,
        asked: seeds,
        forecast,
        expectations,
        assumptions,
        differing,
      }),
    );
    terminal.note(`report ${path}; open it in any browser`);
  };
}

async function rehearseMany(given: ReadRehearsal, options: Arguments, site: RehearseSite): Promise<ExitStatus> {
  const { file, text, estate, calibration, scenario } = given;
  const { seed = scenario.seed, seeds = 1, threads, certify, json } = options;
  const { terminal, clock, cores, seedWorker, interrupts } = site;
  const report = await openReport(given, options, site);
  const { forecaster } = await import('#scenarios/forecast');
  const { allMet, expectationLines, expectationTally } = await import('#scenarios/expectations');
  const { forecastLines } = await import('./forecast-text.ts');
  const { rehearseSeeds } = await import('./seed-workers.ts');
  const found = forecaster();
  const expected = expectationTally(scenario);
  const began = clock.now();
  const differing: number[] = [];
  let refused: string | undefined;
  let answered = 0;
  const stop = new AbortController();
  const ending = await rehearseSeeds({
    ...{ module: seedWorker, text, file, estate, calibration, certify: certify === true, first: seed, count: seeds },
    threads: threads ?? cores,
    signal: AbortSignal.any([interrupts(), stop.signal]),
    onAnswer: (answer) => {
      answered += 1;
      if (answer.type === 'rehearsed') {
        found.add(answer.summary);
        expected.add(answer.summary);
      } else if (answer.type === 'differs') differing.push(answer.seed);
      else {
        refused = answer.detail;
        stop.abort();
      }
      const left = ((clock.now() - began) / answered) * (seeds - answered);
      const line = `${answered} of ${seeds} seeds, ${formatPercent(answered / seeds)}  ${formatEta(left)}`;
      if (terminal.isInteractive) terminal.live(line);
      // Without a person watching, a line for every tenth, as other commands do.
      else if (Math.floor((10 * answered) / seeds) > Math.floor((10 * (answered - 1)) / seeds)) terminal.note(line);
    },
  });
  terminal.live(null);
  if (refused !== undefined) throw new Refused(refused);
  if (ending.type === 'crashed') throw ending.error;
  const forecast = found.forecast();
  const expectations = expected.verdicts();
  await report?.(forecast, expectations, certify ? differing : null);
  if (json)
    terminal.print(
      JSON.stringify({ scenario: scenario.id, first: seed, asked: seeds, differing, ...forecast, expectations }),
    );
  else for (const line of [...forecastLines(forecast), ...expectationLines(expectations)]) terminal.print(line);
  if (certify && !json)
    terminal.print(
      differing.length === 0
        ? `Certified: the same happened twice with each of ${forecast.seeds} seeds`
        : `Not certified: not the same happened twice with seed ${differing.join(', ')}; please report it`,
    );
  if (ending.type === 'stopped') {
    terminal.note(`stopped after ${answered} of ${seeds} seeds`);
    return exitStatus.interrupted;
  }
  if (forecast.breaches.length > 0) return exitStatus.lawBroken;
  if (differing.length > 0) return exitStatus.bug;
  return allMet(expectations) ? exitStatus.done : exitStatus.failed;
}
