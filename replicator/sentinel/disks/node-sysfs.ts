import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sysfs } from './sysfs.ts';

/** sysfs below `root`: `/sys`, or a folder in a test. */
export function sysfsAt(root: string): Sysfs {
  const text = async (path: string): Promise<string | undefined> =>
    whatIsThere(async () => (await readFile(join(root, path), 'utf8')).trim());
  return {
    text,
    number: async (path) => {
      const found = await text(path);
      return found !== undefined && /^\d+$/.test(found) ? Number(found) : undefined;
    },
    list: async (path) => ((await whatIsThere(() => readdir(join(root, path)))) ?? []).sort(),
    link: (path) => whatIsThere(() => readlink(join(root, path))),
    inode: (path) => whatIsThere(async () => (await stat(join(root, path))).ino),
  };
}

async function whatIsThere<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch {
    return undefined; // A device may vanish between two looks: not there is an answer.
  }
}
