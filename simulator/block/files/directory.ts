import type { Rng } from '#core/rng';
import type { StoredFile } from './stored-file.ts';

/** What a name may be of. */
export type Entry = StoredFile | Directory;

/** Names that change together: undefined is a name that is gone. */
type NameChange = readonly (readonly [name: string, entry: Entry | undefined])[];

/**
 * A directory as a volume has it. A name, or that one is gone, is durable once the directory was synced; a crash before keeps
 * what happened up to some moment, since a file system writes its journal in order. That a file was synced says nothing of
 * its name.
 *
 * @source Linux man-pages, fsync(2): that the entry in the directory has reached disk needs an fsync of the directory
 */
export class Directory {
  readonly kind = 'directory';
  readonly number: number;
  readonly #names = new Map<string, Entry>();
  readonly #durable = new Map<string, Entry>();
  #unsynced: NameChange[] = [];

  constructor(number: number) {
    this.number = number;
  }

  get(name: string): Entry | undefined {
    return this.#names.get(name);
  }

  names(): readonly string[] {
    return [...this.#names.keys()];
  }

  change(...changes: NameChange): void {
    apply(this.#names, changes);
    this.#unsynced.push(changes);
  }

  sync(): void {
    for (const changes of this.#unsynced) apply(this.#durable, changes);
    this.#unsynced = [];
  }

  /** The machine stops. Returns how many changes of names were undone. */
  crash(rng: Rng): number {
    const all = this.#unsynced;
    const kept = all.length === 0 ? 0 : rng.between(0, all.length);
    this.#unsynced = all.slice(0, kept);
    this.sync();
    this.#names.clear();
    for (const [name, entry] of this.#durable) this.#names.set(name, entry);
    return all.length - kept;
  }
}

function apply(names: Map<string, Entry>, changes: NameChange): void {
  for (const [name, entry] of changes) {
    if (entry) names.set(name, entry);
    else names.delete(name);
  }
}
