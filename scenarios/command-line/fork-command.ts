import { InvalidArgumentError, Option, type Command } from 'commander';
import type { EventLog, RecordedFact } from '#core/event-log/event-log';
import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { Refused } from '#core/text/refused';
import type { Terminal } from '#core/text/terminal';
import { durationKind, readQuantity } from '#scenarios/quantity-kinds';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';
import type { ForkError } from '#scenarios/fork/fork';
import type { Provenance } from '#scenarios/fork/provenance';

/** What the command needs of the process it runs in. */
export interface ForkSite {
  readonly terminal: Terminal;
  readonly turn: () => Promise<void>;
  readonly interrupts: () => AbortSignal;
  readonly openLog: (path: string) => Promise<EventLog>;
  /** Makes a log that is not there yet. */
  readonly createLog: (path: string) => Promise<EventLog>;
  readonly setStatus: (status: ExitStatus) => void;
}

/** Where a fork begins: after the fact at a position, or so long into the run (milliseconds). */
type Moment = { readonly type: 'position' | 'offset'; readonly value: number };

interface Arguments {
  readonly at: Moment;
  readonly set: readonly string[];
  readonly log?: string;
  readonly json?: true;
}

/** Adds `sealift fork`. */
export function addForkCommand(program: Command, site: ForkSite): void {
  program
    .command('fork')
    .description('rehearse again from any moment of a rehearsal on, with something else than it was')
    .argument('<log>', 'the log of a rehearsal: sealift rehearse <scenario> --log <file>')
    .requiredOption(
      '--at <moment>',
      'after the fact at this position, or so long into the run, such as "2 h"',
      momentOf,
    )
    .requiredOption(
      '--set <place=value>',
      'what is different from then on, such as links.wan.bandwidth=500Mbit; may be given several times',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .option('--log <file>', 'keep the whole log of the fork in a new SQLite file')
    .addOption(new Option('--json', 'one JSON document instead of text for a person'))
    .action(async (path: string, options: Arguments) => {
      site.setStatus(await forkLog(path, options, site));
    });
}

function momentOf(text: string): Moment {
  if (/^\d+$/.test(text)) return { type: 'position', value: Number(text) };
  const duration = readQuantity(durationKind, text);
  if (duration.ok) return { type: 'offset', value: duration.value };
  throw new InvalidArgumentError('It is the position of a fact, or a duration such as "2 h 30 min".');
}

async function forkLog(path: string, { at, set, log: keepAt, json }: Arguments, site: ForkSite): Promise<ExitStatus> {
  const { terminal, turn, interrupts, openLog, createLog } = site;
  const { fork } = await import('#scenarios/fork/fork');
  const { compareFork, forkLines } = await import('#scenarios/fork/fork-text');
  const { rehearse } = await import('#scenarios/run');
  const { virtualClock } = await import('#simulator/kernel/virtual-clock');
  const made = await read(path, at, openLog);
  const { scenario, changed } = await scenariosOf(made.provenance, set, path);
  const { seed } = made.provenance;
  const keep = keepAt === undefined ? undefined : await createLog(keepAt);
  try {
    const signal = interrupts();
    await tellProvenance(keep, { ...made.provenance, fork: { at: made.position, set } }, scenario);
    const newClock = () => virtualClock({ turn, start: scenario.starts });
    const forked = await fork({ scenario, changed, seed, before: made.before, clock: newClock(), log: keep, signal });
    if (!forked.ok) throw new Refused(describeForkError(forked.error, path));
    if (signal.aborted) {
      terminal.note('stopped before there was anything to compare');
      return exitStatus.interrupted;
    }
    const whole = await rehearse({ scenario, seed, clock: newClock() });
    if (!whole.ok) throw new Refused(`${path}: ${whole.error.type}`);
    const { summary, forkedAt } = forked.value;
    if (json)
      terminal.print(
        JSON.stringify({
          at: made.position,
          forkedAt,
          set,
          before: whole.value,
          after: summary,
          ...compareFork(whole.value, summary),
        }),
      );
    else for (const line of forkLines(whole.value, forked.value, set)) terminal.print(line);
    if (keepAt !== undefined) terminal.note(`log ${keepAt}; look at it with: sealift replay ${keepAt} --dashboard`);
    return exitStatus.done;
  } finally {
    await keep?.close();
  }
}

/** Writes down what a log is made from, as its first fact. */
export async function tellProvenance(
  log: EventLog | undefined,
  provenance: Provenance,
  scenario: RehearsalScenario,
): Promise<void> {
  if (!log) return;
  const { provenanceFact } = await import('#scenarios/fork/provenance');
  const { stream, fact } = provenanceFact(provenance, scenario);
  const told = await log.append(stream, [fact], 'none');
  if (!told.ok) throw new Refused(`the log cannot be written to (${told.error.type})`, exitStatus.unavailable);
}

async function read(path: string, at: Moment, openLog: ForkSite['openLog']) {
  const { isProvenance, provenanceOf } = await import('#scenarios/fork/provenance');
  const log = await openLog(path);
  try {
    const found = await provenanceOf(log);
    if (!found.ok)
      throw new Refused(
        `${path} does not say what it was made from, so it cannot happen again; fork a log that sealift rehearse --log wrote`,
      );
    if (found.value.fork)
      throw new Refused(
        `${path} is a fork already; fork the log it came from, with --set for each thing that is different`,
      );
    const before: RecordedFact[] = [];
    let start: number | undefined;
    let position = 0;
    let last = 0;
    for await (const fact of log.readAll({ asStored: true })) {
      start ??= fact.metadata.time;
      last = fact.position;
      if (at.type === 'position' ? fact.position > at.value : fact.metadata.time - start > at.value) continue;
      ({ position } = fact);
      if (!isProvenance(fact.stream)) before.push(fact);
    }
    if (at.type === 'position' && (at.value < 1 || at.value > last))
      throw new Refused(`--at ${at.value} is no position of ${path}: they go from 1 to ${last}`);
    return { provenance: found.value, before, position };
  } finally {
    await log.close();
  }
}

async function scenariosOf(
  { scenario: text, file, estate, calibration }: Provenance,
  set: readonly string[],
  path: string,
) {
  const { describeScenarioError, loadScenario } = await import('#scenarios/load');
  const { overridden, overrideOf } = await import('#scenarios/fork/override');
  const { underCalibration } = await import('#scenarios/calibration-use');
  const { describeProblems } = await import('#scenarios/yaml-file');
  const load = (from: string, named: string): RehearsalScenario => {
    const loaded = loadScenario(from, named, estate);
    if (!loaded.ok) throw new Refused(describeScenarioError(loaded.error));
    if (loaded.value.kind !== 'rehearsal') throw new Refused(`${path} is not the log of a rehearsal`);
    const used = underCalibration(loaded.value, calibration);
    if (!used.ok) throw new Refused(describeProblems(used.error));
    return used.value;
  };
  const overrides = set.map((one) => {
    const read = overrideOf(one);
    if (!read.ok) throw new Refused(`--set ${read.error}`);
    return read.value;
  });
  const changed = overridden(text, overrides);
  if (!changed.ok) throw new Refused(`--set: ${changed.error}`);
  return { scenario: load(text, file), changed: load(changed.value, `${file} with --set`) };
}

function describeForkError(error: ForkError, path: string): string {
  if (error.type === 'HappenedOtherwise')
    return `fact ${error.fact} of ${path} was ${error.was}, and now it would be ${error.is}: the run was commanded by hand, or another release of Sealift wrote it, so it cannot be forked; rehearse the scenario again with --log`;
  return `${path} cannot be rehearsed again (${error.type})`;
}
