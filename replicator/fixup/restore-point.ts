import { execFile } from 'node:child_process';
import { rename, rm, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { FixUpDisk, FixUpError } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';

/*
 * A restore point is a disk as it was. A qcow2 image keeps it in itself, as a snapshot, which costs next to nothing. A raw
 * image cannot: its content is copied beside it, into a compact image that is complete once it has its name.
 */

const snapshot = 'sealift-before-fixup';
const besides = ({ path }: FixUpDisk): string => `${path}.before-fixup.qcow2`;

/** Runs qemu-img and returns what it printed. */
export async function qemuImg(step: string, ...args: readonly string[]): Promise<Result<string, FixUpError>> {
  try {
    const { stdout } = await promisify(execFile)('qemu-img', [...args], { maxBuffer: 64 * 2 ** 20 });
    return ok(stdout);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
      return err({
        type: 'ToolMissing',
        program: 'qemu-img',
        remedy: 'sudo apt-get install --yes --no-install-recommends qemu-utils',
      });
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);
    return err({ type: 'ToolFailed', step, detail: said });
  }
}

/** Keeps the disk as it is now. There must be no restore point yet. */
export async function takeRestorePoint(disk: FixUpDisk): Promise<Result<void, FixUpError>> {
  const step = `keep ${disk.path} as it is`;
  if (disk.format === 'qcow2') return nothingOf(await qemuImg(step, 'snapshot', '-c', snapshot, disk.path));
  const copy = besides(disk);
  const copied = await qemuImg(step, 'convert', '-f', 'raw', '-O', 'qcow2', disk.path, `${copy}.part`);
  if (!copied.ok) {
    await rm(`${copy}.part`, { force: true });
    return copied;
  }
  await rename(`${copy}.part`, copy);
  return ok(undefined);
}

/** Whether there is one. */
export async function hasRestorePoint(disk: FixUpDisk): Promise<Result<boolean, FixUpError>> {
  if (disk.format === 'raw')
    return ok(
      await stat(besides(disk)).then(
        () => true,
        () => false,
      ),
    );
  const said = await qemuImg(`look at ${disk.path}`, 'info', '--output=json', '-f', 'qcow2', disk.path);
  if (!said.ok) return said;
  const { snapshots = [] } = JSON.parse(said.value) as { readonly snapshots?: readonly { readonly name: string }[] };
  return ok(snapshots.some(({ name }) => name === snapshot));
}

/** Makes the disk what it was when its restore point was taken, which stays. Without one nothing is done. */
export async function restore(disk: FixUpDisk): Promise<Result<void, FixUpError>> {
  const has = await hasRestorePoint(disk);
  if (!has.ok || !has.value) return nothingOf(has);
  const step = `put ${disk.path} back`;
  return nothingOf(
    disk.format === 'qcow2'
      ? await qemuImg(step, 'snapshot', '-a', snapshot, disk.path)
      : // Into the same file: whoever has it open, or made links to it, still has it.
        await qemuImg(step, 'convert', '-n', '-f', 'qcow2', '-O', 'raw', besides(disk), disk.path),
  );
}

/** Forgets the restore point: what was changed since stays. One that is not there is forgotten already. */
export async function dropRestorePoint(disk: FixUpDisk): Promise<Result<void, FixUpError>> {
  const has = await hasRestorePoint(disk);
  if (!has.ok || !has.value) return nothingOf(has);
  if (disk.format === 'qcow2') return nothingOf(await qemuImg('forget', 'snapshot', '-d', snapshot, disk.path));
  await rm(besides(disk), { force: true });
  return ok(undefined);
}

const nothingOf = (result: Result<unknown, FixUpError>): Result<void, FixUpError> =>
  result.ok ? ok(undefined) : result;
