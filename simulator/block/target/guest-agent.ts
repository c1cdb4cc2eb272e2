import type { Clock } from '#core/clock';
import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import type { Extent } from '#core/disk/extent';
import type { DiskId, SentinelId } from '#core/ids';
import type { GuestAgent, GuestAgentError, GuestGlance, GuestInventory, RateLimit } from '#core/ports/guest-agent';
import type { DiskLocator } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { stagePath } from '#replicator/sentinel/stage/stage-file';
import type { RunningGuest } from '#simulator/endpoints/guest/running-guest';
import type { Call } from './call.ts';
import { diskNames, inventoryOf, type Tracking } from './guest-inventory.ts';
import { guestMarks, type GuestMarks } from './guest-marks.ts';
import { sentinelDevice } from './sentinel-device.ts';
import { hasSentinel, sentinelUnit, stageOf } from './stage-two.ts';

/** A sentinel as its gateway knows it, whichever machine it is on by now. */
export interface SimulatedSentinel {
  /** The port. Each call may be lost. */
  readonly agent: GuestAgent;
  /** Opens a disk that `openDisk` answered with, for reading, as a gateway does. The error is a sentence. */
  open(locator: SentinelDisk): Result<OpenSentinelDisk, string>;
  /** The guest that answers now: one that is up, has a sentinel and a network, and is in no test. */
  answering(): RunningGuest | undefined;
  /** Its events were overrun: what it recorded is gone. */
  loseTracking(): void;
}

/** A locator of a disk that a sentinel reads. */
export type SentinelDisk = Extract<DiskLocator, { type: 'sentinel' }>;

/** A disk that is read by a sentinel, and which parts of it changed if a mark was named. */
export interface OpenSentinelDisk {
  readonly device: BlockDevice;
  readonly changes: ((range: Extent) => Promise<Result<readonly Extent[], DeviceError>>) | undefined;
}

interface SentinelOptions {
  readonly sentinel: SentinelId;
  /** Guests that carry this sentinel and may be running: the source, and whatever was started from its replicas. */
  readonly guests: () => readonly RunningGuest[];
  readonly call: Call;
  readonly clock: Clock;
  readonly tracking?: (disk: DiskId) => Tracking;
  /** Whether the gateway can be reached from where a guest is. */
  readonly reaches?: (guest: RunningGuest) => boolean;
  readonly version?: string;
}

type Answer<T> = Promise<Result<T, GuestAgentError>>;

/** What the calls of an agent have in common. */
interface Asking {
  readonly answering: () => RunningGuest | undefined;
  readonly marksOf: (guest: RunningGuest) => GuestMarks;
  readonly inventory: (guest: RunningGuest) => GuestInventory;
  readonly ask: <T>(operation: string, act: (guest: RunningGuest) => Result<T, GuestAgentError>) => Answer<T>;
  /** What takes its time in the guest: the answer comes only if it is still there to give it. */
  readonly askLong: <T>(operation: string, begin: (guest: RunningGuest) => Promise<T | undefined>) => Answer<T>;
  /** Its gateway remembers that it was done, and says so whoever asks again. */
  readonly uninstall: () => Answer<void>;
}

function askingOf(options: SentinelOptions): Asking {
  const { call, reaches = () => true, version = '1.0.0', tracking = () => ({ possible: true }) } = options;
  const marks = new WeakMap<RunningGuest, GuestMarks>();
  const answering = (): RunningGuest | undefined => options.guests().find((guest) => answers(guest) && reaches(guest));
  const lost =
    (operation: string) =>
    (detail: string): GuestAgentError => ({ type: 'Unreachable', operation, detail });
  const away = (operation: string) => err(lost(operation)('the sentinel is not connected'));
  const ask: Asking['ask'] = (operation, act) =>
    call(
      `sentinel: ${operation}`,
      () => {
        const guest = answering();
        return guest ? act(guest) : away(operation);
      },
      lost(operation),
    );
  const marksOf = (guest: RunningGuest): GuestMarks => {
    const known = marks.get(guest);
    if (known) return known;
    const names = diskNames(guest.hardware, guest.disks.length);
    const tracked = guest.disks.flatMap((disk, index) => {
      const id = names[index];
      return id !== undefined && tracking(id).possible ? [[id, disk] as const] : [];
    });
    const made = guestMarks(new Map(tracked));
    marks.set(guest, made);
    return made;
  };
  let isUninstalled = false;
  const uninstallNow = (): Result<void, GuestAgentError> => {
    if (isUninstalled) return ok(undefined);
    const guest = answering();
    if (!guest) return away('uninstall');
    if (!guest.change(withoutSentinel))
      return err({ type: 'Refused', operation: 'uninstall', detail: 'the root is read-only' });
    isUninstalled = true;
    return ok(marksOf(guest).end());
  };
  return {
    ...{ answering, ask, marksOf },
    inventory: (guest) => inventoryOf(guest, version, tracking),
    uninstall: () => call('sentinel: uninstall', uninstallNow, lost('uninstall')),
    askLong: async (operation, begin) => {
      const begun = await ask(operation, (guest) => ok({ guest, done: begin(guest) }));
      if (!begun.ok) return begun;
      const done = await begun.value.done;
      return done === undefined || answering() !== begun.value.guest ? away(operation) : ok(done);
    },
  };
}

/** Makes the sentinel of one migration. What it records is in the memory of its guest, and gone with it. */
export function simulatedSentinel(options: SentinelOptions): SimulatedSentinel {
  const asking = askingOf(options);
  const { answering, marksOf } = asking;
  const rate: { now: RateLimit } = { now: 'unlimited' };
  return {
    answering,
    agent: {
      ...agentCalls(asking, options.sentinel),
      limit: (wanted) => asking.ask('limit', () => ok(void (rate.now = wanted))),
    },
    loseTracking: () => {
      const guest = answering();
      if (guest) marksOf(guest).lose();
    },
    open: ({ disk, changesOf }) => {
      const guest = answering();
      const found = guest && diskOf(guest, disk);
      if (!found) return err('the sentinel is not connected');
      const recorded = changesOf && marksOf(guest).recorded(changesOf, disk);
      if (changesOf && !recorded) return err('the mark is not there');
      const isThere = (): boolean => answering() === guest;
      return ok(sentinelDevice(found, { recorded, isThere, clock: options.clock, rate: () => rate.now }));
    },
  };
}

const diskOf = (guest: RunningGuest, disk: DiskId) =>
  guest.disks[diskNames(guest.hardware, guest.disks.length).indexOf(disk)];

function agentCalls(
  { ask, askLong, marksOf, inventory, uninstall }: Asking,
  sentinel: SentinelId,
): Omit<GuestAgent, 'limit'> {
  const glance = (guest: RunningGuest): GuestGlance => {
    const { hostname, disks, sentinel: self } = inventory(guest);
    const seen = disks.map(({ id, size, tracking }) => ({ id, size, tracking }));
    return { hostname, disks: seen, isAtRest: guest.isAtRest(), sentinel: self };
  };
  return {
    inspect: () => ask('inspect', (guest) => ok(inventory(guest))),
    look: () => ask('look', (guest) => ok(glance(guest))),
    beginMark: (mark) => ask('beginMark', (guest) => marksOf(guest).begin(mark)),
    advanceMark: (from, to) => ask('advanceMark', (guest) => marksOf(guest).advance(from, to)),
    changes: (mark) => ask('changes', (guest) => marksOf(guest).changes(mark)),
    dropMark: ({ owner, number }) =>
      ask('dropMark', (guest) => ok(marksOf(guest).drop((one) => one.owner === owner && one.number === number))),
    openDisk: (disk, since) =>
      ask('openDisk', (guest) => {
        if (!diskOf(guest, disk)) return err({ type: 'DiskNotFound', disk });
        if (since && !marksOf(guest).recorded(since, disk))
          return err({ type: 'TrackingLost', disk, detail: 'the mark is not there' });
        return ok({ type: 'sentinel', sentinel, disk, ...(since && { changesOf: since }) });
      }),
    closeDisks: () => ask('closeDisks', () => ok(undefined)),
    quiesce: ({ timeout, keep }) => askLong('quiesce', (guest) => guest.quiesce({ timeout, keep })),
    resume: async () => {
      const back = await askLong('resume', (guest) => guest.resume());
      return back.ok ? ok(undefined) : back;
    },
    powerOff: () =>
      ask('powerOff', (guest) => {
        if (!guest.isAtRest())
          return err({ type: 'Refused', operation: 'powerOff', detail: 'the guest is not at rest' });
        return ok(guest.shutDown());
      }),
    release: (owner) => ask('release', (guest) => ok(marksOf(guest).drop((mark) => mark.owner === owner))),
    uninstall,
    close: async () => undefined,
  };
}

/** Whether a guest could answer for its sentinel: a replica in a test is silent, and so is one that cannot read its word. */
function answers(guest: RunningGuest): boolean {
  if (!hasSentinel(guest) || guest.isFrozen()) return false;
  const stage = stageOf(guest);
  if (stage === 'unreadable' || (stage !== 'source' && stage.stage === 'test')) return false;
  return guest.nics().some(({ connected, addresses }) => connected && addresses.length > 0);
}

const withoutSentinel = (system: NonNullable<ReturnType<RunningGuest['installed']>>) => {
  const { [stagePath]: _stage, ...files } = system.files;
  return { ...system, files, present: system.present.filter((path) => path !== sentinelUnit) };
};
