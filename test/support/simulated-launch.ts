import { runDriver } from '#core/driver/run-driver';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import type { EventLog, StreamId } from '#core/event-log/event-log';
import { commandId, diskId, factId, migrationId } from '#core/ids';
import { breachLines } from '#core/laws/breach-text';
import { entryOf, judgeLog } from '#core/laws/judge';
import type { Entry } from '#core/laws/law';
import { laws } from '#core/laws/laws';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan } from '#core/migration/plan';
import type { GuestAgent, GuestAgentError } from '#core/ports/guest-agent';
import { err, ok, type Result } from '#core/result';
import type { Rng } from '#core/rng';
import { bytes, instant, minutes, seconds } from '#core/units';
import type { Files } from '#replicator/disk/files';
import { guestSource } from '#replicator/live/launch/guest-source';
import type { LaunchSite } from '#replicator/live/launch/launch-site';
import { liveWorld } from '#replicator/live/live-world';
import type { ReplicationPath } from '#replicator/pipeline/replication';
import { conduct, newsDesk } from '#scenarios/conduct';
import type { EndingKind, Goal } from '#scenarios/migrate-step';
import { simulatedProcess, type SimulatedProcess } from '#simulator/block/process';
import { simulatedExports } from '#simulator/block/sources/exports';
import type { Call } from '#simulator/block/target/call';
import { simulatedFixUp, type FixUpStep } from '#simulator/block/target/fix-up';
import { overlayStore, type OverlayStore } from '#simulator/block/target/overlay-store';
import { simulatedPlatform } from '#simulator/block/target/platform';
import { sentinelUnit } from '#simulator/block/target/sentinel/installed-sentinel';
import { targetGuests, type TargetGuests } from '#simulator/block/target/target-guests';
import { appliances, replicaFolder, type Appliances } from '#simulator/block/world/appliances';
import { collectedMemory } from '#simulator/block/world-memory';
import { bundleOf, inviteAll } from '#simulator/block/world/sentinel-bundles';
import { sentinelOf, sentinels, type Sentinels } from '#simulator/block/world/sentinels';
import { replicasOn } from '#simulator/block/world/target-side';
import { memoryDisk, type GuestDisk } from '#simulator/endpoints/guest/guest-disk';
import { installDebian } from '#simulator/endpoints/guest/install';
import type { InstalledSystem } from '#simulator/endpoints/guest/installed-system';
import { vcenter, type Vcenter } from '#simulator/endpoints/vsphere/vcenter';
import { seededRng } from '#simulator/kernel/seeded-rng';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { samplePlan } from './migration-facts.ts';
import { sourceMachine, sourcePower, type SourceState } from './simulated-source.ts';

/**
 * One migration by the real chart, driver and live world, from a simulated guest with the sentinel of production in it, through
 * gateway and receiver, to a simulated vSphere.
 */
export interface SimulatedLaunch {
  readonly clock: SimulatedClock;
  readonly disks: readonly GuestDisk[];
  /** Behind the back of all who compare: a part of a replica is zeroes from now on. */
  spoil(replica: string, at: number, length: number): Promise<void>;
  readonly vsphere: Vcenter;
  readonly targets: TargetGuests;
  readonly store: OverlayStore;
  /** The sentinel as another manager reaches it, in whichever guest it answers. */
  readonly sentinel: GuestAgent;
  readonly source: SourceState;
  /** Why a step of a fix-up fails. */
  readonly fixUpFails: Map<FixUpStep, string>;
  /** What becomes of the next call of an operation, and of none if left out. */
  readonly lost: Map<string, 'before' | 'after'>;
  site(process?: SimulatedProcess): LaunchSite;
  /** Lets the sentinel in, and waits until its guest is up. */
  open(): Promise<void>;
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
  /** Whether the cards of the source have a plug in. */
  readonly connected?: boolean;
  /** Checks of something broken must always hold. */
  readonly onChange?: (launch: SimulatedLaunch) => void;
}

const migration = migrationId('simulated');
const stream: StreamId = `migration-${migration}`;
const mac = '52:54:00:00:00:01';
const diskSize = 1_048_576;
/** What tells the records of the guest from others'. */
export const identity = 77;

/** What the sentinel, and the bundle it was installed with, are named after. */
const vm = { name: 'web-01', via: 'sentinel', handOver: 'launch' } as const;

/** A Debian on two disks that keeps records, its hypervisor, and a vSphere to move it to. */
export function simulatedLaunch(setup: LaunchSetup = {}): SimulatedLaunch {
  const { seed = 1, plan = {} } = setup;
  const clock = virtualClock({ start: instant(1_000_000), turn: () => new Promise((done) => setImmediate(done)) });
  const rng = seededRng(seed);
  const disks = installed(setup);
  const lost: SimulatedLaunch['lost'] = new Map();
  const call = callOf(clock, lost);
  const onChange = (): void => setup.onChange?.(launch);
  const way = wayOf(clock, rng);
  const { volume } = way.appliances;
  const store = overlayStore({ call, replicas: replicasOn(volume) });
  const targets = targetGuests({
    ...{ store, clock, rng: rng.fork('targets'), writesPerMinute: 120 },
    onUp: (name, guest) => way.sentinels.begin(vm.name, `target-${name}`, guest),
    onGone: (guest) => way.sentinels.end(guest),
  });
  const { connected = true, firmware = 'bios' } = setup;
  const source: SourceState = { guest: undefined, connected, refusesPowerOff: false, notes: [] };
  const vsphere = vcenter({
    ...{ clock, rng: rng.fork('vsphere'), start: targets.start, hasImage: store.has, onChange },
    hosts: ['esx-1', 'esx-2'].map((name) => ({ name, memory: 2 ** 32 })),
    datastores: [{ name: 'ds', capacity: 2 ** 32 }],
    networks: ['VM Network', 'isolated'],
  });
  const fixUpFails: SimulatedLaunch['fixUpFails'] = new Map();
  const machine = sourceMachine({
    ...{ vm: vm.name, mac, firmware, source, disks, clock, onChange },
    ...{ rng: rng.fork('source'), sentinels: way.sentinels },
  });
  const log = inMemoryEventLog();
  const launch: SimulatedLaunch = {
    ...{ clock, disks, vsphere, targets, store, source, fixUpFails, lost },
    sentinel: way.agent(simulatedProcess('another manager')),
    spoil: (replica, at, length) => spoil(volume.files(simulatedProcess('nobody we know')), replica, at, length),
    site: (process = simulatedProcess('manager')) => ({
      target: simulatedPlatform({ vcenter: vsphere, clock, call, datastore: 'ds', isolated: 'isolated' }),
      fixUp: simulatedFixUp({ store, clock, rng: rng.fork('fix-up'), fails: (step) => fixUpFails.get(step) }),
      overlays: store.overlays,
      power: sourcePower(source, mac, call, machine, onChange),
      agent: refusing(losing(way.agent(process), lost), source),
      ...wishes,
    }),
    open: async () => {
      await clock.run(way.open());
      // Its guest has to be up before anybody can look into it.
      await clock.run(clock.wait(seconds(60)));
    },
    live: async (goal = 'cutOver', change = (one) => one, onFact = () => undefined) => {
      await launch.open();
      const process = simulatedProcess('manager');
      const path = way.appliances.path(process);
      const site = change(launch.site(process));
      return clock.run(live({ clock, path, log, plan: planOf(plan), site, goal, onFact }));
    },
    facts: () => factsIn(log),
  };
  machine.powerOn();
  return launch;
}

async function factsIn(log: EventLog): Promise<readonly MigrationFact[]> {
  const facts: MigrationFact[] = [];
  for await (const { type, data } of log.readStream(stream)) facts.push({ type, data } as MigrationFact);
  return facts;
}

/** What lies between a guest and its replicas: its sentinel, a gateway and a receiver, as in every world. */
interface Way {
  readonly appliances: Appliances;
  readonly sentinels: Sentinels;
  agent(process: SimulatedProcess): GuestAgent;
  /** Lets the sentinel in. */
  open(): Promise<void>;
}

function wayOf(clock: SimulatedClock, rng: Rng): Way {
  const sentinelLog = inMemoryEventLog();
  const onCrash = (error: unknown): void => {
    throw error;
  };
  let invited: Promise<void> | undefined;
  const own = appliances({
    ...{ clock, rng: rng.fork('appliances'), note: () => undefined, onCrash, sentinelLog, memory: collectedMemory },
    // Its disks are read by its sentinel: no hypervisor exports any.
    openSource: (locator) => simulatedExports().openExport(locator),
    readFails: () => undefined,
  });
  return {
    appliances: own,
    agent: (process) => own.agent(process, sentinelOf(vm)),
    open: () => (invited ??= inviteAll(sentinelLog, { vms: [vm] }, clock.now())),
    sentinels: sentinels({
      ...{ clock, rng: rng.fork('sentinels'), network: own.network, memory: collectedMemory, onCrash },
      ...{ hasRequests: () => true, readFails: () => undefined, diesOf: () => false },
    }),
  };
}

async function spoil(files: Files, replica: string, at: number, length: number): Promise<void> {
  const file = await files.open(`${replicaFolder}/${replica}`, 'update');
  await new Promise<void>((resolve, reject) =>
    file.write([new Uint8Array(length)], at, (error) => (error ? reject(error) : resolve())),
  );
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
    change: (system) => {
      const { files, ...rest } = change?.(system) ?? system;
      return { ...rest, files: { ...files, ...bundleOf(vm) } };
    },
  });
  return disks;
}

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

/** A guest that does not do what it was asked where its hypervisor would not turn it off either. */
const refusing = (agent: LaunchSite['agent'], source: SourceState): LaunchSite['agent'] => ({
  ...agent,
  powerOff: async () => (source.refusesPowerOff ? ok(undefined) : agent.powerOff()),
});

/** An agent whose answers may be lost, as those of any call. */
function losing(agent: GuestAgent, lost: SimulatedLaunch['lost']): GuestAgent {
  const asked = async <T>(
    operation: string,
    ask: () => Promise<Result<T, GuestAgentError>>,
  ): Promise<Result<T, GuestAgentError>> => {
    const fate = lost.get(`sentinel: ${operation}`);
    lost.delete(`sentinel: ${operation}`);
    const away = err({ type: 'Unreachable', operation, detail: 'the connection broke' } as const);
    if (fate === 'before') return away;
    const answer = await ask();
    return fate === 'after' ? away : answer;
  };
  return {
    ...agent,
    quiesce: (policy) => asked('quiesce', () => agent.quiesce(policy)),
    powerOff: () => asked('powerOff', () => agent.powerOff()),
  };
}

interface Surroundings {
  readonly clock: SimulatedClock;
  readonly path: ReplicationPath;
  readonly log: EventLog;
  readonly plan: MigrationPlan;
  readonly site: LaunchSite;
  readonly goal: Goal;
  readonly onFact: (fact: MigrationFact) => void;
}

let ids = 0;
const newId = (): string => `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`;

async function live({ clock, path, log, plan, site, goal, onFact }: Surroundings): Promise<EndingKind> {
  const world = liveWorld({
    ...{ migration, stream, clock, plan, log, path, launch: site },
    connect: () => guestSource(site.agent, site.power, site.policy),
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
