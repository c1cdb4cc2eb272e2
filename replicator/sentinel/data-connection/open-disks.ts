import type { Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import {
  openDiskReader,
  type DiskPiece,
  type DiskReader,
  type DiskReaderOptions,
} from '#replicator/sentinel/disks/disk-reader';
import type { KnownExtents, Tracker } from '#replicator/sentinel/tracking/tracker';
import type { GuestDiskError } from './data-error.ts';

/** The disks of a guest as its data connection serves them. */
export interface OpenDisks {
  /** Opens a disk, or finds it open. Opened again after it changed size, it has the new one. */
  open(disk: DiskId): Promise<Result<Pick<DiskReader, 'size' | 'blockSize' | 'how'>, GuestDiskError>>;
  /** Reads from a disk that is open. */
  read(disk: DiskId, at: number, length: number): Promise<Result<DiskPiece, GuestDiskError>>;
  changes(mark: ChangeMark, disk: DiskId, range: Extent, max: number): Promise<Result<KnownExtents, GuestDiskError>>;
  /** Closes all of them. They can be opened again. */
  closeAll(): Promise<void>;
}

/** The disks that `tracker` knows. Reads of all of them share the memory and the pace in `options`. */
export function openDisks(tracker: Pick<Tracker, 'disks' | 'extents'>, options: DiskReaderOptions): OpenDisks {
  const readers = new Map<DiskId, { readonly reader: DiskReader; readonly identity: string }>();
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const open = async (id: DiskId): Promise<Result<DiskReader, GuestDiskError>> => {
    const disk = (await tracker.disks()).find((one) => one.id === id);
    if (disk === undefined) return err({ type: 'DiskNotFound', disk: id });
    const found = readers.get(id);
    if (found && found.identity === disk.identity && found.reader.size === disk.size) return ok(found.reader);
    await found?.reader.close();
    readers.delete(id);
    const opened = await openDiskReader(disk, options);
    if (opened.ok) readers.set(id, { reader: opened.value, identity: disk.identity });
    return opened;
  };
  return {
    open: (disk) => inTurn(() => open(disk)),
    read: async (disk, at, length) => {
      const reader = readers.get(disk)?.reader;
      return reader
        ? reader.read(at, length)
        : err({ type: 'Refused', operation: 'read', detail: `disk ${disk} is not open` });
    },
    changes: (mark, disk, range, max) => tracker.extents(mark, disk, range, max),
    closeAll: () =>
      inTurn(async () => {
        await Promise.all([...readers.values()].map(({ reader }) => reader.close()));
        readers.clear();
      }),
  };
}
