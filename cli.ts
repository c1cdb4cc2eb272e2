import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Command, CommanderError, Option } from 'commander';
import { describeLogFault, LogReadError, type EventLog } from '#core/event-log/event-log';
import type { SqliteOptions } from '#core/event-log/sqlite';
import { commandId, factId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { chartNames, type ChartName } from '#core/text/chart-names';
import { exitStatus, exitStatusHelp, type ExitStatus } from '#core/text/exit-status';
import { logOfRun } from '#core/text/log-kind';
import { Refused } from '#core/text/refused';
import { addReplicationCommands } from '#replicator/command-line/commands';
import { wallClock } from '#replicator/wall-clock';
import { naturalOf, portOf, speedOf } from '#scenarios/command-line/arguments';
import { addCheckCommand } from '#scenarios/command-line/check-command';
import { addLogCommands } from '#scenarios/command-line/log-commands';
import { addEstateCommand } from '#scenarios/command-line/estate-command';
import { addForecastCommand } from '#scenarios/command-line/forecast-command';
import { addForkCommand } from '#scenarios/command-line/fork-command';
import { aborted, interruptsOf } from '#scenarios/command-line/interrupts';
import { mustBeFree, newTextFile } from '#scenarios/command-line/new-file';
import { readRehearsal, readScenario, type ReadRehearsal } from '#scenarios/command-line/read-scenario';
import { processTerminal } from '#scenarios/command-line/process-terminal';
import { addRehearseCommand } from '#scenarios/command-line/rehearse-command';
import type { MigrateOptions } from '#scenarios/migrate';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';
import type { Rehearsal } from '#scenarios/run';
import type { RunView } from '#web/api/run-view';
import type { CommandPort } from '#web/ports';
import type { WebServer } from '#web/server';

/**
 * The front door: reads arguments, chooses adapters and worlds, calls one function. What a command needs is loaded when
 * it is run, so that `--help` is quick and a missing native module breaks only who needs it.
 */
const here = dirname(fileURLToPath(import.meta.url));
// Published, this file is dist/cli.js; in a checkout it may also be run as it stands.
const root = here.endsWith('dist') ? dirname(here) : here;
const dashboard = join(root, 'dist', 'dashboard');
const library = join(root, 'scenarios');
/** A module that a thread runs, by its place in a checkout; published, it is beside this file. */
const threadModule = (path: string): URL =>
  pathToFileURL(here.endsWith('dist') ? join(here, `${basename(path)}.js`) : join(here, `${path}.ts`));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const terminal = processTerminal(process);
const interrupts = (): AbortSignal => interruptsOf(process, terminal);
const newFactId = () => factId(randomUUID());
const newCommandId = () => commandId(randomUUID());

const version = await versionOf();

const program = new Command('sealift')
  .description('Moves virtual machines from KVM, Hyper-V and Nutanix AHV into vSphere: rehearse, run, replay.')
  .version(version)
  .addHelpText('after', `\n${exitStatusHelp}`)
  .showHelpAfterError('(add --help for what is allowed)')
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'sealift: ')) })
  .exitOverride();

const jsonOption = new Option('--json', 'one JSON document per line instead of text for a person');
const dataOption = new Option('--data <directory>', 'where runs are kept').default('data');
const hostOption = new Option('--host <address>', 'loopback address to listen on').default('127.0.0.1');
const portOption = new Option('--port <number>', 'port to listen on; 0 takes a free one')
  .default(8080)
  .argParser(portOf);

program
  .command('up')
  .description('start the manager: serve the dashboard and rehearse a wave on it, in simulated time')
  .argument(
    '[scenario]',
    'a scenario file of kind "rehearsal"; the first-wave that comes with Sealift if none is given',
  )
  .addOption(dataOption)
  .addOption(hostOption)
  .addOption(portOption)
  .option('--seed <number>', 'what chance draws from, instead of the seed in the scenario', naturalOf)
  .option(
    '--speed <factor>',
    'how fast simulated time passes: 60x, or max; instead of the speed in the scenario',
    speedOf,
  )
  .option('--once', 'end when the rehearsal ends, instead of serving what came of it')
  .addOption(jsonOption)
  .action(async (file: string | undefined, options: UpArguments) => {
    const { scenario } = await rehearsalIn(file ?? join(library, 'first-wave.yaml'), 'sealift up');
    process.exitCode = await rehearseOnDashboard(scenario, options);
  });

program
  .command('migrate')
  .description('migrate a running VM as a plan file says, or go on with a migration that was interrupted')
  .argument('<plan>', 'a scenario file of kind "migration", such as scenarios/laboratory.yaml')
  .addOption(dataOption)
  .option('--approve-as <name>', 'approve the cutover under this name once the replica is close enough')
  .option('--finalize', 'give up the way back once it is cut over: the source is retired, never deleted')
  .option('--dashboard', 'serve the dashboard meanwhile: watch there, approve there')
  .addOption(hostOption)
  .addOption(portOption)
  .addOption(new Option('--outcome <what>', 'what became of a step whose answer was lost').choices(['done', 'notDone']))
  .addOption(jsonOption)
  .action(async (file: string, options: MigrateArguments) => {
    const { scenario } = await readScenario(file, readBytes);
    if (scenario.kind !== 'migration')
      throw new Refused(`${file} is of kind "${scenario.kind}"; sealift migrate takes one of kind "migration"`);
    const { migrateCommand } = await import('#scenarios/command-line/migrate-command');
    const path = join(options.data, `${scenario.id}.db`);
    const log = await openLog(path, 'create');
    const { approveAs, outcome } = options;
    const site = options.dashboard ? await serveLive(log, path, options) : undefined;
    terminal.note(`log ${path}; tell it with: sealift replay ${path}`);
    const signal = interrupts();
    process.exitCode = await migrateCommand(
      {
        scenario,
        log,
        clock: wallClock,
        newFactId,
        newCommandId,
        dataDirectory: options.data,
        agent: join(root, 'dist', 'sentinel.mjs'),
        onStep: (step) => terminal.note(`laboratory: ${step}`),
        signal,
        ...(options.finalize && { goal: 'finalize' as const }),
        ...(approveAs !== undefined && { approve: () => Promise.resolve(approveAs) }),
        ...(outcome !== undefined && { outcome }),
        ...(site && { onRunning: site.onRunning }),
      },
      terminal,
      { json: options.json === true },
    );
    await site?.stop();
    await log.close();
  });

addRehearseCommand(program, {
  ...{ terminal, clock: wallClock, turn, interrupts, cores: availableParallelism() },
  seedWorker: threadModule('scenarios/command-line/seed-worker'),
  readScenario: (word) => rehearsalIn(word, 'sealift rehearse'),
  library: async () => (await import('#scenarios/command-line/library-files')).readLibrary(library),
  createLog,
  createReport: (path) => newTextFile(path, '--report'),
  version,
  setStatus: (status) => (process.exitCode = status),
});

addCheckCommand(program, {
  ...{ terminal, clock: wallClock, interrupts, cores: availableParallelism() },
  worker: threadModule('scenarios/command-line/check-worker'),
  runner: threadModule('simulator/block/world/block-world'),
  readScenario: async (word) => {
    const { scenarioFile } = await import('#scenarios/command-line/library-files');
    return readScenario(await scenarioFile(word, library), readBytes);
  },
  createLog,
  commit: async () => (await import('#scenarios/command-line/commit-of')).commitOf(root, version),
  setStatus: (status) => (process.exitCode = status),
});

addEstateCommand(program, { terminal, readBytes, setStatus: (status) => (process.exitCode = status) });
addLogCommands(program, {
  ...{ terminal, openLog: openRun },
  setStatus: (status) => (process.exitCode = status),
});
addForecastCommand(program, {
  ...{ terminal, clock: wallClock, turn, interrupts, readLog: openRun },
  setStatus: (status) => (process.exitCode = status),
});
addForkCommand(program, {
  ...{ terminal, turn, interrupts, createLog, openLog: openRun },
  setStatus: (status) => (process.exitCode = status),
});
addReplicationCommands(program, {
  ...{ terminal, interrupts, setStatus: (status) => (process.exitCode = status) },
  agent: { path: join(root, 'dist', 'sentinel.mjs'), version },
});

program
  .command('replay')
  .description('tell a run, or what became of the sentinels of a gateway, from its log alone')
  .argument(
    '<log>',
    'the SQLite file of a run, such as data/laboratory.db, or sentinels.db of a gateway; also one that is being written',
  )
  .option('--all', 'also tell progress and what the driver noted for itself')
  .option('--only <id>', 'only this migration, wave or sentinel')
  .option('--dashboard', 'open the run on the dashboard instead')
  .addOption(hostOption)
  .addOption(portOption)
  .addOption(jsonOption)
  .action(async (path: string, options: ReplayArguments) => {
    const log = await (options.dashboard ? openRun(path) : openLog(path, 'readOnly'));
    if (options.dashboard) await serveRecording(log, path, options);
    else {
      const { json = false, all = false, only } = options;
      const { tellRun } = await import('#core/text/replay');
      const count = await tellRun(log.readAll({ asStored: json }), terminal, {
        json,
        all,
        ...(only !== undefined && { only }),
      });
      if (count === 0) terminal.note(`sealift: the log ${path} is empty: nothing has happened in it yet`);
    }
    await log.close();
  });

program
  .command('model')
  .description('show the statecharts that every run follows')
  .addOption(new Option('--chart <name>', 'which chart').choices([...chartNames]).default('migration'))
  .addOption(new Option('--json', 'as XState JSON'))
  .action(async ({ chart, json }: { readonly chart: ChartName; readonly json?: true }) => {
    const { modelJson, modelLines } = await import('#core/text/model-text');
    if (json) terminal.print(JSON.stringify(modelJson(chart), null, 2));
    else for (const line of modelLines(chart)) terminal.print(line);
  });

interface UpArguments extends Listening {
  readonly data: string;
  readonly seed?: number;
  readonly speed?: number;
  readonly once?: true;
  readonly json?: true;
}
interface Listening {
  readonly host: string;
  readonly port: number;
}
interface MigrateArguments extends Listening {
  readonly data: string;
  readonly approveAs?: string;
  readonly finalize?: true;
  readonly dashboard?: true;
  readonly outcome?: 'done' | 'notDone';
  readonly json?: true;
}
interface ReplayArguments extends Listening {
  readonly all?: true;
  readonly only?: string;
  readonly dashboard?: true;
  readonly json?: true;
}

async function readBytes(path: string): Promise<Result<Uint8Array, string>> {
  return readFile(path).then(ok, (error: unknown) => err(detailOf(error)));
}

async function rehearsalIn(word: string, command: string): Promise<ReadRehearsal> {
  const { scenarioFile } = await import('#scenarios/command-line/library-files');
  return readRehearsal(await scenarioFile(word, library), command, readBytes);
}

/** Makes a log under a name that is not taken. */
async function createLog(path: string): Promise<EventLog> {
  await mustBeFree(path, '--log');
  return openLog(path, 'create');
}

async function openLog(path: string, mode: SqliteOptions['mode']): Promise<EventLog> {
  if (mode === 'create') await mkdir(dirname(path), { recursive: true });
  const { openSqliteEventLog } = await import('#core/event-log/sqlite');
  const opened = await openSqliteEventLog({ path, mode });
  if (!opened.ok) throw new Refused(describeLogFault(opened.error), exitStatus.unavailable);
  return opened.value;
}

async function openRun(path: string): Promise<EventLog> {
  return logOfRun(await openLog(path, 'readOnly'), path);
}

async function serve(
  run: RunView,
  log: EventLog,
  { host, port }: Listening,
  commands?: CommandPort,
): Promise<WebServer> {
  const { describeStartError, startServer } = await import('#web/server');
  const onCrash = (error: unknown): void => terminal.note(`sealift: a request failed: ${detailOf(error)}`);
  const ports = { run, facts: log, ...(commands && { commands }) };
  const server = await startServer({ ports, host, port, dashboard, onCrash });
  if (!server.ok) {
    await log.close();
    throw new Refused(describeStartError(server.error), exitStatus.unavailable);
  }
  terminal.print(server.value.url);
  return server.value;
}

/** Rehearses in this process, shown on the dashboard, which also commands it. */
async function rehearseOnDashboard(scenario: RehearsalScenario, options: UpArguments): Promise<ExitStatus> {
  const { startRehearsal } = await import('#scenarios/run');
  const { pacedClock } = await import('#simulator/kernel/paced-clock');
  const { virtualClock } = await import('#simulator/kernel/virtual-clock');
  const { runView } = await import('#web/api/run-view');
  const { describeRehearsalError, rehearsalLines, rehearsalStatus } =
    await import('#scenarios/command-line/rehearsal-text');
  const { allMet, expectationLines, judgeOnce } = await import('#scenarios/expectations');
  const { speed = scenario.speed, seed } = options;
  const start = scenario.starts;
  const clock =
    speed === Infinity ? virtualClock({ start, turn }) : pacedClock({ speed, clock: wallClock, turn, start });
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const path = join(options.data, `${scenario.id}-${stamp}.db`);
  const log = await openLog(path, 'create');
  const run = runView(log, {
    ...{ mode: 'live', source: scenario.title, speed: Number.isFinite(speed) ? speed : 1 },
    now: () => clock.now(),
  });
  const signal = interrupts();
  let rehearsal: Rehearsal | undefined;
  const commands: CommandPort = {
    migration: async (id, wish) =>
      rehearsal?.command(id, { ...wish, at: clock.now() }) ?? err({ type: 'NotDriven', stream: `migration-${id}` }),
    wave: async (id, wish) =>
      rehearsal?.waves.includes(id)
        ? rehearsal.commandWave({ ...wish, at: clock.now() }, id)
        : err({ type: 'NotDriven', stream: `wave-${id}` }),
  };
  const server = await serve(run, log, options, commands);
  try {
    terminal.note(`rehearsing "${scenario.title}" at ${speed === Infinity ? 'full speed' : `${speed} x`}; log ${path}`);
    const started = await startRehearsal({ scenario, log, clock, signal, ...(seed !== undefined && { seed }) });
    if (!started.ok) throw new Refused(describeRehearsalError(started.error));
    rehearsal = started.value;
    const summary = await rehearsal.ended;
    const expectations = judgeOnce(scenario, summary);
    if (options.json) terminal.print(JSON.stringify({ ...summary, expectations }));
    else for (const line of [...rehearsalLines(summary), ...expectationLines(expectations)]) terminal.print(line);
    if (!options.once && !signal.aborted) {
      terminal.note('the rehearsal is over; the dashboard still shows it (Ctrl-C ends)');
      await aborted(signal);
    }
    return allMet(expectations) ? rehearsalStatus(summary) : exitStatus.failed;
  } finally {
    await server.stop();
    await run.close();
    await log.close();
  }
}

async function serveRecording(log: EventLog, path: string, listening: Listening): Promise<void> {
  const { runView } = await import('#web/api/run-view');
  const run = runView(log, { mode: 'replay', source: basename(path), speed: 1 });
  const server = await serve(run, log, listening);
  await aborted(interrupts());
  await server.stop();
  await run.close();
}

/** Serves a migration of this process. Commands from the dashboard go to it once it runs. */
async function serveLive(log: EventLog, path: string, listening: Listening) {
  const { runView } = await import('#web/api/run-view');
  const run = runView(log, { mode: 'live', source: basename(path), speed: 1, now: wallClock.now });
  let running: Parameters<NonNullable<MigrateOptions['onRunning']>>[1] | undefined;
  const commands: CommandPort = {
    migration: (id, wish) =>
      running?.command({ ...wish, at: wallClock.now() }) ??
      Promise.resolve(err({ type: 'NotDriven', stream: `migration-${id}` })),
    wave: (id) => Promise.resolve(err({ type: 'NotDriven', stream: `wave-${id}` })),
  };
  const server = await serve(run, log, listening, commands);
  return {
    onRunning: (_send: unknown, driver: NonNullable<typeof running>) => {
      running = driver;
    },
    stop: async () => {
      await server.stop();
      await run.close();
    },
  };
}

async function versionOf(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  return version;
}

const detailOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

try {
  await program.parseAsync();
} catch (error) {
  terminal.live(null);
  process.exitCode = statusOf(error);
}

function statusOf(error: unknown): ExitStatus {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.usage;
  if (error instanceof Refused || error instanceof LogReadError) {
    terminal.note(`sealift: ${error.message}`);
    return error instanceof Refused ? error.status : exitStatus.unavailable;
  }
  terminal.note(
    `sealift: this is a bug in sealift, please report it: ${error instanceof Error ? error.stack : String(error)}`,
  );
  return exitStatus.bug;
}
