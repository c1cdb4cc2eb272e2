import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import type { Extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { memoryDevice, type MemoryDevice } from '#replicator/disk/memory-device';
import { digestStore, pagesInMemory, type PageStore } from '#replicator/pipeline/digest-store';
import type { DoubtRecord } from '#replicator/receiver/doubt-record';
import { foldJournal } from '#replicator/receiver/journal-state';
import { emptyJournal, encodeRecord, readJournal } from '#replicator/receiver/journal';
import type { JournalHeader } from '#replicator/receiver/journal-shapes';
import { openReplica, type JournalStore, type Replica } from '#replicator/receiver/replica';
import { valueOf } from './value-of.ts';

/** A replica whose process can die at any call to its disk or journal, and be opened again from what survived. */
export interface CrashingReplica {
  /** Opens it after making the `callsLeft`-th call from now, and every one after it, fail. */
  open(callsLeft: number): Replica;
  /** From here on writes reach the disk only once what this returns was called. */
  holdWrites(): () => void;
  /** Whether it died since it was opened. */
  readonly dead: boolean;
  /** Loses what was not durable: each unflushed write survives by lot, and so does a piece of a torn record. */
  crash(lot: () => number): void;
  readonly disk: MemoryDevice;
}

const gone: DeviceError = { type: 'ConnectionLost', detail: 'the process died' };

/** A replica of a disk of the header's size. Its disk holds `content` at first; its journal says only whose it is. */
export function crashingReplica(header: JournalHeader, content: Uint8Array): CrashingReplica {
  const disk = memoryDevice(content);
  const pages = forgetful(pagesInMemory());
  let journal = Buffer.concat([emptyJournal(header), encodeRecord({ type: 'TargetCreated' })]);
  let torn = Buffer.alloc(0);
  let left = Infinity;
  let held: Promise<void> | undefined;
  const alive = (): boolean => (left -= 1) >= 0;

  const store: JournalStore = {
    get length() {
      return journal.length;
    },
    append: async (record) => {
      if (!alive()) {
        torn = Buffer.from(record);
        return err({ type: 'JournalFailed', detail: 'the process died' });
      }
      journal = Buffer.concat([journal, record]);
      return ok(undefined);
    },
    replace: async (next) => {
      if (!alive()) return err({ type: 'JournalFailed', detail: 'the process died' });
      journal = Buffer.from(next);
      return ok(undefined);
    },
    close: async () => undefined,
  };
  const doubts = doubtsInMemory();
  const dying = <T>(call: () => Promise<Result<T, DeviceError>>): Promise<Result<T, DeviceError>> =>
    alive() ? call() : Promise.resolve(err(gone));
  const device: BlockDevice = {
    blockSize: disk.blockSize,
    size: disk.size,
    can: disk.can,
    read: (at, into) => disk.read(at, into),
    write: (at, data) => dying(() => held?.then(() => disk.write(at, data)) ?? disk.write(at, data)),
    zero: (at, length) => dying(() => disk.zero(at, length)),
    extents: (range) => disk.extents(range),
    flush: () => dying(() => disk.flush()),
    close: () => disk.close(),
  };
  return {
    disk,
    get dead() {
      return left < 0;
    },
    holdWrites: () => {
      let release: () => void = () => undefined;
      held = new Promise((resolve) => (release = resolve));
      return release;
    },
    open: (callsLeft) => {
      left = callsLeft;
      const read = valueOf(readJournal(journal));
      journal = journal.subarray(0, read.length);
      const state = foldJournal(read.records);
      const digests = digestStore(header.size, pages.store);
      const parts = { target: 'memory', device, zeroReads: false, journal: store, digests, state };
      return valueOf(openReplica({ ...parts, doubts, doubtful: doubts.kept(), freshFrom: header.size }));
    },
    crash: (lot) => {
      disk.crash(() => lot() % 2 === 0);
      pages.crash(() => lot() % 2 === 0);
      journal = Buffer.concat([journal, torn.subarray(0, lot() % (torn.length + 1))]);
      torn = Buffer.alloc(0);
    },
  };
}

function doubtsInMemory(): DoubtRecord & { kept(): readonly Extent[] } {
  let inDoubt: readonly Extent[] = [];
  return {
    kept: () => inDoubt,
    read: async () => inDoubt,
    keep: async (ranges) => {
      inDoubt = ranges;
      return true;
    },
  };
}

/** Pages that lose what was not flushed. */
function forgetful(inner: PageStore): { store: PageStore; crash(survives: () => boolean): void } {
  const unflushed = new Map<number, Uint8Array>();
  const store: PageStore = {
    read: (page, into) => {
      const pending = unflushed.get(page);
      if (!pending) return inner.read(page, into);
      into.set(pending);
      return ok(undefined);
    },
    write: (page, from) => {
      unflushed.set(page, from.slice());
      return ok(undefined);
    },
    flush: () => {
      for (const [page, content] of unflushed) inner.write(page, content);
      unflushed.clear();
      return inner.flush();
    },
    clear: () => {
      unflushed.clear();
      return inner.clear();
    },
    close: () => undefined,
  };
  return {
    store,
    crash: (survives) => {
      for (const [page, content] of unflushed) if (survives()) inner.write(page, content);
      unflushed.clear();
    },
  };
}
