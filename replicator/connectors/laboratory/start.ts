import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { diskId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { MiB, seconds } from '#core/units';
import { makeDisk } from './disk-files.ts';
import { bytesPerSecondMax, bytesPerSecondMin, guestPlan } from './guest-plan.ts';
import { followHeartbeats } from './heartbeat.ts';
import { guestInitramfs } from './initramfs.ts';
import { findKernel, type Kernel } from './kernel.ts';
import type { Laboratory, LaboratoryDisk, LaboratoryError, LaboratoryOptions } from './laboratory.ts';
import { findProgram } from './programs.ts';
import { qemuArguments } from './qemu-arguments.ts';
import { isListening, socketPathMax, startQemuProcess, type QemuProcess } from './qemu-process.ts';

/** Names like the guest's own: one letter each, so 26 at most. */
export const diskCountMax = 8;
const diskSizeMin = 32 * MiB; // Below it mke2fs leaves out the journal, and the journal is half the point.
const diskSizeMax = 1024 * 1024 * MiB;
const memoryMiBMin = 96; // Debian's kernel and its initramfs do not fit in less.
const memoryMiBMax = 16 * 1024;
const memoryMiBDefault = 128;
const bootTimeoutDefault = seconds(60); // About three seconds on an idle host; software emulation shares two cores.
const stopTimeout = seconds(10);

/**
 * Boots a real Linux guest in software emulation that writes to its disks all the time, and returns at its first
 * heartbeat. Everything it needs to know is in `options`; everything it leaves behind is in `options.directory`.
 */
export async function startLaboratory(options: LaboratoryOptions): Promise<Result<Laboratory, LaboratoryError>> {
  const invalid = firstInvalid(options);
  if (invalid !== undefined) return err(invalid);
  const tools = await findTools();
  if (!tools.ok) return tools;
  const directory = resolve(options.directory);
  // QEMU would take over the monitor socket of another laboratory before it notices that the disks are locked.
  if (await isListening(join(directory, monitorName)))
    return err({ type: 'InvalidOption', option: 'directory', detail: `a laboratory runs in ${directory} already` });
  const place = { directory, disks: disksOf(options, directory), tools: tools.value };
  const prepared = await prepare(options, place);
  if (!prepared.ok) return prepared;
  const made = await makeDisks(options, place);
  if (!made.ok) return made;
  const booted = await boot(options, place);
  if (!booted.ok) await removeUnused(made.value);
  return booted;
}

// A disk that no guest ever had holds nothing, and would only be in the way of the next attempt.
const removeUnused = async (made: readonly string[]): Promise<void> => {
  for (const path of made) await rm(path, { force: true });
};

interface Place {
  readonly directory: string;
  readonly disks: readonly LaboratoryDisk[];
  readonly tools: Tools;
}

interface Tools {
  readonly qemu: string;
  readonly qemuImg: string;
  readonly busybox: string;
  readonly mke2fs: string;
  readonly kernel: Kernel;
}

async function findTools(): Promise<Result<Tools, LaboratoryError>> {
  const qemu = findProgram('qemu-system-x86_64');
  if (!qemu.ok) return qemu;
  const qemuImg = findProgram('qemu-img');
  if (!qemuImg.ok) return qemuImg;
  const busybox = findProgram('busybox');
  if (!busybox.ok) return busybox;
  const mke2fs = findProgram('mke2fs');
  if (!mke2fs.ok) return mke2fs;
  const kernel = await findKernel();
  if (!kernel.ok) return kernel;
  return ok({
    qemu: qemu.value,
    qemuImg: qemuImg.value,
    busybox: busybox.value,
    mke2fs: mke2fs.value,
    kernel: kernel.value,
  });
}

const disksOf = ({ diskCount = 1, diskFormat = 'raw' }: LaboratoryOptions, directory: string): LaboratoryDisk[] =>
  Array.from({ length: diskCount }, (_, index) => {
    const id = diskId(`vd${String.fromCodePoint('a'.charCodeAt(0) + index)}`);
    return { id, path: join(directory, `${id}.${diskFormat}`), format: diskFormat };
  });

const paths = (directory: string) => ({
  qmpSocket: join(directory, monitorName),
  consolePath: join(directory, 'console.log'),
  initramfs: join(directory, 'initramfs'),
});

async function prepare(options: LaboratoryOptions, place: Place): Promise<Result<void, LaboratoryError>> {
  const { directory, disks, tools } = place;
  const { diskSize, writer, seed } = options;
  const plan = guestPlan({ diskSize, seed, disks: disks.map(({ id }) => id), bytesPerSecond: writer.bytesPerSecond });
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(paths(directory).consolePath, '');
  } catch (cause) {
    return err({ type: 'InvalidOption', option: 'directory', detail: sentence(cause) });
  }
  try {
    await writeFile(paths(directory).initramfs, await guestInitramfs(tools.kernel, tools.busybox, plan));
    return ok(undefined);
  } catch (cause) {
    return err({ type: 'BootFailed', detail: sentence(cause) });
  }
}

/** Makes the disks that are not there, and says which. */
async function makeDisks(
  { diskSize, seed, existingDisks = 'refuse' }: LaboratoryOptions,
  { disks, tools }: Place,
): Promise<Result<readonly string[], LaboratoryError>> {
  const made: string[] = [];
  for (const disk of disks) {
    if (existingDisks === 'boot' && (await exists(disk.path))) continue;
    const outcome = await makeDisk(disk, { size: diskSize, seed, tools });
    if (!outcome.ok) {
      await removeUnused(made);
      return outcome;
    }
    made.push(disk.path);
  }
  return ok(made);
}

async function boot(options: LaboratoryOptions, place: Place): Promise<Result<Laboratory, LaboratoryError>> {
  const { directory, disks, tools } = place;
  const { signal, memoryMiB = memoryMiBDefault } = options;
  const { qmpSocket, consolePath, initramfs } = paths(directory);
  const machine = { kernel: tools.kernel.image, initramfs, memoryMiB, disks, qmpSocket, consolePath };
  const started = await startQemuProcess({ program: tools.qemu, args: qemuArguments(machine), qmpSocket, signal });
  if (!started.ok) return err({ type: 'BootFailed', detail: started.error });
  return await awaitFirstHeartbeat(started.value, { ...options, disks, qmpSocket, consolePath });
}

async function awaitFirstHeartbeat(
  qemu: QemuProcess,
  about: Pick<LaboratoryOptions, 'bootTimeout' | 'signal'> & Pick<Laboratory, 'disks' | 'qmpSocket' | 'consolePath'>,
): Promise<Result<Laboratory, LaboratoryError>> {
  const { bootTimeout = bootTimeoutDefault, signal, disks, qmpSocket, consolePath } = about;
  const heartbeats = followHeartbeats(consolePath);
  void qemu.ended.then((how) => heartbeats.end(how));
  const late = AbortSignal.timeout(bootTimeout);
  const first = await heartbeats.reached(1, signal === undefined ? late : AbortSignal.any([signal, late]));
  if (!first.ok) {
    await qemu.kill();
    const why = first.error.type === 'GuestEnded' ? first.error.detail : `no heartbeat within ${bootTimeout} ms`;
    return err({ type: 'BootFailed', detail: `${why}; the console said: ${await lastLines(consolePath)}` });
  }
  return ok({
    qmpSocket,
    disks,
    consolePath,
    pid: qemu.pid,
    ended: qemu.ended,
    heartbeat: () => heartbeats.latest(),
    heartbeatReached: (count, until) => heartbeats.reached(count, until),
    stop: () => endOrderly(qemu),
    kill: () => qemu.kill(),
  });
}

async function endOrderly(qemu: QemuProcess): Promise<void> {
  qemu.terminate();
  const patience = new AbortController();
  const late = wait(stopTimeout, 'late' as const, { signal: patience.signal }).catch(() => 'cancelled' as const);
  if ((await Promise.race([qemu.ended, late])) === 'late') await qemu.kill();
  patience.abort();
}

/** The monitor's socket, in the folder of a laboratory. */
export const monitorName = 'qmp';

function firstInvalid(options: LaboratoryOptions): LaboratoryError | undefined {
  const { directory, diskSize, diskCount = 1, memoryMiB = memoryMiBDefault, writer, seed } = options;
  const within = (option: keyof LaboratoryOptions, n: number, min: number, max: number): LaboratoryError | undefined =>
    Number.isSafeInteger(n) && n >= min && n <= max
      ? undefined
      : { type: 'InvalidOption', option, detail: `must be a whole number from ${min} to ${max}, got ${n}` };
  const socket = join(resolve(directory), monitorName);
  return (
    within('diskSize', diskSize, diskSizeMin, diskSizeMax) ??
    (diskSize % MiB === 0 ? undefined : invalidSize(diskSize)) ??
    within('diskCount', diskCount, 1, diskCountMax) ??
    within('memoryMiB', memoryMiB, memoryMiBMin, memoryMiBMax) ??
    within('writer', writer.bytesPerSecond, bytesPerSecondMin, bytesPerSecondMax) ??
    within('seed', seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) ??
    (Buffer.byteLength(socket) <= socketPathMax ? undefined : tooLong(socket))
  );
}

const invalidSize = (size: number): LaboratoryError => ({
  type: 'InvalidOption',
  option: 'diskSize',
  detail: `must be whole MiB, got ${size} bytes`,
});
const tooLong = (socket: string): LaboratoryError => ({
  type: 'InvalidOption',
  option: 'directory',
  detail: `${socket} is longer than the ${socketPathMax} bytes a socket's path may have; choose a shorter directory`,
});

const sentence = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function lastLines(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-5).join(' | ') || 'nothing';
}
