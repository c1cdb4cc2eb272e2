import type { FileStat, OpenWay } from '#replicator/disk/files';
import type { Clock } from '#core/clock';
import type { Rng } from '#core/rng';
import { InvariantError } from '#core/invariant';
import { Directory, type Entry } from './directory.ts';
import type { MemorySource } from '#simulator/block/world-memory';
import { StoredFile, type Aftermath } from './stored-file.ts';
import { SystemFault } from './system-fault.ts';

/** What makes calls fail that would do well. Throws a `SystemFault`. */
export interface FaultCheck {
  (kind: 'noSpace' | 'read' | 'write' | 'sync', call: string, path: string): void;
}

/** What a crash did to one file or directory. */
export interface CrashNote {
  readonly path: string;
  readonly writes: Aftermath;
  /** Names that were made or removed, and were not after all. */
  readonly namesUndone: number;
}

/**
 * The names and files of one volume, and the system calls on them, each at once and as a whole. Throws `SystemFault`s as
 * Linux does. Time, processes and chance are whose who calls.
 *
 * @differs There are no links that lead elsewhere, no permissions and no owners.
 * @differs A directory is synced alone; a real journal makes everything that happened before durable with it.
 */
export class FileSystem {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #capacity: number;
  readonly #check: FaultCheck;
  readonly #name: string;
  readonly #memory: MemorySource;
  readonly #root = new Directory(1);
  /** Files that have a name now. Maps to how many. */
  readonly #named = new Map<StoredFile, number>();
  #numbers = 1;

  constructor(options: {
    readonly clock: Pick<Clock, 'now'>;
    readonly capacity: number;
    readonly check: FaultCheck;
    readonly name: string;
    readonly memory: MemorySource;
  }) {
    this.#clock = options.clock;
    this.#capacity = options.capacity;
    this.#check = options.check;
    this.#name = options.name;
    this.#memory = options.memory;
  }

  /** Bytes that are not taken. A file without a name takes none, open or not. */
  get freeBytes(): number {
    let taken = 0;
    for (const file of this.#named.keys()) taken += file.allocated;
    return Math.max(0, this.#capacity - taken);
  }

  /** The file of a name, made or emptied as asked for. */
  open(path: string, way: OpenWay | 'make'): StoredFile {
    const { directory, name } = this.#placeOf(path, 'open');
    const found = name === '' ? directory : directory.get(name);
    if (found && way === 'create') throw new SystemFault('EEXIST', 'open', path);
    if (found?.kind === 'directory') throw new SystemFault('EISDIR', 'open', path);
    if (found) {
      if (way === 'replace') this.truncate(found, 0, path);
      return found;
    }
    if (way === 'read' || way === 'update') throw new SystemFault('ENOENT', 'open', path);
    this.#check('noSpace', 'open', path);
    const file = new StoredFile((this.#numbers += 1), path, this.#clock.now(), this.#memory);
    this.#setNames(directory, [[name, file]]);
    return file;
  }

  stat(path: string, call: string): FileStat {
    const entry = this.#entryAt(path, call);
    const isFile = entry.kind === 'file';
    return {
      kind: entry.kind,
      size: isFile ? entry.size : 0,
      allocated: isFile ? entry.allocated : 0,
      identity: `${this.#name}:${entry.number}`,
      modifiedMs: isFile ? entry.modified : 0,
    };
  }

  realpath(path: string): string {
    this.#entryAt(path, 'realpath');
    return `/${partsOf(path).join('/')}`;
  }

  readdir(path: string): readonly string[] {
    return this.#directoryAt(path, 'scandir').names();
  }

  readFile(path: string): Uint8Array {
    const entry = this.#entryAt(path, 'open');
    if (entry.kind === 'directory') throw new SystemFault('EISDIR', 'read', path);
    const content = new Uint8Array(entry.size);
    this.read(entry, content, { start: 0, at: 0 }, path);
    return content;
  }

  mkdir(path: string): void {
    let directory = this.#root;
    for (const name of partsOf(path)) {
      const found = directory.get(name);
      if (found?.kind === 'file') throw new SystemFault('EEXIST', 'mkdir', path);
      if (found) {
        directory = found;
        continue;
      }
      this.#check('noSpace', 'mkdir', path);
      const made = new Directory((this.#numbers += 1));
      this.#setNames(directory, [[name, made]]);
      directory = made;
    }
  }

  /** @differs A file is given another name in its directory, not in another one. */
  rename(from: string, to: string): void {
    const source = this.#placeOf(from, 'rename');
    const target = this.#placeOf(to, 'rename');
    if (source.directory !== target.directory)
      throw new InvariantError(`NotSimulated: rename '${from}' to another directory`);
    const entry = source.directory.get(source.name);
    if (!entry) throw new SystemFault('ENOENT', 'rename', from);
    if (target.directory.get(target.name)?.kind === 'directory') throw new SystemFault('EISDIR', 'rename', to);
    if (source.name === target.name) return;
    this.#setNames(source.directory, [
      [source.name, undefined],
      [target.name, entry],
    ]);
  }

  link(from: string, to: string): void {
    const entry = this.#entryAt(from, 'link');
    if (entry.kind === 'directory') throw new SystemFault('EISDIR', 'link', from);
    const { directory, name } = this.#placeOf(to, 'link');
    if (directory.get(name)) throw new SystemFault('EEXIST', 'link', to);
    this.#setNames(directory, [[name, entry]]);
  }

  unlink(path: string): void {
    const { directory, name } = this.#placeOf(path, 'unlink');
    const entry = directory.get(name);
    if (!entry) throw new SystemFault('ENOENT', 'unlink', path);
    if (entry.kind === 'directory') throw new SystemFault('EISDIR', 'unlink', path);
    this.#setNames(directory, [[name, undefined]]);
  }

  syncDirectory(path: string): void {
    const directory = this.#directoryAt(path, 'open');
    this.#check('sync', 'fsync', path);
    directory.sync();
  }

  read(
    file: StoredFile,
    into: Uint8Array,
    { start, at }: { readonly start: number; readonly at: number },
    path: string,
  ): number {
    this.#check('read', 'read', path);
    return file.read(into, start, at);
  }

  /** Writes what there is room for, and returns how much that was; fails if it is nothing at all. */
  write(file: StoredFile, data: Uint8Array, at: number, path: string): number {
    this.#check('write', 'write', path);
    const needed = file.wouldAllocate(at, data.length);
    if (needed > 0) this.#check('noSpace', 'write', path);
    const free = needed > 0 ? this.freeBytes : Infinity;
    let count = data.length;
    while (count > 0 && file.wouldAllocate(at, count) > free) count = Math.max(0, count - roomStep);
    if (count === 0 && data.length > 0) throw new SystemFault('ENOSPC', 'write', path);
    file.write(at, data.subarray(0, count));
    file.modified = this.#clock.now();
    return count;
  }

  truncate(file: StoredFile, length: number, path: string): void {
    this.#check('write', 'ftruncate', path);
    file.truncate(length);
    file.modified = this.#clock.now();
  }

  /**
   * Makes the first so many changes of a file durable. Throws without having done so where a fault says so; `rng` decides
   * what of them is.
   */
  sync(file: StoredFile, path: string, rng: Rng, upTo = file.changes): void {
    try {
      this.#check('sync', 'fsync', path);
    } catch (cause) {
      file.failSync(rng);
      throw cause;
    }
    file.sync(upTo);
  }

  /** The machine stops: everything is as it is on stable storage, or between that and what was seen. */
  crash(rng: Rng, onNote: (note: CrashNote) => void): void {
    this.#named.clear();
    this.#crashBelow(this.#root, '', rng, onNote);
  }

  /** A file that was always there, with the directories on the way to it. */
  place(path: string, content: Uint8Array): void {
    const parts = partsOf(path);
    this.placeDirectory(`/${parts.slice(0, -1).join('/')}`);
    const file = this.open(path, 'make');
    file.truncate(content.length);
    file.write(0, content);
    file.sync();
    this.#placeOf(path, 'open').directory.sync();
  }

  /** A file is gone as if it had never been there. */
  remove(path: string): void {
    this.unlink(path);
    this.#placeOf(path, 'unlink').directory.sync();
  }

  /** A directory that was always there. */
  placeDirectory(path: string): void {
    this.mkdir(path);
    let directory = this.#root;
    for (const name of partsOf(path)) {
      directory.sync();
      const next = directory.get(name);
      if (next?.kind === 'directory') directory = next;
    }
  }

  /** What a reader would see now from `at` on, with zeroes behind the end. Undefined if there is no such file. */
  contentOf(path: string, at: number, length?: number): Uint8Array | undefined {
    const file = this.#fileAt(path);
    if (!file) return undefined;
    const content = new Uint8Array(length ?? file.size - at);
    file.read(content, 0, at);
    return content;
  }

  /** Undefined if there is no such file. */
  sizeOf(path: string): number | undefined {
    return this.#fileAt(path)?.size;
  }

  #fileAt(path: string): StoredFile | undefined {
    let entry: Entry | undefined = this.#root;
    for (const name of partsOf(path)) entry = entry?.kind === 'directory' ? entry.get(name) : undefined;
    return entry?.kind === 'file' ? entry : undefined;
  }

  #crashBelow(directory: Directory, path: string, rng: Rng, onNote: (note: CrashNote) => void): void {
    const namesUndone = directory.crash(rng);
    if (namesUndone > 0) onNote({ path: path || '/', writes: { kept: 0, lost: 0, torn: 0 }, namesUndone });
    for (const name of directory.names()) {
      const entry = directory.get(name);
      const below = `${path}/${name}`;
      if (entry?.kind === 'directory') this.#crashBelow(entry, below, rng, onNote);
      if (entry?.kind !== 'file') continue;
      const names = this.#named.get(entry) ?? 0;
      this.#named.set(entry, names + 1);
      if (names > 0) continue;
      const writes = entry.crash(rng);
      if (writes.kept + writes.lost + writes.torn > 0) onNote({ path: below, writes, namesUndone: 0 });
    }
  }

  #setNames(directory: Directory, changes: readonly (readonly [string, Entry | undefined])[]): void {
    for (const [name, entry] of changes) {
      const before = directory.get(name);
      if (before?.kind === 'file') this.#count(before, -1);
      if (entry?.kind === 'file') this.#count(entry, 1);
    }
    directory.change(...changes);
  }

  #count(file: StoredFile, by: 1 | -1): void {
    const names = (this.#named.get(file) ?? 0) + by;
    if (names > 0) this.#named.set(file, names);
    else this.#named.delete(file);
  }

  #entryAt(path: string, call: string): Entry {
    let entry: Entry = this.#root;
    for (const name of partsOf(path)) {
      if (entry.kind === 'file') throw new SystemFault('ENOTDIR', call, path);
      const next = entry.get(name);
      if (!next) throw new SystemFault('ENOENT', call, path);
      entry = next;
    }
    return entry;
  }

  #directoryAt(path: string, call: string): Directory {
    const entry = this.#entryAt(path, call);
    if (entry.kind === 'file') throw new SystemFault('ENOTDIR', call, path);
    return entry;
  }

  #placeOf(path: string, call: string): { readonly directory: Directory; readonly name: string } {
    const parts = partsOf(path);
    const directory = this.#entryAt(`/${parts.slice(0, -1).join('/')}`, call);
    if (directory.kind === 'file') throw new SystemFault('ENOTDIR', call, path);
    return { directory, name: parts.at(-1) ?? '' };
  }
}

// A page: what a file system gives out at a time.
const roomStep = 4_096;

/** The names on the way to a path, which begins at the root whether it says so or not. */
function partsOf(path: string): readonly string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts;
}
