import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import { after, minutes, seconds } from '#core/units';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import type { StageAccount } from './stage-file.ts';

/** What marks an account as ours, in the field of `/etc/passwd` that is for people. */
const accountMark = 'Sealift validation';
const limit = seconds(30);
// A guest that nobody finalizes still loses the account.
const lifetime = minutes(7 * 24 * 60);

/** An account to look at a target with. The password is in no file, no log and no argument: whoever asked has it. */
export interface AccountMade {
  readonly name: string;
  /** Undefined if only its hash is known here. */
  readonly password?: string;
}

/**
 * Makes the account if it is not there. Without a hash nobody can log in to it until `givePassword` was asked for one.
 * An account of that name which is not ours is refused.
 */
export async function makeAccount(
  system: GuestControl,
  clock: Clock,
  { name, passwordHash }: StageAccount,
): Promise<Result<void, string>> {
  const owner = await accountOwner(system, name);
  if (owner === 'other') return err(`${name} is an account of the guest`);
  if (owner === 'nobody') {
    const end = new Date(after(clock.now(), lifetime)).toISOString().slice(0, 10);
    const args = ['-m', '-s', '/bin/sh', '-c', accountMark, '-e', end, name];
    const added = await system.run('useradd', args, { timeout: limit });
    if (added.status !== 0) return err(`${name} could not be made: ${added.stderr.trim()}`);
  }
  return passwordHash === undefined ? ok(undefined) : setPassword(system, name, passwordHash, ['-e']);
}

/**
 * Gives the account a new random password, and says it: nobody keeps it, so who asks again gets another one, and the one
 * before is of no use. An account whose password came as a hash keeps it.
 */
export async function givePassword(
  system: GuestControl,
  { name, passwordHash }: StageAccount,
  newPassword: () => string,
): Promise<Result<AccountMade, string>> {
  if ((await accountOwner(system, name)) !== 'ours') return err(`${name} is no account of ours in this guest`);
  if (passwordHash !== undefined) return ok({ name });
  const password = newPassword();
  const set = await setPassword(system, name, password, []);
  return set.ok ? ok({ name, password }) : set;
}

/** Programs get it on their input, never among their arguments, which everybody can read. */
async function setPassword(
  system: GuestControl,
  name: string,
  password: string,
  args: readonly string[],
): Promise<Result<void, string>> {
  const set = await system.run('chpasswd', args, { timeout: limit, input: `${name}:${password}\n` });
  // What it said is left out: an old version repeats the line that it could not use.
  return set.status === 0 ? ok(undefined) : err(`${name} could not be given a password`);
}

/** Takes the account away with its folder. One that is not ours stays. A sentence if it is still there. */
export async function removeAccount(system: GuestControl, name: string): Promise<string | undefined> {
  if ((await accountOwner(system, name)) !== 'ours') return undefined;
  const removed = await system.run('userdel', ['-r', '-f', name], { timeout: limit });
  return (await accountOwner(system, name)) === 'nobody' ? undefined : `${name}: ${removed.stderr.trim()}`;
}

async function accountOwner(system: GuestControl, name: string): Promise<'ours' | 'other' | 'nobody'> {
  const line = ((await system.read('/etc/passwd')) ?? '').split('\n').find((one) => one.startsWith(`${name}:`));
  return line === undefined ? 'nobody' : line.split(':')[4] === accountMark ? 'ours' : 'other';
}
