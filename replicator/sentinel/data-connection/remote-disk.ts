import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import { extent, extentEnd, type Extent } from '#core/disk/extent';
import { diskId, type DiskId } from '#core/ids';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { bytes, offset } from '#core/units';
import type { GuestStream } from '#replicator/protocol/guest-network';
import { describeGuestDiskError, type GuestDiskError } from './data-error.ts';
import { readMax, type Answer } from './data-frame.ts';
import type { StreamTerms } from './data-stream.ts';
import { questionsOver, type Ask } from './questions.ts';

/** A disk of a guest, read through its sentinel. Never written: what a guest has on its disks is the guest's. */
export interface RemoteDisk extends BlockDevice {
  readonly id: DiskId;
  /** What a frozen mark recorded in `range`: in order, neighbours merged. */
  dirtyExtents(mark: ChangeMark, range: Extent): Promise<Result<readonly Extent[], GuestDiskError>>;
}

/** A data connection, as the gateway has it: one for all disks of a guest. */
export interface DataConnection {
  /** Opens a disk. Its size stays what it is now: a disk that grows must be opened again. */
  openDisk(disk: DiskId): Promise<Result<RemoteDisk, GuestDiskError>>;
  /** Resolves with why, once it has ended; every call after that answers the same. */
  readonly ended: Promise<DeviceError>;
  close(): void;
}

/** The gateway's end of a data connection over `stream`, which it owns from now on. */
export function dataConnection(stream: GuestStream, terms: StreamTerms): DataConnection {
  const { ask, ended, close } = questionsOver(stream, terms);
  return {
    ended,
    close,
    openDisk: async (disk) => {
      const opened = await ask({ type: 'open', disk });
      if (!opened.ok) return opened;
      return ok(remoteDisk(ask, disk, opened.value as Extract<Answer, { type: 'opened' }>));
    },
  };
}

function remoteDisk(ask: Ask, id: DiskId, { size, blockSize }: Extract<Answer, { type: 'opened' }>): RemoteDisk {
  let closed = false;
  const refusal = (at: number, length: number): DeviceError | undefined => {
    if (closed) return { type: 'Closed' };
    if (at % blockSize === 0 && length % blockSize === 0 && at + length <= size) return undefined;
    const detail = `disk ${id} has ${size} bytes in blocks of ${blockSize}`;
    return { type: 'InvalidRange', at: offset(at), length: bytes(length), detail };
  };
  const readPiece = async (start: number, into: Uint8Array): Promise<Result<void, GuestDiskError>> => {
    const read = await ask({ type: 'read', disk: id, start, length: into.length }, into);
    if (!read.ok) return read;
    if (read.value !== 'data') into.fill(0);
    return ok(undefined);
  };
  return {
    id: diskId(id),
    size: bytes(size),
    blockSize: bytes(blockSize),
    can: { write: false, zero: false, extents: false },
    read: async (at, into) => {
      const refused = refusal(at, into.length);
      if (refused) return err(refused);
      const pieces: Promise<Result<void, GuestDiskError>>[] = [];
      for (let from = 0; from < into.length; from += readMax)
        pieces.push(readPiece(at + from, into.subarray(from, from + readMax)));
      // All of them: until the last has ended, the caller's buffer is written to.
      const failed = (await Promise.all(pieces)).find(({ ok: done }) => !done);
      return failed && !failed.ok ? err(asDeviceError(failed.error)) : ok(undefined);
    },
    write: async () => err({ type: 'ReadOnly', detail: 'the disks of a source guest are never written' }),
    zero: async () => err({ type: 'Unsupported', call: 'zero' }),
    extents: async (range) => {
      const refused = refusal(range.start, range.length);
      return refused ? err(refused) : ok(range.length === 0 ? [] : [{ ...range, kind: 'data' }]);
    },
    flush: async () => (closed ? err({ type: 'Closed' }) : ok(undefined)),
    close: async () => void (closed = true),
    dirtyExtents: (mark, range) => {
      const refused = refusal(range.start, range.length);
      return refused ? Promise.resolve(err(refused)) : dirtyExtents(ask, id, mark, range);
    },
  };
}

async function dirtyExtents(
  ask: Ask,
  disk: DiskId,
  mark: ChangeMark,
  range: Extent,
): Promise<Result<readonly Extent[], GuestDiskError>> {
  const found: Extent[] = [];
  for (let at: number = range.start; at < extentEnd(range);) {
    const told = await ask({ type: 'changes', disk, mark, range: extent(at, extentEnd(range) - at) });
    if (!told.ok) return told;
    const { extents, until } = told.value as Extract<Answer, { type: 'extents' }>;
    for (const one of extents) {
      const last = found.at(-1);
      if (last && extentEnd(last) === one.start) found[found.length - 1] = extent(last.start, last.length + one.length);
      else found.push(one);
    }
    at = until;
  }
  return ok(found);
}

/** What a guest says of a disk that is gone, to those who know disks only. */
function asDeviceError(error: GuestDiskError): DeviceError {
  if (error.type === 'DiskNotFound' || error.type === 'Refused' || error.type === 'TrackingLost')
    return { type: 'ConnectionLost', detail: describeGuestDiskError(error) };
  // `Closed` would say that it was closed by us.
  return error.type === 'Closed' ? { type: 'ConnectionLost', detail: 'the sentinel has closed the disk' } : error;
}
