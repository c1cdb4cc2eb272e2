import type { Clock } from '#core/clock';
import type { EventLog } from '#core/event-log/event-log';
import type { SentinelId } from '#core/ids';
import type { GuestAgent } from '#core/ports/guest-agent';
import type { DeviceError } from '#core/disk/block-device';
import type { Extent } from '#core/disk/extent';
import { InvariantError } from '#core/invariant';
import type { DiskLocator } from '#core/ports/source-hypervisor';
import { ok } from '#core/result';
import type { Rng } from '#core/rng';
import { after, millis, seconds } from '#core/units';
import type { OpenDiskOptions } from '#replicator/disk/open-disk';
import type { Files } from '#replicator/disk/files';
import { runGateway } from '#replicator/gateway/gateway';
import { guestAgentThrough } from '#replicator/gateway/guests-of-gateway';
import type { GuestsSite } from '#replicator/gateway/guests/guests';
import { gatewayLine, type GatewayLine } from '#replicator/gateway/ask-gateway';
import { gatewayPath } from '#replicator/gateway/gateway-path';
import type { ReplicationPath } from '#replicator/pipeline/replication';
import { runReceiver } from '#replicator/receiver/receiver';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { boundClock, boundLog } from './bound.ts';
import { sentinelRhythm } from './sentinels.ts';
import { watchedGuestEntry } from './watched-guest-network.ts';
import { distant } from './distant.ts';
import { watched } from './watched-network.ts';
import type { NoteDecision } from './decisions.ts';
import { simulatedVolume, type SimulatedVolume } from '#simulator/block/files/volume';
import type { MemorySource } from '#simulator/block/world-memory';
import { simulatedAuthority, simulatedGateway } from '#simulator/block/network/simulated-identities';
import { simulatedNetwork, type SimulatedNetwork } from '#simulator/block/network/simulated-network';
import { simulatedProcess, type SimulatedProcess } from '#simulator/block/process';

/** Opens a source as a gateway does. */
export type OpenSource = NonNullable<OpenDiskOptions['openSource']>;

/** What the appliances of a world are made of. */
export interface AppliancesOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly note: NoteDecision;
  readonly memory: MemorySource;
  /** Opens what a locator of this world names. */
  readonly openSource: (locator: DiskLocator) => ReturnType<OpenSource>;
  /** Why a range of a source cannot be read just now. */
  readonly readFails: (locator: DiskLocator, range: Extent) => DeviceError | undefined;
  /** Our own code found itself to be wrong. */
  readonly onCrash: (error: unknown) => void;
  /** What the gateway remembers of its sentinels, which outlives it. */
  readonly sentinelLog: EventLog;
  /** Asked whenever bytes arrive at an appliance, before it sees them: whether it dies of it. */
  readonly diesOf?: (host: ApplianceName) => boolean;
}

/** The appliances by name, which are the names of their machines. */
export type ApplianceName = 'gateway' | 'receiver';

/** Who dies of what arrives: an appliance, or a sentinel. */
export type MortalName = ApplianceName | 'sentinel';

/** Gateway and receiver, each a process on a machine of its own, with what lies between them. */
export interface Appliances {
  readonly network: SimulatedNetwork;
  /** Where replicas, journals and digests are. */
  readonly volume: SimulatedVolume;
  readonly gateway: Appliance;
  readonly receiver: Appliance;
  /** Has `act` called within the next write to a journal. Returns how to call that off. */
  onJournalWrite(act: () => void): () => void;
  /** The way of blocks, for a manager. */
  path(process: SimulatedProcess): ReplicationPath;
  /** The sentinel of a guest, for a manager. */
  agent(process: SimulatedProcess, sentinel: SentinelId): GuestAgent;
}

/** A process that may die and is started again. */
export interface Appliance {
  readonly isUp: boolean;
  start(): void;
  kill(): void;
  /** The power of its machine fails. */
  losePower(): void;
}

/** Where replicas are on the machine of the receiver. */
export const replicaFolder = '/replicas';
const gatewayAddress = 'gateway:7100';
const receiverAddress = 'receiver:7200';
/** Where guests reach the gateway, and how they know it. */
export const guestsAddress = 'gateway:7300';
/** The gateway of every world, as its guests know it. */
export const worldGateway = simulatedGateway('gateway');
// As long as whoever looks after a machine takes to start a process again.
const restartsAfter = seconds(10);
// A gateway that stays away longer than this is a fact; the chart then tries again, and says so each time.
const gatewayPatience = seconds(5);

/** Starts gateway and receiver. */
export function appliances(options: AppliancesOptions): Appliances {
  const { clock, rng, note, memory, onCrash } = options;
  const onWrite = new Set<() => void>();
  const journalWritten = (): void => {
    const acts = [...onWrite];
    onWrite.clear();
    for (const act of acts) act();
  };
  const network = simulatedNetwork({ clock, rng: rng.fork('network'), note, memory });
  const volume = simulatedVolume({ clock, rng: rng.fork('volume'), note, name: 'receiver', memory });
  volume.placeDirectory(replicaFolder);
  const own = simulatedVolume({ clock, rng: rng.fork('gateway volume'), note, name: 'gateway', memory });
  own.placeDirectory('/state');
  const started =
    (name: string) =>
    (result: { readonly ok: boolean; readonly error?: unknown }): void => {
      if (!result.ok) onCrash(new InvariantError(`the ${name} did not start: ${JSON.stringify(result.error)}`));
    };
  const dies = (host: ApplianceName) => () => {
    if (!options.diesOf?.(host)) return;
    const dead = host === 'gateway' ? gateway : receiver;
    dead.kill();
    clock.schedule(after(clock.now(), restartsAfter), () => dead.start());
  };
  const receiver: Appliance = appliance('receiver', { network, volume: () => volume, onCrash }, async (process) => {
    started('receiver')(
      await runReceiver({
        listen: receiverAddress,
        directory: replicaFolder,
        clock: boundClock(clock, process),
        network: watched(network.network(process, 'receiver', 'receiver'), process, dies('receiver')),
        files: watchingJournals(volume.files(process), journalWritten),
      }),
    );
  });
  const gateway: Appliance = appliance('gateway', { network, volume: () => own, onCrash }, async (process) => {
    started('gateway')(
      await runGateway({
        listen: gatewayAddress,
        receiver: receiverAddress,
        state: '/state',
        clock: boundClock(clock, process),
        network: watched(network.network(process, 'gateway', 'gateway'), process, dies('gateway')),
        files: own.files(process),
        // Packing is done by threads of a real machine, and would make no difference to what arrives.
        packings: ['none'],
        guests: guestsAddress,
        guestsSite: guestsSiteFor(options, network, process, dies('gateway')),
        openSource: openerOf(options, process, rng.fork(`sources of ${process.name}`)),
      }),
    );
  });
  const placeFor = gatewayPlaces(clock, network);
  return {
    ...{ network, volume, gateway, receiver },
    onJournalWrite(act) {
      onWrite.add(act);
      return () => onWrite.delete(act);
    },
    path: (process) => gatewayPath(placeFor(process)),
    agent: (process, sentinel) => guestAgentThrough(placeFor(process), sentinel),
  };
}

/** How each manager process reaches the gateway: over one line, whoever in it asks. */
function gatewayPlaces(clock: SimulatedClock, network: SimulatedNetwork) {
  const lines = new WeakMap<SimulatedProcess, GatewayLine>();
  return (process: SimulatedProcess) => {
    const own = network.network(process, 'manager', 'manager');
    const place = { address: gatewayAddress, clock: boundClock(clock, process), network: own };
    const line = lines.get(process) ?? gatewayLine(place);
    lines.set(process, line);
    return { ...place, line, patience: gatewayPatience };
  };
}

/** Where the sentinels of a gateway process come in, and what they are admitted with. */
function guestsSiteFor(
  { clock, rng, sentinelLog }: AppliancesOptions,
  network: SimulatedNetwork,
  process: SimulatedProcess,
  arrives: () => void,
): GuestsSite {
  const own = rng.fork(`guests of ${process.name}`);
  return {
    ...sentinelRhythm,
    entry: watchedGuestEntry(network.guestEntry(process, 'gateway', worldGateway), process, arrives),
    authority: simulatedAuthority(worldGateway, own),
    logName: 'the log of sentinels',
    openLog: async () => ok(boundLog(sentinelLog, { clock, rng: own.fork('log'), process, onFacts: () => undefined })),
  };
}

/** Tells of each write to a journal while it is under way. */
const watchingJournals = (files: Files, written: () => void): Files => ({
  ...files,
  open: async (path, way, mode) => {
    const file = await files.open(path, way, mode);
    if (!path.endsWith('.sealift-journal')) return file;
    return {
      read: file.read.bind(file),
      truncate: file.truncate.bind(file),
      datasync: file.datasync.bind(file),
      sync: file.sync.bind(file),
      close: file.close.bind(file),
      write: (parts, at, done) => {
        file.write(parts, at, done);
        written();
      },
    };
  },
});

/** A process on a machine of its own, started. `volume` is the one that its machine has by then. */
export function appliance(
  host: string,
  {
    network,
    volume,
    onCrash,
  }: {
    readonly network: SimulatedNetwork;
    readonly volume: () => SimulatedVolume;
    readonly onCrash: (error: unknown) => void;
  },
  run: (process: SimulatedProcess) => Promise<void>,
): Appliance {
  let lives = 0;
  let process: SimulatedProcess | undefined;
  const start = (): void => {
    if (process) return;
    if (!network.isUp(host)) network.start(host);
    lives += 1;
    process = simulatedProcess(`${host} ${lives}`);
    run(process).catch(onCrash);
  };
  start();
  return {
    get isUp() {
      return process !== undefined;
    },
    start,
    kill() {
      process?.kill();
      process = undefined;
    },
    losePower() {
      network.crash(host);
      volume().crash();
      process?.kill();
      process = undefined;
    },
  };
}

// A read from a hypervisor's server in the same room.
const readMs = { min: 0, max: 3 } as const;

/** Sources as one gateway process reads them: it takes a moment, and ends with the process. */
function openerOf(
  { clock, openSource, readFails }: AppliancesOptions,
  process: SimulatedProcess,
  rng: Rng,
): OpenSource {
  const own: Clock = boundClock(clock, process);
  const later = (signal?: AbortSignal): Promise<void> => own.wait(millis(rng.between(readMs.min, readMs.max)), signal);
  return async (locator, signal) => {
    await later(signal);
    const opened = await openSource(locator);
    if (!opened.ok) return opened;
    const { device, changes } = opened.value;
    return ok({
      ...opened.value,
      device: distant(device, later, (range) => readFails(locator, range)),
      changes:
        changes &&
        (async (range) => {
          await later();
          return changes(range);
        }),
    });
  };
}
