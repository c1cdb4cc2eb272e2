import type { Clock } from '#core/clock';
import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import { extent, extentEnd, type Extent } from '#core/disk/extent';
import type { RateLimit } from '#core/ports/guest-agent';
import { err, ok, type Result } from '#core/result';
import { bytes, millis, seconds } from '#core/units';
import { sectorSize, type GuestDisk } from '#simulator/endpoints/guest/guest-disk';

interface Reading {
  readonly recorded: readonly Extent[] | undefined;
  /** Whether the guest that reads it is still there. */
  readonly isThere: () => boolean;
  readonly clock: Clock;
  readonly rate: () => RateLimit;
}

/** A disk of a guest as its sentinel reads it for others: never written, and gone with the guest. */
export function sentinelDevice(
  disk: GuestDisk,
  { recorded, isThere, clock, rate }: Reading,
): {
  readonly device: BlockDevice;
  readonly changes: ((range: Extent) => Promise<Result<readonly Extent[], DeviceError>>) | undefined;
} {
  let isClosed = false;
  const gone = (): DeviceError | undefined => {
    if (isClosed) return { type: 'Closed' };
    return isThere() ? undefined : { type: 'ConnectionLost', detail: 'the sentinel is not connected any more' };
  };
  const readOnly = async () => err({ type: 'ReadOnly', detail: 'sources are never written' } as const);
  const device: BlockDevice = {
    blockSize: bytes(sectorSize),
    size: disk.size,
    can: { write: false, zero: false, extents: false },
    read: async (at, into) => {
      for (let limit = rate(); limit !== 'unlimited'; limit = rate()) {
        if (limit > 0) {
          await clock.wait(millis(Math.ceil((into.length * 1_000) / limit)));
          break;
        }
        await clock.wait(seconds(1));
      }
      const error = gone();
      if (error) return err(error);
      disk.readInto(at, into);
      return ok(undefined);
    },
    write: readOnly,
    zero: readOnly,
    extents: async (range) => {
      const error = gone();
      return error ? err(error) : ok([{ ...range, kind: 'data' }]);
    },
    flush: async () => ok(undefined),
    close: async () => void (isClosed = true),
  };
  const changes = async (range: Extent): Promise<Result<readonly Extent[], DeviceError>> => {
    const error = gone();
    if (error) return err(error);
    return ok((recorded ?? []).flatMap((run) => overlap(run, range)));
  };
  return { device, changes: recorded && changes };
}

function overlap(run: Extent, range: Extent): readonly Extent[] {
  const start = Math.max(run.start, range.start);
  const end = Math.min(extentEnd(run), extentEnd(range));
  return start < end ? [extent(start, end - start)] : [];
}
