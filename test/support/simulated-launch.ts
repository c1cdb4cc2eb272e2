import { runDriver } from '#core/driver/run-driver';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import type { EventLog, StreamId } from '#core/event-log/event-log';
import { commandId, diskId, factId, migrationId, sentinelId } from '#core/ids';
import { breachLines } from '#core/laws/breach-text';
import { entryOf, judgeLog } from '#core/laws/judge';
import type { Entry } from '#core/laws/law';
import { laws } from '#core/laws/laws';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan } from '#core/migration/plan';
import type { HypervisorError } from '#core/ports/source-hypervisor';
import type { SourcePower } from '#core/ports/source-power';
import { err, ok } from '#core/result';
import { bytes, instant, minutes, seconds } from '#core/units';
import { guestSource } from '#replicator/live/launch/guest-source';
import type { LaunchSite } from '#replicator/live/launch/launch-site';
import { liveWorld } from '#replicator/live/live-world';
import { conduct, newsDesk } from '#scenarios/conduct';
import type { EndingKind, Goal } from '#scenarios/migrate-step';
import type { Call } from '#simulator/block/target/call';
import { simulatedFixUp, type FixUpStep } from '#simulator/block/target/fix-up';
import { simulatedSentinel, type SimulatedSentinel } from '#simulator/block/target/guest-agent';
import { overlayStore, type OverlayStore, type ReplicaBytes } from '#simulator/block/target/overlay-store';
import { simulatedPlatform } from '#simulator/block/target/platform';
import { sentinelUnit } from '#simulator/block/target/stage-two';
import { targetGuests, type TargetGuests } from '#simulator/block/target/target-guests';
import { memoryDisk, type GuestDisk } from '#simulator/endpoints/guest/guest-disk';
import { installDebian } from '#simulator/endpoints/guest/install';
import type { InstalledSystem } from '#simulator/endpoints/guest/installed-system';
import { startGuest, type GuestOptions, type RunningGuest } from '#simulator/endpoints/guest/running-guest';
import { vcenter, type Vcenter } from '#simulator/endpoints/vsphere/vcenter';
import { seededRng } from '#simulator/kernel/seeded-rng';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { bytePath } from './byte-path.ts';
import { samplePlan } from './migration-facts.ts';

/** One migration by the real chart, driver and live world, between simulated guests and a simulated vSphere. */
export interface SimulatedLaunch {
  readonly clock: SimulatedClock;
  readonly disks: readonly GuestDisk[];
  /** Replicas by name, as whoever receives them has written them. */
  readonly replicas: Map<string, Uint8Array>;
  readonly vsphere: Vcenter;
  readonly targets: TargetGuests;
  readonly store: OverlayStore;
  readonly sentinel: SimulatedSentinel;
  /** The source: its guest, and what its hypervisor does with it. */
  readonly source: {
    guest: RunningGuest | undefined;
    connected: boolean;
    refusesPowerOff: boolean;
    readonly notes: string[];
  };
  /** Why a step of a fix-up fails. */
  readonly fixUpFails: Map<FixUpStep, string>;
  /** What becomes of the next call of an operation, and of none if left out. */
  readonly lost: Map<string, 'before' | 'after'>;
  site(): LaunchSite;
  live(
    goal?: Goal,
    change?: (site: LaunchSite) => LaunchSite,
    onFact?: (fact: MigrationFact) => void,
  ): Promise<EndingKind>;
  facts(): Promise<readonly MigrationFact[]>;
}

interface LaunchSetup {
  readonly seed?: number;
  readonly plan?: Partial<MigrationPlan>;
  readonly change?: (system: InstalledSystem) => InstalledSystem;
  readonly firmware?: 'bios' | 'uefi';
  /** Checks of something broken must always hold. */
  readonly onChange?: (launch: SimulatedLaunch) => void;
}

const migration = migrationId('simulated');
const stream: StreamId = `migration-${migration}`;
const mac = '52:54:00:00:00:01';
const diskSize = 1_048_576;
/** What tells the records of the guest from others'. */
export const identity = 77;

/** A Debian on two disks that keeps records, its hypervisor, and a vSphere to move it to. */
export function simulatedLaunch(setup: LaunchSetup = {}): SimulatedLaunch {
  const { seed = 1, plan = {}, onChange } = setup;
  const clock = virtualClock({ start: instant(1_000_000), turn: () => new Promise((done) => setImmediate(done)) });
  const rng = seededRng(seed);
  const disks = installed(setup);
  const lost: SimulatedLaunch['lost'] = new Map();
  const call = callOf(clock, lost);
  const replicas = new Map<string, Uint8Array>();
  const store = overlayStore({ call, replicas: bytesOf(replicas) });
  const targets = targetGuests({ store, clock, rng: rng.fork('targets'), writesPerMinute: 120 });
  const source: SimulatedLaunch['source'] = { guest: undefined, connected: true, refusesPowerOff: false, notes: [] };
  const vsphere = vcenter({
    ...{ clock, rng: rng.fork('vsphere'), start: targets.start, hasImage: store.has },
    hosts: ['esx-1', 'esx-2'].map((name) => ({ name, memory: 2 ** 32 })),
    datastores: [{ name: 'ds', capacity: 2 ** 32 }],
    networks: ['VM Network', 'isolated'],
    onChange: () => onChange?.(launch),
  });
  const sentinel = simulatedSentinel({
    ...{ sentinel: sentinelId('sentinel-1'), call, clock },
    guests: () => [...(source.guest ? [source.guest] : []), ...targets.all()],
  });
  const fixUpFails: SimulatedLaunch['fixUpFails'] = new Map();
  const powerOn = sourcePowerOn({
    setup,
    source,
    disks,
    clock,
    rng: rng.fork('source'),
    onChange: () => onChange?.(launch),
  });
  const log = inMemoryEventLog();
  const launch: SimulatedLaunch = {
    ...{ clock, disks, replicas, vsphere, targets, store, sentinel, source, fixUpFails, lost },
    site: () => ({
      target: simulatedPlatform({ vcenter: vsphere, clock, call, datastore: 'ds', isolated: 'isolated' }),
      fixUp: simulatedFixUp({ store, clock, rng: rng.fork('fix-up'), fails: (step) => fixUpFails.get(step) }),
      overlays: store.overlays,
      power: powerOf(source, call, powerOn, () => onChange?.(launch)),
      agent: refusing(sentinel.agent, source),
      ...wishes,
    }),
    live: async (goal = 'cutOver', change = (one) => one, onFact = () => undefined) => {
      // Its guest has to be up before anybody can look into it.
      await clock.run(clock.wait(seconds(60)));
      const site = change(launch.site());
      return clock.run(live({ clock, sentinel, replicas, log, plan: planOf(plan), site, goal, onFact }));
    },
    facts: async () => {
      const facts: MigrationFact[] = [];
      for await (const { type, data } of log.readStream(stream)) facts.push({ type, data } as MigrationFact);
      return facts;
    },
  };
  powerOn();
  return launch;
}

const wishes: Omit<LaunchSite, 'target' | 'fixUp' | 'overlays' | 'power' | 'agent'> = {
  policy: { timeout: minutes(1), keep: [], before: [], after: [] },
  hardware: { controller: 'pvscsi', nicModel: 'vmxnet3' },
  network: 'VM Network',
  checks: [
    { id: 'booted', kind: 'booted', timeout: seconds(60), mustSucceed: true },
    { id: 'ledger', kind: 'service', unit: 'ledger', timeout: seconds(5), mustSucceed: true },
    { id: 'address', kind: 'address', address: '10.0.2.15', timeout: minutes(5), mustSucceed: true },
  ],
  ...{ bootMax: minutes(5), powerOffMax: seconds(30) },
};

const planOf = (plan: Partial<MigrationPlan>): MigrationPlan =>
  samplePlan({
    disks: ['vda', 'vdb'].map((id) => ({ id: diskId(id), size: bytes(diskSize) })),
    ...{ handOver: 'launch', approval: 'given', onValidationFailure: 'rollBack', downtimeMax: minutes(10) },
    ...{ testLaunch: 'optional', quiesce: { timeout: minutes(1), onRefusal: 'rollBack' } },
    ...plan,
  });

function installed({ firmware = 'bios', change }: LaunchSetup): readonly GuestDisk[] {
  const disks = [memoryDisk(diskSize), memoryDisk(diskSize)];
  installDebian(disks, {
    ...{ hostname: 'web-01', identity, firmware, controller: 'virtio-blk', nicModel: 'virtio', disks: 2 },
    nics: [{ name: 'ens3', mac, address: '10.0.2.15/24' }],
    agents: [sentinelUnit],
    ...(change && { change }),
  });
  return disks;
}

const bytesOf = (replicas: ReadonlyMap<string, Uint8Array>): ReplicaBytes => ({
  read: (path, at, length) => (replicas.get(path) ?? new Uint8Array()).slice(at, at + length),
  size: (path) => replicas.get(path)?.length ?? 0,
  exists: (path) => replicas.has(path),
});

/** Calls that take a moment, and of which the next of an operation may be lost. */
const callOf =
  (clock: SimulatedClock, lost: SimulatedLaunch['lost']): Call =>
  async (operation, act, lose) => {
    await clock.wait(seconds(0.01));
    const fate = lost.get(operation);
    lost.delete(operation);
    if (fate === 'before') return err(lose('the connection broke'));
    const done = act();
    return fate === 'after' ? err(lose('the connection broke')) : done;
  };

interface SourceMachine extends Pick<GuestOptions, 'disks' | 'clock' | 'rng'> {
  readonly setup: LaunchSetup;
  readonly source: SimulatedLaunch['source'];
  readonly onChange: () => void;
}

const sourcePowerOn =
  ({ setup: { firmware = 'bios' }, source, onChange, ...machine }: SourceMachine) =>
  (): void => {
    source.guest = startGuest({
      ...machine,
      writesPerMinute: 240,
      hardware: {
        ...{ firmware, controller: 'virtio-blk', nicModel: 'virtio', memory: 2 ** 29, processors: 1 },
        bootEntries: ['/boot/efi/EFI/debian/shimx64.efi'],
        nics: [{ mac, connected: source.connected }],
      },
      onOff: () => {
        source.guest = undefined;
        onChange();
      },
    });
    onChange();
  };

function powerOf(
  source: SimulatedLaunch['source'],
  call: Call,
  powerOn: () => void,
  onChange: () => void,
): SourcePower {
  const lose =
    (operation: string) =>
    (detail: string): HypervisorError => ({ type: 'Unreachable', operation, detail });
  const connect = (connected: boolean) => () => {
    source.connected = connected;
    source.guest?.setConnected(mac, connected);
    onChange();
    return ok(undefined);
  };
  return {
    state: () => call('power state', () => ok(source.guest ? 'running' : 'off'), lose('state')),
    powerOff: () =>
      call<void, HypervisorError>(
        'power off',
        () => {
          if (source.refusesPowerOff)
            return err({ type: 'Refused', operation: 'powerOff', detail: 'the VM is locked' });
          source.guest?.cut();
          source.guest = undefined;
          return ok(undefined);
        },
        lose('powerOff'),
      ),
    powerOn: () => call('power on', () => ok(source.guest ? undefined : powerOn()), lose('powerOn')),
    disconnect: () => call('disconnect', connect(false), lose('disconnect')),
    reconnect: () => call('reconnect', connect(true), lose('reconnect')),
    annotate: (note) => call('annotate', () => ok(void source.notes.push(note)), lose('annotate')),
    close: async () => undefined,
  };
}

/** A guest that does not do what it was asked where its hypervisor would not turn it off either. */
const refusing = (agent: LaunchSite['agent'], source: SimulatedLaunch['source']): LaunchSite['agent'] => ({
  ...agent,
  powerOff: async () => (source.refusesPowerOff ? ok(undefined) : agent.powerOff()),
});

interface Surroundings {
  readonly clock: SimulatedClock;
  readonly sentinel: SimulatedSentinel;
  readonly replicas: Map<string, Uint8Array>;
  readonly log: EventLog;
  readonly plan: MigrationPlan;
  readonly site: LaunchSite;
  readonly goal: Goal;
  readonly onFact: (fact: MigrationFact) => void;
}

let ids = 0;
const newId = (): string => `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`;

async function live({ clock, sentinel, replicas, log, plan, site, goal, onFact }: Surroundings): Promise<EndingKind> {
  const world = liveWorld({
    ...{ migration, stream, clock, plan, log, launch: site },
    connect: () => guestSource(site.agent, site.power, site.policy),
    path: bytePath({ open: sentinel.open, replicas, clock }),
    place: { type: 'receiver', migration },
    patience: seconds(30),
  });
  const news = newsDesk();
  const running = await runDriver(migrationModel, stream, {
    ...{ world, clock, log, correlationId: stream },
    newFactId: () => factId(newId()),
    onFacts: (facts) => {
      for (const { type, data } of facts) onFact({ type, data } as MigrationFact);
      news.announce();
    },
  });
  const ending = await conduct({
    ...{ plan, running, news, clock, goal, signal: new AbortController().signal },
    newCommandId: () => commandId(newId()),
  });
  await running.stop();
  await world.close();
  const entries: Entry[] = [];
  for await (const recorded of log.readStream(stream)) entries.push(entryOf(recorded));
  const breaches = judgeLog(laws, entries, { isOver: true });
  if (breaches.length > 0) throw new Error(breachLines(laws, breaches, entries[0]?.at ?? instant(0)).join('\n'));
  return ending;
}
