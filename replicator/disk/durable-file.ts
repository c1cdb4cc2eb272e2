import { basename, dirname, join } from 'node:path';
import type { Files, OpenFile } from './files.ts';
import { nodeFiles } from './node-files.ts';

/*
 * Files that must be there after a crash exactly as they were written. A name is durable only once its directory is
 * synced, and a file replaced in place can be lost in both versions: so it is written beside, synced, and renamed.
 */

/** Writes a file at once and durably, over whatever had its name. */
export async function replaceFile(path: string, content: Uint8Array, files: Files = nodeFiles): Promise<void> {
  const beside = await writeBeside(files, path, content, 0o600);
  await files.rename(beside, path);
  await files.syncDirectory(dirname(path));
}

/** Writes a file at once and durably. Rejects with `EEXIST` if its name is taken. */
export async function createFile(
  path: string,
  content: Uint8Array,
  { mode = 0o600, files = nodeFiles }: { readonly mode?: number; readonly files?: Files } = {},
): Promise<void> {
  const beside = await writeBeside(files, path, content, mode);
  try {
    await files.link(beside, path);
  } finally {
    await files.unlink(beside);
  }
  await files.syncDirectory(dirname(path));
}

async function writeBeside(files: Files, path: string, content: Uint8Array, mode: number): Promise<string> {
  // One owner writes one file, so its process makes the name unique; what a crash left of it is overwritten.
  const beside = join(dirname(path), `.${basename(path)}.${files.processes.pid}.new`);
  const file = await files.open(beside, 'replace', mode);
  try {
    await writeAll(file, content, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  return beside;
}

/** Writes all of `content` at `at`, however many calls it takes. Rejects with a `SystemError`; then some of it may be there. */
export function writeAll(file: OpenFile, content: Uint8Array, at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const step = (written: number): void => {
      if (written === content.length) return resolve();
      file.write([content.subarray(written)], at + written, (cause, count) =>
        cause ? reject(cause) : step(written + count),
      );
    };
    step(0);
  });
}

/** The system's code of an error (`ENOENT`), or its text if it has none. */
export const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : String(cause);

/** The system's own words. */
export const detailOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
