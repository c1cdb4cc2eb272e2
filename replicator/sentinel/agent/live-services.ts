import type { Clock } from '#core/clock';
import type { DiskId } from '#core/ids';
import type { GuestAgentError, GuestGlance } from '#core/ports/guest-agent';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { bytes, elapsed, KiB, type Instant } from '#core/units';
import { openDisks } from '#replicator/sentinel/data-connection/open-disks';
import { serveDisks } from '#replicator/sentinel/data-connection/serve-disks';
import { alignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { readPace } from '#replicator/sentinel/disks/read-pace';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import { lineIn } from '#replicator/sentinel/inventory/block-tree';
import { surveyGuest, type GuestSurvey } from '#replicator/sentinel/inventory/survey';
import { isAtRest } from '#replicator/sentinel/quiesce/at-rest';
import { openTracker, type Tracker, type TrackerOptions } from '#replicator/sentinel/tracking/tracker';
import type { Entrance } from './enter-stage.ts';
import type { GuestServices } from './guest-services.ts';
import { wholeGuest } from './whole-guest.ts';

/** What the services of a real guest need. */
export interface LiveServicesOptions {
  readonly system: GuestControl;
  readonly clock: Clock;
  readonly version: string;
  readonly entrance: Entrance;
  /** Which disks there are and where tracing is found, if not as in a guest. */
  readonly tracking?: Partial<TrackerOptions>;
}

// Reads on their way at a time, and the longest of them: 16 MiB of memory in all.
const pieces = 16;
const pieceLength = 1_024 * KiB;

/** The services of the guest this process runs in. */
export async function liveServices(options: LiveServicesOptions): Promise<GuestServices> {
  const { system, clock, entrance, tracking } = options;
  const tracker = await openTracker({ run: system.run, id: 'sentinel', ...tracking });
  const pace = readPace(clock);
  const flushCache = async (path: string) => (await system.run('blockdev', ['--flushbufs', path])).status === 0;
  const disks = openDisks(tracker, { memory: alignedMemory(pieces, pieceLength), pace, flushCache });
  const whole = await wholeGuest(system, clock, entrance);
  let recording: { readonly mark: ChangeMark; readonly since: Instant } | undefined;
  return {
    ...whole,
    can: ['inspect', 'disks', 'marks', 'quiesce'],
    get stage() {
      return whole.stage;
    },
    inspect: async () => ok(await survey(options, tracker)),
    look: async () => ok(await glance(options, tracker)),
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
    serveDisks: async (connection) => void (await serveDisks(connection, disks).ended),
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

async function survey({ system, version }: LiveServicesOptions, tracker: Tracker): Promise<GuestSurvey> {
  const known = new Map((await tracker.disks()).map(({ id, tracking }) => [String(id), tracking]));
  const unknown = { possible: false, why: 'it is no disk that is read' } as const;
  return surveyGuest(system, { version, tracking: (disk) => known.get(disk) ?? unknown });
}

async function glance({ system, version }: LiveServicesOptions, tracker: Tracker): Promise<GuestGlance> {
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
