import { Option, type Command } from 'commander';
import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { Refused } from '#core/text/refused';
import { countOf } from '#replicator/command-line/arguments';
import type { FailedSeeds } from '#scenarios/check/check-tally';
import type { CheckWork, SeedVerdict, ShrunkVerdict } from '#scenarios/check/check-work';
import { naturalOf } from './arguments.ts';
import type { checkWithLog as CheckWithLog } from './check-seeds.ts';
import type { CheckSite } from './check-site.ts';

interface Arguments {
  readonly seed?: number;
  readonly seeds?: number;
  readonly vms?: number;
  readonly threads?: number;
  readonly log?: string;
  readonly property?: string;
  readonly save: string;
  readonly shrink: boolean;
  readonly budget: boolean;
  readonly coverage?: true;
  readonly certify?: true;
  readonly json?: true;
}

const seedsByDefault = 100;
const help = `
A rehearsal gives its platforms, its applications, its limits, its downtime, and the faults it names, which strike more
often than others. It is scaled down: a world has six VMs with up to two disks of at most 1 MiB, unless --vms says
otherwise. A scenario of kind "check" is one world as it stands.

Every law of "sealift audit laws --list" is demanded of each world, and once nothing goes wrong any more, that everyone
comes to an end. What fails is shrunk for a minute, told, and saved as a scenario of kind "check".

With --certify each seed is checked twice, the second time in another order and in another thread, and must lead to the
same log.

Ends with 0 if all holds, with ${exitStatus.lawBroken} if a law is broken, with ${exitStatus.notLive} if not everyone comes to an end, with
${exitStatus.crashed} if sealift finds itself to be wrong, and with ${exitStatus.bug} if a seed led to two different logs.`;

/** Adds `sealift check`. */
export function addCheckCommand(program: Command, site: CheckSite): void {
  program
    .command('check')
    .description('search whole worlds from seeds, with real bytes and hostile faults, for what breaks a law')
    .argument(
      '[scenario]',
      'a scenario file of kind "rehearsal" or "check", or the name of one that comes with Sealift',
      'bank-weekend',
    )
    .option('--seed <number>', 'the seed, or the first of many', naturalOf)
    .option('--seeds <count>', `how many seeds; ${seedsByDefault} if neither this nor --seed is given`, countOf)
    .option('--vms <count>', 'VMs in each world of a rehearsal', countOf)
    .option('--threads <count>', 'threads; as many as there are cores if not given', countOf)
    .option('--log <file>', 'keep the whole log of one seed in a new SQLite file, for replay and the dashboard')
    .option('--property <file>', 'also demand laws of your own, exported by this .ts, .js or .mjs file')
    .option('--save <directory>', 'where worlds that fail are saved', 'scenarios/regressions')
    .option('--no-shrink', 'do not shrink what fails, and save nothing')
    .option('--no-budget', 'also faults that nothing promises to survive; then only safety is demanded')
    .option('--coverage', 'also say which faults struck in which states, and what never happened')
    .option('--certify', 'check each seed twice, in another order and thread, and compare all that happened')
    .addOption(new Option('--json', 'one JSON document instead of text for a person'))
    .addHelpText('after', help)
    .action(async (word: string, options: Arguments) => site.setStatus(await check(word, options, site)));
}

async function check(word: string, options: Arguments, site: CheckSite): Promise<ExitStatus> {
  const { terminal, cores, interrupts } = site;
  const { seed, seeds, threads = cores, log: path, certify, json } = options;
  if (path !== undefined && (seed === undefined || seeds !== undefined))
    throw new Refused('--log keeps the log of one seed; say which with --seed, and leave --seeds out');
  if (path !== undefined && certify) throw new Refused('--certify keeps no log; leave --log out, or --certify');
  const { work, first, again } = await planOf(word, options, site);
  const { checkStatus, checkTally, tallyLines } = await import('#scenarios/check/check-tally');
  const { coverageTally } = await import('#simulator/search/coverage');
  const { certificate, certificateLine } = await import('#scenarios/check/certificate');
  const { checkSeeds, checkWithLog } = await import('./check-seeds.ts');
  const count = seeds ?? (seed === undefined && work.worlds.type === 'swarm' ? seedsByDefault : 1);
  const tally = checkTally();
  const covered = coverageTally();
  const certified = certificate();
  const onVerdict = (verdict: SeedVerdict): void => {
    tally.add(verdict);
    covered.add(verdict);
    if (certify) certified.add(verdict);
  };
  const signal = interrupts();
  let isStopped = false;
  const asked = { work, first, count, threads, signal };
  if (path === undefined) isStopped = await checkSeeds({ ...asked, onVerdict }, site);
  else await keepSeed(path, { work, first, onVerdict }, site, checkWithLog);
  if (certify && !isStopped)
    isStopped = await checkSeeds({ ...asked, onVerdict: (verdict) => certified.add(verdict), isRepeat: true }, site);
  const failed = tally.failed();
  const differing = certified.differing();
  if (!json) for (const line of tallyLines(tally, work.demandsProgress)) terminal.print(line);
  if (!json && certify) terminal.print(certificateLine(certified));
  const stories = options.shrink ? await shrinkAll(failed, { options, work, signal, again, site }) : [];
  const coverage = options.coverage ? covered.coverage() : undefined;
  if (json) {
    const said = { first, asked: count, checked: tally.checked(), facts: tally.facts(), failed, stories, coverage };
    terminal.print(JSON.stringify({ scenario: word, ...said, differing }));
  } else if (coverage) {
    const { coverageLines } = await import('./coverage-text.ts');
    for (const line of coverageLines(coverage)) terminal.print(line);
  }
  if (isStopped) terminal.note(`stopped after ${tally.checked()} of ${count} seeds`);
  const status = checkStatus(failed, differing);
  return isStopped && status === exitStatus.done ? exitStatus.interrupted : status;
}

interface CheckPlan {
  readonly work: CheckWork;
  readonly first: number;
  /** How to see a seed again. */
  readonly again: { readonly commit: string; readonly commandOf: (seed: number) => string };
}

/** Which worlds are meant, and by which laws they are judged. */
async function planOf(word: string, options: Arguments, site: CheckSite): Promise<CheckPlan> {
  const { seed, vms, budget, property } = options;
  const { scenario, file } = await site.readScenario(word);
  if (scenario.kind === 'migration')
    throw new Refused(`${file} is of kind "migration"; sealift check takes one of kind "rehearsal" or "check"`);
  if (scenario.kind === 'check' && vms !== undefined)
    throw new Refused(`${file} says which VMs there are; leave --vms out`);
  const { shapeOfScenario } = await import('#scenarios/check/shape-of-scenario');
  const module = property === undefined ? null : await (await import('./read-property.ts')).propertyModule(property);
  const extra = [
    ...(vms === undefined ? [] : [`--vms ${vms}`]),
    ...(property === undefined ? [] : [`--property ${property}`]),
    ...(budget ? [] : ['--no-budget']),
  ];
  return {
    first: seed ?? (scenario.kind === 'check' ? scenario.spec.seed : scenario.seed),
    again: {
      commit: await site.commit(),
      commandOf: (one) => ['sealift check', word, `--seed ${one}`, ...extra].join(' '),
    },
    work: {
      runner: site.runner.href,
      property: module,
      worlds:
        scenario.kind === 'check'
          ? { type: 'one', spec: scenario.spec }
          : { type: 'swarm', shape: shapeOfScenario(scenario, { vms, budget }) },
      demandsProgress: budget && (scenario.kind !== 'check' || scenario.demands === 'progress'),
      stop: new SharedArrayBuffer(4),
    },
  };
}

async function keepSeed(
  path: string,
  seed: Parameters<typeof CheckWithLog>[0],
  { createLog, terminal, worker }: CheckSite,
  checkWithLog: typeof CheckWithLog,
): Promise<void> {
  const { keepLog } = await import('#scenarios/check/keep-log');
  const log = await createLog(path);
  try {
    await keepLog(log, await checkWithLog(seed, { worker }));
  } finally {
    await log.close();
  }
  terminal.note(`log ${path}; look at it with: sealift replay ${path} --dashboard`);
}

// More ways to fail than these at once have one cause, most likely.
const storiesMax = 3;

interface ShrinkAll {
  readonly options: Arguments;
  readonly work: CheckWork;
  readonly signal: AbortSignal;
  readonly again: CheckPlan['again'];
  readonly site: CheckSite;
}

/** Shrinks the first world of each way to fail, tells it, and saves it. */
async function shrinkAll(
  failed: readonly FailedSeeds[],
  { options, work, signal, again, site }: ShrinkAll,
): Promise<readonly (ShrunkVerdict & { readonly saved: string | null })[]> {
  if (failed.length === 0) return [];
  const { shrinkInThread } = await import('./check-shrink.ts');
  const { keepRegression } = await import('./keep-regression.ts');
  const { failureText } = await import('#scenarios/check/check-tally');
  const { terminal, clock, worker } = site;
  const told: (ShrunkVerdict & { readonly saved: string | null })[] = [];
  for (const each of failed.slice(0, storiesMax)) {
    const found = await shrinkInThread(each, { terminal, clock, module: worker, work, signal, again });
    const { seed, failure, fails, spec, story, runs, isSmallest } = found;
    const demands = work.demandsProgress ? 'progress' : 'safety';
    const input = { spec, failure, why: `Found with seed ${seed}: ${failureText(failure)}.`, demands } as const;
    const saved = fails
      ? await keepRegression(options.save, { ...input, found: { seed, commit: again.commit } })
      : null;
    told.push({ ...found, saved });
    if (options.json) continue;
    for (const line of ['', ...story]) terminal.print(line);
    if (!fails)
      terminal.print(`Seed ${seed} did not fail again: the same seed led to two different logs; please report it`);
    else
      terminal.note(`${isSmallest ? 'shrunk' : 'shrunk as far as there was time'} in ${runs} runs; saved as ${saved}`);
  }
  return told;
}
