import { Option, type Command } from 'commander';
import type { EventLog } from '#core/event-log/event-log';
import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { formatEta, formatPercent } from '#core/text/format';
import { Refused } from '#core/text/refused';
import type { Terminal } from '#core/text/terminal';
import type { Clock } from '#core/clock';
import { millis, minutes, type Instant, type Millis } from '#core/units';
import { countOf } from '#replicator/command-line/arguments';
import type { Outlook } from '#scenarios/ahead/outlook';
import type { RecordedRun } from '#scenarios/ahead/recorded-run';
import { durationOf, momentOf, naturalOf } from './arguments.ts';

/** What the command needs of the process it runs in. */
export interface ForecastSite {
  readonly terminal: Terminal;
  /** Wall time, for the time left and for `--now now`. */
  readonly clock: Clock;
  readonly turn: () => Promise<void>;
  /** Aborted by Ctrl-C. */
  readonly interrupts: () => AbortSignal;
  /** Opens a log for reading, also while somebody writes it. */
  readonly readLog: (path: string) => Promise<EventLog>;
  readonly setStatus: (status: ExitStatus) => void;
}

interface Arguments {
  readonly seeds: number;
  readonly seed: number;
  readonly approveAfter: Millis;
  readonly now?: Instant | 'now';
  readonly json?: true;
}

// Whoever looks further ahead than a month plans another way.
const horizon = minutes(30 * 24 * 60);

/** Adds `sealift forecast`. */
export function addForecastCommand(program: Command, site: ForecastSite): void {
  program
    .command('forecast')
    .description('simulate a running or stopped run ahead from where it stands, and say when it will end')
    .argument(
      '<log>',
      'the SQLite file of a run, such as data/laboratory.db; it is only read, also while it is written',
    )
    .addOption(new Option('--seeds <count>', 'go on so many times').default(200).argParser(countOf))
    .addOption(new Option('--seed <number>', 'the first seed').default(1).argParser(naturalOf))
    .addOption(
      new Option('--approve-after <duration>', 'how long after it can be given an approval that is missing is given')
        .default(millis(0), 'at once')
        .argParser(durationOf),
    )
    .option(
      '--now <moment>',
      'the moment from which it goes on, as 2026-03-06T18:00:00Z, or now; its last fact if not given',
      momentOf,
    )
    .addOption(new Option('--json', 'one JSON document instead of text for a person'))
    .action(async (path: string, options: Arguments) => {
      const log = await site.readLog(path);
      try {
        site.setStatus(await forecast(path, log, options, site));
      } finally {
        await log.close();
      }
    });
}

async function forecast(path: string, log: EventLog, options: Arguments, site: ForecastSite): Promise<ExitStatus> {
  const { terminal, turn, interrupts } = site;
  const { recordedRun } = await import('#scenarios/ahead/recorded-run');
  const { estateOfRun } = await import('#scenarios/ahead/estate-of-run');
  const { forecastRun } = await import('#scenarios/ahead/forecast-run');
  const { leftOf } = await import('#scenarios/ahead/left');
  const text = await import('./outlook-text.ts');
  const run = await recordedRun(log.readAll());
  if (run.lastAt === null) throw new Refused(`the log ${path} is empty: there is nothing to go on with yet`);
  if (run.migrations.length === 0)
    throw new Refused(`the log ${path} has no migration in it: there is nothing to go on with`);
  const now = momentOfForecast(run, options.now, site.clock);
  const left = leftOf(run);
  const present = text.presentLines(run, now);
  if (left.length === 0) {
    if (options.json) terminal.print(JSON.stringify({ log: path, now, seeds: 0, present: text.presentOf(run), left }));
    else for (const line of [...present, text.nothingLeft(run)]) terminal.print(line);
    return text.isWaitedFor(run) ? exitStatus.blocked : exitStatus.done;
  }
  const estate = estateOfRun(run);
  const signal = interrupts();
  const { seed, seeds, approveAfter } = options;
  const outlook = await forecastRun({
    ...{ run, estate, now, seed, seeds, turn, approveAfter, horizon, signal },
    onSeed: progress(site, seeds),
  });
  terminal.live(null);
  if (options.json)
    terminal.print(
      JSON.stringify({
        ...{ log: path, now, first: seed, asked: seeds, approveAfter, horizon, present: text.presentOf(run), left },
        ...{ assumptions: [...text.assumedOf(run, approveAfter, now), ...estate.inferences] },
        ...outlook,
      }),
    );
  else {
    const assumed = text.assumptionLines(run, estate.inferences, approveAfter, now);
    for (const line of [...present, '', ...text.outlookLines(outlook, now, horizon), '', ...assumed])
      terminal.print(line);
  }
  if (outlook.seeds < seeds) {
    terminal.note(`stopped after ${outlook.seeds} of ${seeds} seeds`);
    return exitStatus.interrupted;
  }
  return statusOf(outlook);
}

function momentOfForecast({ lastAt }: RecordedRun, asked: Arguments['now'], clock: Clock): Instant {
  const last = lastAt ?? clock.now();
  if (asked === undefined) return last;
  const now = asked === 'now' ? clock.now() : asked;
  if (now >= last) return now;
  throw new Refused('--now is before the last fact of the log; give a later moment, or leave it out');
}

/** Says how far it is: on a terminal all the time, otherwise a line for every fourth. */
function progress({ terminal, clock }: ForecastSite, seeds: number): (done: number) => void {
  const began = clock.now();
  return (done) => {
    const left = ((clock.now() - began) / done) * (seeds - done);
    const line = `${done} of ${seeds} seeds, ${formatPercent(done / seeds)}  ${formatEta(left)}`;
    if (terminal.isInteractive) terminal.live(line);
    else if (Math.floor((4 * done) / seeds) > Math.floor((4 * (done - 1)) / seeds)) terminal.note(line);
  };
}

function statusOf({ members, notWithin }: Outlook): ExitStatus {
  if (members.every(({ stays, asks, underWay }) => stays + asks + underWay === 0) && notWithin === 0)
    return exitStatus.done;
  return exitStatus.failed;
}
