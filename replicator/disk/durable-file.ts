import { open, rename, unlink, link, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/*
 * Files that must be there after a crash exactly as they were written. A name is durable only once its directory is
 * synced, and a file replaced in place can be lost in both versions: so it is written beside, synced, and renamed.
 */

/** Syncs a directory, so that names made or removed in it stay so. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a file at once and durably, over whatever had its name. */
export async function replaceFile(path: string, content: Uint8Array): Promise<void> {
  const beside = await writeBeside(path, content, 0o600);
  await rename(beside, path);
  await syncDirectory(dirname(path));
}

/** Writes a file at once and durably. Rejects with `EEXIST` if its name is taken. */
export async function createFile(path: string, content: Uint8Array, mode = 0o600): Promise<void> {
  const beside = await writeBeside(path, content, mode);
  try {
    await link(beside, path);
  } finally {
    await unlink(beside);
  }
  await syncDirectory(dirname(path));
}

async function writeBeside(path: string, content: Uint8Array, mode: number): Promise<string> {
  // One owner writes one file, so its process makes the name unique; what a crash left of it is overwritten.
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}.new`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(beside, 'w', mode);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle?.close();
  }
  return beside;
}

/** The system's code of an error (`ENOENT`), or its text if it has none. */
export const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : String(cause);

/** The system's own words. */
export const detailOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
