import type { Clock } from '#core/clock';
import type { DiskId } from '#core/ids';
import type { GuestAgentError, GuestGlance, GuestInventory } from '#core/ports/guest-agent';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { bytes, elapsed, type Instant } from '#core/units';
import { openDisks } from '#replicator/sentinel/data-connection/open-disks';
import type { Silence } from '#replicator/sentinel/data-connection/data-stream';
import { serveDisks } from '#replicator/sentinel/data-connection/serve-disks';
import type { DiskReaderOptions } from '#replicator/sentinel/disks/disk-reader';
import { readPace } from '#replicator/sentinel/disks/read-pace';
import { lineIn } from '#replicator/sentinel/inventory/block-tree';
import { isAtRest } from '#replicator/sentinel/quiesce/at-rest';
import type { Tracker } from '#replicator/sentinel/tracking/tracker';
import type { GuestServices } from './guest-services.ts';
import { wholeGuest, type WholeGuestParts } from './whole-guest.ts';

/** What the services of a guest are put together from. */
export interface ServiceParts extends WholeGuestParts {
  readonly clock: Clock;
  readonly version: string;
  readonly tracker: Tracker;
  /** How disks are read, beside the pace. */
  readonly reading: Omit<DiskReaderOptions, 'pace'>;
  /** How data connections are kept alive, if not as always. */
  readonly silence?: Silence;
  /** All there is to know about the guest. */
  readonly survey: () => Promise<GuestInventory>;
}

/** The services of one guest. They have a pace and marks of their own: once closed, neither is left. */
export async function servicesOver(parts: ServiceParts): Promise<GuestServices> {
  const { clock, tracker } = parts;
  const pace = readPace(clock);
  const disks = openDisks(tracker, { ...parts.reading, pace });
  const whole = await wholeGuest(parts);
  let recording: { readonly mark: ChangeMark; readonly since: Instant } | undefined;
  return {
    ...whole,
    can: ['inspect', 'disks', 'marks', 'quiesce'],
    get stage() {
      return whole.stage;
    },
    inspect: async () => ok(await parts.survey()),
    look: async () => ok(await glance(parts)),
    beginMark: async (mark) => {
      const since = clock.now();
      const begun = await tracker.begin(mark);
      if (begun.ok) recording = { mark, since };
      return begun;
    },
    advanceMark: async (from, to) => {
      const since = clock.now();
      const advanced = await tracker.advance(from, to);
      if (advanced.ok) recording = { mark: to, since };
      return advanced;
    },
    changes: (mark) => tracker.changes(mark),
    dropMark: async (mark) => ok(await tracker.drop(mark)),
    release: async (owner) => {
      if (recording?.mark.owner === owner) recording = undefined;
      return ok(await tracker.release(owner));
    },
    openDisk: (disk, since) => checkDisk(tracker, disk, since),
    closeDisks: async () => ok(await disks.closeAll()),
    serveDisks: async (connection) =>
      void (await serveDisks(connection, disks, { clock, silence: parts.silence }).ended),
    pace: (rate) => pace.set(rate),
    measure: async () => {
      const changes = recording && (await tracker.changes(recording.mark));
      if (!recording || !changes?.ok) return {};
      const backlog = bytes(changes.value.reduce((sum, { dirty }) => sum + dirty, 0));
      return { backlog, lag: elapsed(backlog === 0 ? clock.now() : recording.since, clock.now()) };
    },
    close: async () => {
      pace.close();
      await disks.closeAll();
      await tracker.close();
    },
  };
}

async function glance({ system, version, tracker }: ServiceParts): Promise<GuestGlance> {
  const disks = await tracker.disks();
  return {
    hostname: await lineIn(system, '/proc/sys/kernel/hostname'),
    disks: disks.map(({ id, size, tracking }) => ({ id, size, tracking })),
    isAtRest: await isAtRest(system),
    sentinel: { version, bootId: await lineIn(system, '/proc/sys/kernel/random/boot_id') },
  };
}

/** Whether a disk can be read, and what a frozen mark recorded of it can be told. */
async function checkDisk(
  tracker: Tracker,
  disk: DiskId,
  since: ChangeMark | undefined,
): Promise<Result<void, GuestAgentError>> {
  const found = (await tracker.disks()).find(({ id }) => id === disk);
  if (!found) return err({ type: 'DiskNotFound', disk });
  if (!since) return ok(undefined);
  const told = await tracker.extents(since, disk, extent(0, found.logicalBlockSize), 1);
  return told.ok ? ok(undefined) : told;
}
