import { mkdir, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { noPrograms, type GuestControl, type RunProgram } from './guest-system.ts';
import { runProgram } from './run-program.ts';

// Symbolic links followed before a path counts as a loop: the kernel's own number.
const linksMax = 40;

/** The system this process runs in. */
export const liveGuestSystem = (): GuestControl => ({
  ...filesUnder('/'),
  run: runProgram,
  signal: (pid, signal) => {
    try {
      process.kill(pid, signal);
      return undefined;
    } catch (error) {
      return isGone(error) ? undefined : String(error);
    }
  },
});

/**
 * The files of a guest in a folder: a test's, or the root of an image. Links are followed as the guest would, so that
 * `/etc/os-release -> /usr/lib/os-release` never leads out of it. Programs are whatever `run` makes of them; none is
 * there unless it is given. It has no processes, so signals find nobody.
 */
export const folderGuestSystem = (root: string, run: RunProgram = noPrograms): GuestControl => ({
  ...filesUnder(root),
  run,
  signal: () => undefined,
});

function filesUnder(root: string): Omit<GuestControl, 'run' | 'signal'> {
  const at = (path: string): Promise<string> => (root === '/' ? Promise.resolve(path) : inside(root, path));
  return {
    root,
    // A file of /sys may be there and refuse to be read (a link that is down has no speed): there is nothing to know.
    read: (path) =>
      at(path)
        .then((file) => readFile(file, 'utf8'))
        .catch(() => undefined),
    list: (path) =>
      at(path)
        .then((folder) => readdir(folder))
        .then((names) => names.sort(byCode))
        .catch(() => []),
    write: (path, text, mode) =>
      at(path)
        .then((file) => writeWhole(file, text, mode))
        .then(noError, String),
    replace: (path, text, mode) =>
      at(path)
        .then(async (file) => {
          await writeWhole(`${file}.new`, text, mode);
          await rename(`${file}.new`, file);
        })
        .then(noError, String),
    remove: (path) =>
      at(path)
        .then((file) => rm(file, { force: true }))
        .then(noError, String),
  };
}

const noError = (): undefined => undefined;

const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

async function writeWhole(file: string, text: string, mode: number | undefined): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text, mode === undefined ? {} : { mode });
}

/** Where a path of the guest lies, its links followed inside `root` and `..` stopping there. Rejects on a loop. */
async function inside(root: string, path: string): Promise<string> {
  const left = path.split('/');
  let links = 0;
  const found: string[] = [];
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      found.pop();
      continue;
    }
    const link = await readlink(join(root, ...found, name)).catch(() => undefined);
    if (link === undefined) {
      found.push(name);
      continue;
    }
    if ((links += 1) > linksMax) throw new Error(`${path}: too many links`);
    if (link.startsWith('/')) found.length = 0;
    left.unshift(...link.split('/'));
  }
  return join(root, ...found);
}

const isGone = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ESRCH';
