import type { Clock } from '#core/clock';
import type { Check } from '#core/migration/facts';
import { err, ok, type Result } from '#core/result';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import { isThere } from '#replicator/sentinel/inventory/old-agents';
import { type AccountMade, makeAccount, removeAccount } from './account.ts';
import { markTools, oldAgentsOff } from './agents-off.ts';
import { keepNetwork } from './keep-network.ts';
import { parseStageFile, type StageFile, stagePath, type ValidationCheck } from './stage-file.ts';
import { reportLine, type StageReport, waitsForNetwork } from './stage-report.ts';
import { validate } from './validation.ts';

/** What came of stage two. */
export interface StageOutcome {
  readonly report: StageReport;
  /** For whoever asked for it, once. Never to be logged, kept or put into a fact. */
  readonly account?: AccountMade;
}

/** The stage that this replica is in; undefined in an ordinary guest. An error is a file that cannot be read. */
export async function readStage(system: GuestControl): Promise<Result<StageFile | undefined, string>> {
  const text = await system.read(stagePath);
  return text === undefined ? ok(undefined) : parseStageFile(text);
}

/**
 * Finishes inside a replica that has booted on the target: keeps its place in the network, turns old agents off and
 * tools on, validates, and says on the console what came of it. May be repeated, as it is after every boot until the
 * migration is finalized. It talks to no network itself.
 *
 * A target boots with its cards disconnected, and is connected once it has said that it is up. So what needs a network is
 * checked last, and a report goes before it in which it is waited for.
 */
export async function runStageTwo(system: GuestControl, clock: Clock, file: StageFile): Promise<StageOutcome> {
  const kept = file.source === undefined ? [] : await keepNetwork(system, file.source);
  const agents = await oldAgentsOff(system);
  const tools = await markTools(system);
  const { account, checks: accountChecks } = await prepareAccount(system, clock, file);
  const done = [...kept, ...agents, ...tools, ...accountChecks];
  const reportOf = (validated: readonly Check[]): StageReport => ({
    ...{ stage: file.stage, migration: file.migration, booted: true },
    checks: [...done, ...file.checks.flatMap(({ id }) => validated.filter((check) => check.id === id))],
  });
  const inNetwork = file.checks.filter(({ kind }) => kind === 'address');
  const alone = await validate(
    system,
    clock,
    file.checks.filter((check) => !inNetwork.includes(check)),
  );
  if (inNetwork.length > 0) await sayOnConsole(system, reportLine(reportOf([...alone, ...inNetwork.map(waits)])));
  const report = reportOf([...alone, ...(await validate(system, clock, inNetwork))]);
  await sayOnConsole(system, reportLine(report));
  return account === undefined ? { report } : { report, account };
}

const waits = ({ id }: ValidationCheck): Check => ({
  ...{ id, verdict: 'warning', message: waitsForNetwork, remedy: '' },
});

async function prepareAccount(
  system: GuestControl,
  clock: Clock,
  { stage, account }: StageFile,
): Promise<{ readonly account?: AccountMade; readonly checks: readonly Check[] }> {
  if (account === undefined) return { checks: [] };
  const id = 'validation-account';
  // Nobody could be told the password of an account made here, where no network is to be talked to.
  if (stage === 'test' && account.passwordHash === undefined)
    return { checks: [{ id, verdict: 'passed', message: 'none is made for a test', remedy: '' }] };
  const made = await makeAccount(system, clock, account);
  if (!made.ok)
    return {
      checks: [{ id, verdict: 'warning', message: made.error, remedy: 'validate with an account of your own' }],
    };
  return { account: made.value, checks: [{ id, verdict: 'passed', message: `${account.name} is there`, remedy: '' }] };
}

/** Ends stage two: the account and the file are gone, and the guest is an ordinary one. An error says what stayed. */
export async function finalizeStage(system: GuestControl): Promise<Result<void, string>> {
  const file = await readStage(system);
  if (!file.ok) return file;
  const account = file.value?.account;
  const stayed = account === undefined ? undefined : await removeAccount(system, account.name);
  // The file names the account: it goes last, so that a second attempt knows what to remove.
  const why = stayed ?? (await system.remove(stagePath));
  return why === undefined ? ok(undefined) : err(why);
}

const consoles = ['/dev/ttyS0', '/dev/console'] as const;
const printkLevel = '/proc/sys/kernel/printk';

/** One line on the serial console, in one write, while the kernel is kept from writing into the middle of it. */
async function sayOnConsole(system: GuestControl, line: string): Promise<void> {
  const level = await system.read(printkLevel);
  if (level !== undefined) await system.write(printkLevel, '1\n');
  for (const path of consoles) {
    // A device that is not there would become an ordinary file of that name.
    if (!(await isThere(system, path))) continue;
    if ((await system.write(path, `\r\n${line}\r\n`)) === undefined) break;
  }
  if (level !== undefined) await system.write(printkLevel, level);
}
