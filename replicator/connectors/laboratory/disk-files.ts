import { execFile } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { err, ok, type Result } from '#core/result';
import { alignDown, MiB, type Bytes } from '#core/units';
import { fileSystemBytes } from './guest-plan.ts';
import type { LaboratoryDisk, LaboratoryError } from './laboratory.ts';
import { noise } from './noise.ts';

/** The programs that make a disk. */
export interface DiskTools {
  readonly mke2fs: string;
  readonly qemuImg: string;
}

/**
 * Makes one disk: the first half an empty ext4 file system, the first quarter of the rest noise (so that a full sync
 * has something to move), the remainder a hole. Never overwrites: a disk that is there is an error.
 */
export async function makeDisk(
  disk: LaboratoryDisk,
  { size, seed, tools }: { size: Bytes; seed: number; tools: DiskTools },
): Promise<Result<void, LaboratoryError>> {
  const rawPath = disk.format === 'raw' ? disk.path : `${disk.path}.raw`;
  const files = disk.format === 'raw' ? [disk.path] : [disk.path, rawPath];
  for (const path of files) {
    const created = await create(path);
    if (!created.ok) return created;
  }
  try {
    await fill(rawPath, size, seed, disk.id);
    await run(tools.mke2fs, mke2fsOptions(rawPath, size));
    if (disk.format === 'qcow2') {
      await run(tools.qemuImg, ['convert', '-f', 'raw', '-O', 'qcow2', rawPath, disk.path]);
      await rm(rawPath);
    }
    return ok(undefined);
  } catch (cause) {
    for (const path of files) await rm(path, { force: true }); // Ours, made a moment ago, and half done.
    return err({
      type: 'DiskNotMade',
      path: disk.path,
      detail: cause instanceof Error ? cause.message : String(cause),
    });
  }
}

async function create(path: string): Promise<Result<void, LaboratoryError>> {
  try {
    await (await open(path, 'wx')).close();
    return ok(undefined);
  } catch (cause) {
    const isThere = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    return err(isThere ? { type: 'DiskExists', path } : { type: 'DiskNotMade', path, detail: String(cause) });
  }
}

async function fill(path: string, size: Bytes, seed: number, name: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.truncate(size);
    const start = fileSystemBytes(size);
    const end = start + alignDown((size - start) / 4, MiB);
    for (let at = start; at < end; at += MiB) await file.write(noise(seed, `${name} ${at}`, MiB), 0, MiB, at);
  } finally {
    await file.close();
  }
}

// Tables are written now and not by the guest later, so that the guest's writing is the plan's and nothing else.
const mke2fsOptions = (path: string, size: Bytes): readonly string[] => [
  ...['-q', '-F', '-t', 'ext4', '-b', '4096'],
  ...['-E', 'nodiscard,lazy_itable_init=0,lazy_journal_init=0'],
  ...[path, `${fileSystemBytes(size) / 1024}k`],
];

const run = (program: string, args: readonly string[]): Promise<unknown> => promisify(execFile)(program, args);
