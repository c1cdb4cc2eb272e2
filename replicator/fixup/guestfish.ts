import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { FixUpDisk, FixUpError } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { startConversation } from './guestfish-conversation.ts';

/**
 * A guestfish that runs as a child process with its appliance started: commands go in by its standard input, one a line,
 * and each answer ends with a mark of ours. Starting the appliance costs seconds (without KVM half a minute), a command
 * milliseconds; so a session is opened once for all that an operation does.
 */
export interface GuestfishSession {
  /** A folder of this machine for files on their way in and out. It is gone once the session is closed. */
  readonly folder: string;
  /** What a command printed, or what it said when it failed. */
  run(...words: readonly [string, ...string[]]): Promise<Result<string, FixUpError>>;
  /** Many commands in one go, for those whose answers do not depend on each other. A failure does not stop the rest. */
  runAll(commands: readonly (readonly string[])[]): Promise<readonly Result<string, FixUpError>[]>;
  /** Ends the appliance in an orderly way: only after it returns well is everything written. Idempotent. */
  close(): Promise<Result<void, FixUpError>>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

/** How a session is opened. */
export interface SessionOptions {
  /** Whether anything may be written to the disks. Without it the disks stay as they are, whatever commands do. */
  readonly writable: boolean;
  /** Aborting it kills guestfish and its appliance. */
  readonly signal?: AbortSignal | undefined;
  /** Variables for guestfish beside those of this process: `SUPERMIN_KERNEL` and `SUPERMIN_MODULES` name a kernel for its appliance. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** Starts guestfish with these disks and waits for its appliance. */
export async function openSession(
  disks: readonly FixUpDisk[],
  options: SessionOptions,
): Promise<Result<GuestfishSession, FixUpError>> {
  const settings = process.env['LIBGUESTFS_BACKEND_SETTINGS'];
  const opened = await startSession(disks, options, settings);
  // On some processors KVM is there and kills QEMU. Emulation is slow and works everywhere.
  const crashed = !opened.ok && opened.error.type === 'ToolFailed' && !options.signal?.aborted;
  return crashed && settings === undefined ? startSession(disks, options, 'force_tcg') : opened;
}

async function startSession(
  disks: readonly FixUpDisk[],
  { writable, signal, environment }: SessionOptions,
  settings: string | undefined,
): Promise<Result<GuestfishSession, FixUpError>> {
  const folder = await mkdtemp(join(tmpdir(), 'sealift-fixup-'));
  const conversation = startConversation(signal, appliance({ ...process.env, ...environment }, settings));
  const endOrderly = async (): Promise<Result<void, FixUpError>> => {
    // `shutdown` is where a write that failed late is told.
    const down = await conversation.run('shutdown');
    await conversation.end();
    await rm(folder, { recursive: true, force: true });
    return down.ok ? ok(undefined) : down;
  };
  let closed: Promise<Result<void, FixUpError>> | undefined;
  let machine: number | undefined;
  const kill = async (): Promise<void> => {
    await conversation.kill();
    // Left to libguestfs, QEMU dies seconds later, and holds the images until then.
    if (machine !== undefined) await killAndWait(machine);
    await rm(folder, { recursive: true, force: true });
  };
  const { run, runAll } = conversation;
  const added = await runAll(
    disks.map(({ path, format }) => ['add-drive', path, `format:${format}`, `readonly:${!writable}`]),
  );
  const refused = added.find((answer) => !answer.ok);
  const started = refused ?? (await run('run'));
  if (started.ok) {
    const pid = await run('get-pid');
    if (pid.ok) machine = Number(pid.value);
    return ok({ folder, run, runAll, close: () => (closed ??= endOrderly()), kill });
  }
  await kill();
  return refused !== undefined && started.error.type === 'ToolFailed'
    ? err({ type: 'ImageUnusable', detail: started.error.detail })
    : started;
}

const killPollEvery = 50;
const killPollMax = 200;

async function killAndWait(pid: number): Promise<void> {
  for (let count = 0; count < killPollMax && (await isAppliance(pid)); count += 1) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      return; // It has ended meanwhile.
    }
    await wait(killPollEvery);
  }
}

/** Whether the process is a QEMU that has not ended: numbers of processes are used again. */
const isAppliance = (pid: number): Promise<boolean> =>
  readFile(`/proc/${pid}/cmdline`, 'utf8').then(
    (line) => line.includes('guestfs'),
    () => false,
  );

/**
 * What libguestfs starts its appliance with. QEMU is started directly: libvirt would want a daemon, and rights to the
 * images for a user of its own. Whoever sets these variables knows better.
 */
const appliance = (environment: NodeJS.ProcessEnv, settings: string | undefined): NodeJS.ProcessEnv => ({
  ...environment,
  LC_ALL: 'C',
  LIBGUESTFS_BACKEND: environment['LIBGUESTFS_BACKEND'] ?? 'direct',
  ...(settings !== undefined && { LIBGUESTFS_BACKEND_SETTINGS: settings }),
});
