import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { err, ok, type Result } from '#core/result';
import { seconds, type Millis } from '#core/units';
import { connectQmp, type QmpClient } from '#replicator/qmp/client';
import { describeQmpError, type QmpError } from '#replicator/qmp/error';
import type { JsonObject } from '#replicator/qmp/message';
import { socketPathMax } from '#replicator/connectors/laboratory/qemu-process';

/**
 * A QEMU that outlives whoever started it and is found again by its folder alone. QEMU writes its process id into the
 * folder itself, and holds a lock on that file as long as it runs: so a VM is never started twice, and a process is known
 * for this VM by naming that file on its command line, whatever became of the process ids meanwhile.
 */
export interface VmFolder {
  readonly pid: string;
  readonly monitor: string;
  readonly console: string;
  /** A Unix socket that is the guest's second serial port. */
  readonly shell: string;
}

/** The files of a VM in its folder. */
export const vmFolder = (directory: string): VmFolder => ({
  pid: join(directory, 'pid'),
  monitor: join(directory, 'qmp'),
  console: join(directory, 'console.log'),
  shell: join(directory, 'shell'),
});

/** What all VMs of the laboratory have in common: serial ports, monitor, no other devices, and it waits for `cont`. */
export const vmArguments = (folder: VmFolder): readonly string[] => [
  ...['-nodefaults', '-no-user-config', '-display', 'none', '-accel', 'tcg', '-S', '-daemonize'],
  ...['-pidfile', folder.pid],
  ...['-chardev', `file,id=console,append=on,path=${quoted(folder.console)}`, '-serial', 'chardev:console'],
  ...['-chardev', `socket,id=shell,server=on,wait=off,path=${quoted(folder.shell)}`, '-serial', 'chardev:shell'],
  ...['-chardev', `socket,id=monitor,server=on,wait=off,path=${quoted(folder.monitor)}`],
  ...['-mon', 'chardev=monitor,mode=control'],
];

/** A value of QEMU's key=value syntax: a comma ends it unless it is doubled. */
export const quoted = (value: string): string => value.replaceAll(',', ',,');

const startTimeout = seconds(60);
const endTimeout = seconds(30);
const pollEvery = 25;
const turnTimeout = seconds(10);
const turnEvery = 100;

/** Starts QEMU, stopped before its first instruction. The error is QEMU's sentence; then nothing runs. */
export async function startVm(qemu: string, folder: VmFolder, args: readonly string[]): Promise<Result<void, string>> {
  for (const path of [folder.monitor, folder.shell])
    if (Buffer.byteLength(path) > socketPathMax)
      return err(`the path of a socket is longer than ${socketPathMax} bytes: ${path}; use a shorter folder`);
  try {
    // Returns once the monitor listens, and says why not.
    await promisify(execFile)(qemu, [...vmArguments(folder), ...args], { timeout: startTimeout });
    return ok(undefined);
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
    return err(said === '' ? String(cause) : said);
  }
}

/** The process id of the folder's VM, or undefined: then it does not run, and that is proof. */
export async function pidOf(folder: VmFolder): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(folder.pid, 'utf8').catch(() => ''), 10);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (commandLine === '') return (await isEnding(pid)) ? pid : undefined;
  const words = commandLine.split('\0');
  return words[words.indexOf('-pidfile') + 1] === folder.pid ? pid : undefined;
}

/**
 * Whether a process without a command line is a QEMU with its end before it: its files are closed after its memory is
 * given back. Once it only waits to be waited for, it is over.
 */
async function isEnding(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  return stat.includes('(qemu') && (threads.length > 1 || !stat.includes(') Z '));
}

/** Ends the VM as a power cut would, and returns once it is gone: QEMU is asked to flush and leave, then killed. */
export async function endVm(folder: VmFolder): Promise<Result<void, string>> {
  const pid = await pidOf(folder);
  if (pid !== undefined) {
    const asked = await askVm(folder, 'quit');
    if (!(asked.ok && (await isGone(folder, pid, endTimeout)))) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (cause) {
        if (!(cause instanceof Error && 'code' in cause && cause.code === 'ESRCH')) return err(String(cause));
      }
      if (!(await isGone(folder, pid, endTimeout))) return err(`process ${pid} does not end`);
    }
  }
  for (const path of [folder.pid, folder.monitor, folder.shell]) await rm(path, { force: true });
  return ok(undefined);
}

async function isGone(folder: VmFolder, pid: number, within: Millis): Promise<boolean> {
  for (let waited = 0; waited < within; waited += pollEvery) {
    if ((await pidOf(folder)) !== pid) return true;
    await wait(pollEvery);
  }
  return false;
}

/** Connects to the VM's monitor, does `what`, and lets go: a monitor serves one client, and others want their turn. */
export async function withMonitor<T>(
  folder: VmFolder,
  what: (monitor: QmpClient) => Promise<Result<T, QmpError>>,
): Promise<Result<T, QmpError>> {
  let monitor = await connectQmp({ path: folder.monitor });
  // One is served and one waits; the next is turned away at once.
  for (
    let waited = 0;
    !monitor.ok && waited < turnTimeout && (await pidOf(folder)) !== undefined;
    waited += turnEvery
  ) {
    await wait(turnEvery);
    monitor = await connectQmp({ path: folder.monitor });
  }
  if (!monitor.ok) return monitor;
  try {
    return await what(monitor.value);
  } finally {
    await monitor.value.close();
  }
}

/** One command to the VM's monitor. The error is a sentence. */
export async function askVm(folder: VmFolder, command: string, args?: JsonObject): Promise<Result<unknown, string>> {
  const answer = await withMonitor(folder, (monitor) => monitor.execute(command, args));
  // QEMU may be gone before its answer to `quit` is out.
  if (!answer.ok && !(command === 'quit' && answer.error.type === 'OutcomeUnknown'))
    return err(describeQmpError(answer.error));
  return ok(answer.ok ? answer.value : undefined);
}
