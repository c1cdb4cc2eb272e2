import type { Rng } from '#core/rng';
import type { Instant } from '#core/units';
import type { MemorySource } from '#simulator/block/world-memory';
import { SparseBytes } from './sparse-bytes.ts';

/*
 * A file as a volume has it: what readers see, what is on stable storage, and what was changed in between.
 *
 *     write, truncate ─► seen              sync:  unsynced ─► durable
 *                    └─► unsynced          crash: some of unsynced ─► durable ─► seen
 */

/** What is written or not as a whole: a disk never leaves half of a sector. */
const sectorLength = 512;

type Change =
  | { readonly type: 'write'; readonly at: number; readonly data: Uint8Array }
  | { readonly type: 'truncate'; readonly length: number };

/** What became of the unsynced writes of a file. */
export interface Aftermath {
  kept: number;
  lost: number;
  torn: number;
}

/** One version of a file. */
interface Version {
  bytes: SparseBytes;
  size: number;
}

/** A file, whatever names it has. */
export class StoredFile {
  readonly kind = 'file';
  readonly number: number;
  /** Its first name, for people. */
  readonly label: string;
  modified: Instant;
  readonly #memory: MemorySource;
  readonly #durable: Version = { bytes: new SparseBytes(), size: 0 };
  readonly #seen: Version = { bytes: new SparseBytes(), size: 0 };
  #unsynced: Change[] = [];
  /** Changes before those. */
  #settled = 0;

  constructor(number: number, label: string, now: Instant, memory: MemorySource) {
    this.number = number;
    this.label = label;
    this.modified = now;
    this.#memory = memory;
  }

  get size(): number {
    return this.#seen.size;
  }

  get allocated(): number {
    return this.#seen.bytes.allocated;
  }

  wouldAllocate(at: number, length: number): number {
    return this.#seen.bytes.wouldAllocate(at, length);
  }

  /** Returns the count of bytes, 0 at the end of the file. */
  read(into: Uint8Array, start: number, at: number): number {
    const count = Math.max(0, Math.min(into.length - start, this.size - at));
    this.#seen.bytes.read(into, start, at, count);
    return count;
  }

  write(at: number, data: Uint8Array): void {
    // A copy: the writer has its own memory back.
    const copy = this.#memory.take(data.length);
    copy.set(data);
    this.#change({ type: 'write', at, data: copy });
  }

  truncate(length: number): void {
    this.#change({ type: 'truncate', length });
  }

  #change(change: Change): void {
    apply(this.#seen, change);
    this.#unsynced.push(change);
  }

  /** How many changes there have been: what a sync that begins now is to make durable. */
  get changes(): number {
    return this.#settled + this.#unsynced.length;
  }

  /**
   * The first so many changes are on stable storage. What is written while a sync is under way is not its concern.
   *
   * @source POSIX.1-2017, fsync(): "all currently queued I/O operations"
   */
  sync(upTo = this.changes): void {
    const count = Math.max(0, upTo - this.#settled);
    for (const change of this.#unsynced.slice(0, count)) apply(this.#durable, change);
    this.#unsynced = this.#unsynced.slice(count);
    this.#settled += count;
  }

  /**
   * Some of what should be on stable storage cannot be put there. It is taken for clean all the same: readers still see it,
   * no later sync writes it, and a crash shows what was there before.
   *
   * @source https://lwn.net/Articles/752063/ (PostgreSQL's fsync() surprise): after an error pages are marked clean
   */
  failSync(rng: Rng): Aftermath {
    return this.#settle((change) => (change.type === 'truncate' || rng.between(0, 1) === 0 ? 'kept' : 'lost'), rng);
  }

  /**
   * The machine stops. Each unsynced write is kept, lost or torn; truncations happened up to one of them, since the file
   * system writes its journal in order, and what lay behind one that did not happen is lost with it.
   *
   * @source Linux, Documentation/filesystems/ext4/journal.rst (data=ordered)
   * @differs What a truncation that was lost had cut off is there again as it was; a real file system may have begun to use its place for other data.
   */
  crash(rng: Rng): Aftermath {
    const truncations = this.#unsynced.filter(({ type }) => type === 'truncate').length;
    let truncationsKept = truncations === 0 ? 0 : rng.between(0, truncations);
    let lostFrom = Infinity;
    const aftermath = this.#settle((change) => {
      if (change.type === 'truncate') {
        truncationsKept -= 1;
        if (truncationsKept >= 0) return 'kept';
        lostFrom = Math.min(lostFrom, change.length);
        return 'lost';
      }
      if (change.at + change.data.length > lostFrom) return 'lost';
      return rng.pick(['kept', 'lost', 'torn'] as const);
    }, rng);
    this.#seen.bytes = this.#durable.bytes.copy();
    this.#seen.size = this.#durable.size;
    return aftermath;
  }

  #settle(fateOf: (change: Change) => 'kept' | 'lost' | 'torn', rng: Rng): Aftermath {
    const aftermath = { kept: 0, lost: 0, torn: 0 };
    for (const change of this.#unsynced) {
      const fate = fateOf(change);
      if (change.type === 'write') aftermath[fate] += 1;
      if (fate === 'kept') apply(this.#durable, change);
      else if (fate === 'torn' && change.type === 'write') apply(this.#durable, tornPart(change, rng));
      // The length of a file is not its content: it may have grown over what never arrived.
      if (fate === 'lost' && change.type === 'write' && rng.between(0, 3) === 0)
        this.#durable.size = Math.max(this.#durable.size, change.at + change.data.length);
    }
    this.#settled = this.changes;
    this.#unsynced = [];
    return aftermath;
  }
}

function apply(version: Version, change: Change): void {
  if (change.type === 'truncate') {
    if (change.length < version.size) version.bytes.cut(change.length);
    version.size = change.length;
    return;
  }
  version.bytes.put(change.at, change.data);
  version.size = Math.max(version.size, change.at + change.data.length);
}

/** A run of whole sectors of a write: as of a disk that took them in an order of its own and stopped. */
function tornPart({ at, data }: Extract<Change, { type: 'write' }>, rng: Rng): Change {
  const first = Math.floor(at / sectorLength);
  const end = Math.ceil((at + data.length) / sectorLength);
  const from = rng.between(first, end - 1);
  const to = rng.between(from + 1, end);
  const start = Math.max(at, from * sectorLength);
  return { type: 'write', at: start, data: data.subarray(start - at, to * sectorLength - at) };
}
