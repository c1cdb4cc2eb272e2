import type { Clock } from '#core/clock';
import type { DeviceError } from '#core/disk/block-device';
import type { Extent } from '#core/disk/extent';
import type { SentinelId } from '#core/ids';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import type { Millis } from '#core/units';
import type { GuestStream } from '#replicator/protocol/guest-network';
import { nameOfDisk, type OpenDiskOptions } from '#replicator/disk/open-disk';
import { describeGuestDiskError } from '#replicator/sentinel/data-connection/data-error';
import type { Silence } from '#replicator/sentinel/data-connection/data-stream';
import { dataConnection, type DataConnection, type RemoteDisk } from '#replicator/sentinel/data-connection/remote-disk';

/** The data connections of all sentinels at this moment. */
export interface DataLinks {
  /** The newest of a sentinel ends the one before. */
  add(id: SentinelId, stream: GuestStream): void;
  readonly openDisk: NonNullable<OpenDiskOptions['ofSentinel']>;
  cutOff(id: SentinelId): void;
  cutOffAll(): void;
}

/** Links without any connection. One that is not there is waited for as long as patience lasts. */
export function dataLinks({
  clock,
  patience,
  silence,
}: {
  readonly clock: Clock;
  readonly patience: Millis;
  readonly silence?: Silence | undefined;
}): DataLinks {
  const links = new Map<SentinelId, DataConnection>();
  const arrivals = new Map<SentinelId, Set<AbortController>>();
  let isClosed = false;
  const find = async (id: SentinelId, signal: AbortSignal | undefined): Promise<DataConnection | undefined> => {
    if (!links.has(id) && !isClosed) {
      const arrived = new AbortController();
      const waiting = arrivals.get(id) ?? new Set();
      arrivals.set(id, waiting.add(arrived));
      await clock.wait(patience, signal ? AbortSignal.any([signal, arrived.signal]) : arrived.signal);
      waiting.delete(arrived);
    }
    return links.get(id);
  };
  const cutOff = (id: SentinelId): void => links.get(id)?.close();
  return {
    add: (id, stream) => {
      cutOff(id);
      const link = dataConnection(stream, { clock, silence });
      links.set(id, link);
      // It was held while nobody listened.
      stream.resume();
      void link.ended.then(() => {
        if (links.get(id) === link) links.delete(id);
      });
      for (const waiting of arrivals.get(id) ?? []) waiting.abort();
    },
    openDisk: async (locator, signal) => {
      const disk = nameOfDisk(locator);
      const link = await find(locator.sentinel, signal);
      if (signal?.aborted) return err({ type: 'DiskOpeningCancelled', disk });
      if (!link) return err({ type: 'DiskUnavailable', disk, detail: 'its sentinel has no data connection here' });
      const opened = await link.openDisk(locator.disk);
      if (!opened.ok) return err({ type: 'DiskUnavailable', disk, detail: describeGuestDiskError(opened.error) });
      const device = opened.value;
      const mark = locator.changesOf;
      return ok({ device, changes: mark && ((range) => changesOf(device, mark, range)) });
    },
    cutOff,
    cutOffAll: () => {
      isClosed = true;
      for (const waiting of arrivals.values()) for (const wait of waiting) wait.abort();
      for (const id of [...links.keys()]) cutOff(id);
    },
  };
}

async function changesOf(
  device: RemoteDisk,
  mark: ChangeMark,
  range: Extent,
): Promise<Result<readonly Extent[], DeviceError>> {
  const changes = await device.dirtyExtents(mark, range);
  // Whatever it is, what changed is not known, and nobody may go on as if it were.
  return changes.ok ? changes : err({ type: 'ConnectionLost', detail: describeGuestDiskError(changes.error) });
}
