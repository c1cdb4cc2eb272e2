import type { Clock } from '#core/clock';
import type { Check } from '#core/migration/facts';
import { err, ok, type Result } from '#core/result';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import { isThere } from '#replicator/sentinel/inventory/old-agents';
import { type AccountMade, givePassword, makeAccount, removeAccount } from './account.ts';
import { markTools, oldAgentsOff } from './agents-off.ts';
import { keepNetwork } from './keep-network.ts';
import { forgetPlace, readPlace } from './saved-place.ts';
import { parseStageFile, type StageFile, stagePath, type ValidationCheck } from './stage-file.ts';
import { reportLine, type StageReport, waitsForNetwork } from './stage-report.ts';
import { validate } from './validation.ts';

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
export async function runStageTwo(system: GuestControl, clock: Clock, file: StageFile): Promise<StageReport> {
  // In a test it would be that of an earlier cutover, if there was one.
  const source = file.source ?? (file.stage === 'target' ? await readPlace(system) : undefined);
  const kept = source === undefined ? [] : await keepNetwork(system, source);
  const agents = await oldAgentsOff(system);
  const tools = await markTools(system);
  const account = await prepareAccount(system, clock, file);
  const done = [...kept, ...agents, ...tools, ...account];
  const reportOf = (found: readonly Check[]): StageReport => ({
    ...{ stage: file.stage, migration: file.migration, booted: true },
    checks: [...done, ...file.checks.flatMap(({ id }) => found.filter((check) => check.id === id))],
  });
  const inNetwork = file.checks.filter(({ kind }) => kind === 'address');
  const validated = (checks: StageFile['checks']) => validate(system, clock, checks, file.account?.name);
  const alone = await validated(file.checks.filter((check) => !inNetwork.includes(check)));
  if (inNetwork.length > 0) await sayOnConsole(system, reportLine(reportOf([...alone, ...inNetwork.map(waits)])));
  const report = reportOf([...alone, ...(await validated(inNetwork))]);
  await sayOnConsole(system, reportLine(report));
  return report;
}

const waits = ({ id }: ValidationCheck): Check => ({
  ...{ id, verdict: 'warning', message: waitsForNetwork, remedy: '' },
});

async function prepareAccount(system: GuestControl, clock: Clock, { account }: StageFile): Promise<readonly Check[]> {
  if (account === undefined) return [];
  const made = await makeAccount(system, clock, account);
  const check = made.ok
    ? ({ verdict: 'passed', message: `${account.name} is there`, remedy: '' } as const)
    : ({ verdict: 'warning', message: made.error, remedy: 'validate with an account of your own' } as const);
  return [{ id: 'validation-account', ...check }];
}

/** Gives the account of this replica a new password; undefined if nobody asked for an account. */
export async function validationAccount(
  system: GuestControl,
  newPassword: () => string,
): Promise<Result<AccountMade | undefined, string>> {
  const file = await readStage(system);
  if (!file.ok) return file;
  return file.value?.account === undefined ? ok(undefined) : givePassword(system, file.value.account, newPassword);
}

/** Ends stage two: the account and the file are gone, and the guest is an ordinary one. An error says what stayed. */
export async function finalizeStage(system: GuestControl): Promise<Result<void, string>> {
  const file = await readStage(system);
  if (!file.ok) return file;
  const account = file.value?.account;
  const stayed = account === undefined ? undefined : await removeAccount(system, account.name);
  // The file names the account: it goes last, so that a second attempt knows what to remove.
  const why = stayed ?? (await forgetPlace(system)) ?? (await system.remove(stagePath));
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
