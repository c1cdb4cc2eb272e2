import {
  close,
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fsync,
  ftruncate,
  ftruncateSync,
  open,
  openSync,
  read,
  readFileSync,
  readSync,
  write,
  writeSync,
  writev,
  type Stats,
} from 'node:fs';
import { link, lstat, mkdir, readdir, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { BlockingFile, Done, Files, FileStat, OpenFile, OpenWay, Processes } from './files.ts';

const flagsOf: Readonly<Record<OpenWay, string>> = { read: 'r', update: 'r+', create: 'wx+', replace: 'w' };

const settled = (work: (done: Done) => void): Promise<void> =>
  new Promise((resolve, reject) => work((cause) => (cause ? reject(cause) : resolve())));

const opened = (path: string, flags: string, mode: number): Promise<number> =>
  new Promise((resolve, reject) => {
    open(path, flags, mode, (cause, handle) => (cause ? reject(cause) : resolve(handle)));
  });

const openFile = (handle: number): OpenFile => ({
  read: (into, start, at, done) => read(handle, into, start, into.length - start, at, done),
  write: (parts, at, done) => {
    const [first] = parts;
    if (first && parts.length === 1) write(handle, first, 0, first.length, at, done);
    else writev(handle, parts, at, done);
  },
  truncate: (length) => settled((done) => ftruncate(handle, length, done)),
  datasync: () => settled((done) => fdatasync(handle, done)),
  sync: () => settled((done) => fsync(handle, done)),
  close: () => settled((done) => close(handle, done)),
});

const blockingFile = (handle: number): BlockingFile => ({
  read: (into, start, at) => readSync(handle, into, start, into.length - start, at),
  write: (from, start, at) => writeSync(handle, from, start, from.length - start, at),
  truncate: (length) => ftruncateSync(handle, length),
  datasync: () => fdatasyncSync(handle),
  close: () => closeSync(handle),
});

// What a file system counts allocated blocks in, whatever its own blocks are.
const statBlock = 512;
const statOf = (found: Stats): FileStat => ({
  kind: found.isFile() ? 'file' : found.isDirectory() ? 'directory' : found.isSymbolicLink() ? 'link' : 'other',
  size: found.size,
  allocated: found.blocks * statBlock,
  identity: `${found.dev}:${found.ino}`,
  modifiedMs: found.mtimeMs,
});

let serial = 0;
const processes: Processes = {
  get host() {
    return hostname();
  },
  pid: process.pid,
  startOf,
  serial: () => (serial += 1),
};

/** When a process started, in ticks since boot. Without /proc, '0': then the process id alone must do. */
function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // EPERM: it lives, and is someone else's.
    if (cause instanceof Error && 'code' in cause && cause.code === 'ESRCH') return undefined;
  }
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program may contain anything, so fields are counted from its closing parenthesis.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    // Dead, and only waiting for its parent to notice.
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return fields[19] ?? '0';
  } catch {
    return '0';
  }
}

/** The files of this machine, by the system calls of Node. */
export const nodeFiles: Files = {
  open: async (path, way, mode = 0o600) => openFile(await opened(path, flagsOf[way], mode)),
  openBlocking: (path) => blockingFile(openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)),
  readFile: (path) => readFile(path),
  stat: async (path) => statOf(await stat(path)),
  lstat: async (path) => statOf(await lstat(path)),
  realpath: (path) => realpath(path),
  readdir: (path) => readdir(path),
  mkdir: async (path) => void (await mkdir(path, { recursive: true })),
  rename: (from, to) => rename(from, to),
  link: (from, to) => link(from, to),
  unlink: (path) => unlink(path),
  syncDirectory: async (path) => {
    const directory = openFile(await opened(path, 'r', 0));
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
  processes,
};
