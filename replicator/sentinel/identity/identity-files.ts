import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceWhole } from '#replicator/sentinel/replace-whole';

/** The files of one sentinel, by their names. */
export interface IdentityFiles {
  /** Undefined if it cannot be read. Never rejects. */
  read(name: string): Promise<string | undefined>;
  /** Whole or not at all, and readable by its owner only. Rejects with the error of the system. */
  write(name: string, text: string): Promise<void>;
  /** Takes the name from whatever has it. */
  rename(from: string, to: string): Promise<void>;
  /** Does nothing where it is not there. */
  remove(name: string): Promise<void>;
}

/** The files in a folder of this machine. */
export function identityFilesIn(directory: string): IdentityFiles {
  const path = (name: string): string => join(directory, name);
  return {
    read: (name) => readFile(path(name), 'utf8').catch(() => undefined),
    write: (name, text) => writeSecret(path(name), text),
    rename: (from, to) => rename(path(from), path(to)),
    remove: (name) => rm(path(name), { force: true }),
  };
}

async function writeSecret(path: string, text: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  await replaceWhole(path, text, 0o600);
}
