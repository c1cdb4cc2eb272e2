import type { Clock } from '#core/clock';
import { KiB } from '#core/units';
import { alignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { nodeDevices } from '#replicator/sentinel/disks/node-devices';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import { surveyGuest, type GuestSurvey } from '#replicator/sentinel/inventory/survey';
import { quiescer } from '#replicator/sentinel/quiesce/quiescer';
import { newPassword } from '#replicator/sentinel/stage/new-password';
import { openTracker, type LiveTrackerOptions } from '#replicator/sentinel/tracking/open-tracker';
import type { Tracker } from '#replicator/sentinel/tracking/tracker';
import type { Entrance } from './enter-stage.ts';
import type { GuestServices } from './guest-services.ts';
import { servicesOver } from './services-over.ts';

/** What the services of a real guest need. */
export interface LiveServicesOptions {
  readonly system: GuestControl;
  readonly clock: Clock;
  readonly version: string;
  readonly entrance: Entrance;
  /** Which disks there are and where tracing is found, if not as in a guest. */
  readonly tracking?: Partial<LiveTrackerOptions>;
}

// Reads on their way at a time, and the longest of them: 16 MiB of memory in all.
const pieces = 16;
const pieceLength = 1_024 * KiB;

/** The services of the guest this process runs in. */
export async function liveServices(options: LiveServicesOptions): Promise<GuestServices> {
  const { system, clock, version, entrance, tracking } = options;
  const tracker = await openTracker({ run: system.run, clock, id: 'sentinel', ...tracking });
  const flushCache = async (path: string) => (await system.run('blockdev', ['--flushbufs', path])).status === 0;
  return servicesOver({
    ...{ system, clock, version, entrance, tracker, newPassword },
    rest: quiescer(system, clock),
    reading: { devices: nodeDevices, memory: alignedMemory(pieces, pieceLength), flushCache },
    survey: () => survey(options, tracker),
  });
}

async function survey({ system, version }: LiveServicesOptions, tracker: Tracker): Promise<GuestSurvey> {
  const known = new Map((await tracker.disks()).map(({ id, tracking }) => [String(id), tracking]));
  const unknown = { possible: false, why: 'it is no disk that is read' } as const;
  return surveyGuest(system, { version, tracking: (disk) => known.get(disk) ?? unknown });
}
