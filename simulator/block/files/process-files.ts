import type { Rng } from '#core/rng';
import { after, type Millis } from '#core/units';
import type { BlockingFile, Files, OpenFile, OpenWay } from '#replicator/disk/files';
import type { SimulatedProcess } from '#simulator/block/process';
import type { Scheduled } from '#simulator/kernel/event-queue';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { FileSystem } from './file-system.ts';
import type { StoredFile } from './stored-file.ts';
import { SystemFault } from './system-fault.ts';

/** Who lives on a machine. */
export interface ProcessTable {
  /** When it started; undefined if it is not there, or not any more. */
  startOf(pid: number): string | undefined;
}

/** What the files of one process are made of. */
export interface ProcessFilesParts {
  readonly system: FileSystem;
  readonly process: SimulatedProcess;
  readonly clock: Pick<SimulatedClock, 'now' | 'schedule'>;
  readonly lasting: (kind: 'call' | 'sync') => Millis;
  /** Decides what of the calls under way happens when the process dies. */
  readonly rng: Rng;
  readonly host: string;
  readonly table: ProcessTable;
  readonly pid: number;
}

type Settle<T> = (cause: SystemFault | null, value: T | undefined) => void;
type Request = <T>(kind: 'call' | 'sync', act: () => T, settle: Settle<T>) => void;

/** The files of a machine as one of its processes sees them. Once it is dead its calls do nothing and never end. */
export function processFiles(parts: ProcessFilesParts): Files {
  const { system, table, pid, host } = parts;
  const request = requestsOf(parts);
  const asked = <T>(kind: 'call' | 'sync', act: () => T): Promise<T> =>
    new Promise((resolve, reject) =>
      request(kind, act, (cause, value) => (cause ? reject(cause) : resolve(value as T))),
    );
  const call = <T>(act: () => T): Promise<T> => asked('call', act);
  let serial = 0;
  return {
    open: (path, way) =>
      call(() => openFile({ system, file: system.open(path, way), path, way, rng: parts.rng, request, asked })),
    openBlocking: (path) => blockingFile(parts, path),
    readFile: (path) => call(() => system.readFile(path)),
    stat: (path) => call(() => system.stat(path, 'stat')),
    lstat: (path) => call(() => system.stat(path, 'lstat')),
    realpath: (path) => call(() => system.realpath(path)),
    readdir: (path) => call(() => system.readdir(path)),
    mkdir: (path) => call(() => system.mkdir(path)),
    rename: (from, to) => call(() => system.rename(from, to)),
    link: (from, to) => call(() => system.link(from, to)),
    unlink: (path) => call(() => system.unlink(path)),
    syncDirectory: (path) => asked('sync', () => system.syncDirectory(path)),
    processes: {
      host,
      pid,
      startOf: (other) => table.startOf(other),
      serial: () => (serial += 1),
    },
  };
}

/** How calls of a process are carried out: later, and not at all once it is dead. */
function requestsOf({ process, clock, lasting, rng }: ProcessFilesParts): Request {
  const underWay = new Map<() => void, Scheduled>();
  process.whenKilled(() => {
    for (const [act, scheduled] of underWay) {
      scheduled.cancel();
      // The kernel had been asked: it happens or not, and nobody hears how it went.
      if (rng.between(0, 1) === 0) attempt(act);
    }
    underWay.clear();
  });
  return (kind, act, settle) => {
    if (!process.isAlive()) return;
    // An entry for each call, also where two calls share their function.
    const work = (): void => void act();
    const scheduled = clock.schedule(after(clock.now(), lasting(kind)), () => {
      underWay.delete(work);
      const outcome = attempt(act);
      if ('value' in outcome) settle(null, outcome.value);
      else settle(outcome.fault, undefined);
    });
    underWay.set(work, scheduled);
  };
}

/** What came of a call. Anything but a `SystemFault` is a mistake of this program and is thrown. */
function attempt<T>(act: () => T): { readonly value: T } | { readonly fault: SystemFault } {
  try {
    return { value: act() };
  } catch (cause) {
    if (cause instanceof SystemFault) return { fault: cause };
    throw cause;
  }
}

function openFile({
  system,
  file,
  path,
  way,
  rng,
  request,
  asked,
}: {
  readonly system: FileSystem;
  readonly file: StoredFile;
  readonly path: string;
  readonly way: OpenWay;
  readonly rng: Rng;
  readonly request: Request;
  readonly asked: <T>(kind: 'call' | 'sync', act: () => T) => Promise<T>;
}): OpenFile {
  let isOpen = true;
  const must = (may: boolean, name: string): void => {
    if (!isOpen || !may) throw new SystemFault('EBADF', name, path);
  };
  const sync = (): Promise<void> => {
    const upTo = file.changes;
    return asked('sync', () => {
      must(true, 'fsync');
      system.sync(file, path, rng, upTo);
    });
  };
  return {
    read: (into, start, at, done) =>
      request(
        'call',
        () => {
          must(way !== 'replace', 'read');
          return system.read(file, into, { start, at }, path);
        },
        (cause, count) => done(cause, count ?? 0),
      ),
    write: (parts, at, done) =>
      request(
        'call',
        () => {
          must(way !== 'read', 'write');
          return writeParts(system, file, parts, { at, path });
        },
        (cause, count) => done(cause, count ?? 0),
      ),
    truncate: (length) =>
      asked('call', () => {
        must(way !== 'read', 'ftruncate');
        system.truncate(file, length, path);
      }),
    datasync: sync,
    sync,
    close: () =>
      asked('call', () => {
        must(true, 'close');
        isOpen = false;
      }),
  };
}

/** Each part is a write of its own to a crash; a part that did not fit ends the call, and fails it if it was the first. */
function writeParts(
  system: FileSystem,
  file: StoredFile,
  parts: readonly Uint8Array[],
  { at, path }: { readonly at: number; readonly path: string },
): number {
  let count = 0;
  for (const part of parts) {
    try {
      const written = system.write(file, part, at + count, path);
      count += written;
      if (written < part.length) break;
    } catch (cause) {
      if (count === 0) throw cause;
      break;
    }
  }
  return count;
}

/** Calls of the dead do nothing and say that all went well: there is nobody to hear it. */
function blockingFile({ system, process, rng }: ProcessFilesParts, path: string): BlockingFile {
  const file = process.isAlive() ? system.open(path, 'make') : undefined;
  let isOpen = true;
  const calling = <T>(name: string, dead: T, act: (opened: StoredFile) => T): T => {
    if (!file || !process.isAlive()) return dead;
    if (!isOpen) throw new SystemFault('EBADF', name, path);
    return act(file);
  };
  return {
    read: (into, start, at) => calling('read', 0, (opened) => system.read(opened, into, { start, at }, path)),
    write: (from, start, at) =>
      calling('write', from.length - start, (opened) => system.write(opened, from.subarray(start), at, path)),
    truncate: (length) => calling('ftruncate', undefined, (opened) => system.truncate(opened, length, path)),
    datasync: () => calling('fdatasync', undefined, (opened) => system.sync(opened, path, rng)),
    close: () => calling('close', undefined, () => void (isOpen = false)),
  };
}
