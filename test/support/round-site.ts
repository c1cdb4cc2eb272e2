import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import { extentEnd, type Extent } from '#core/disk/extent';
import type { Rng } from '#core/rng';
import { ok } from '#core/result';
import { after, bytes, bytesPerSecond, millis, offset, seconds } from '#core/units';
import type { Files } from '#replicator/disk/files';
import type { OpenDiskOptions } from '#replicator/disk/open-disk';
import { runGateway } from '#replicator/gateway/gateway';
import { grain } from '#replicator/pipeline/digest';
import type { Network } from '#replicator/protocol/network';
import { runReceiver } from '#replicator/receiver/receiver';
import { simulatedVolume, type SimulatedVolume } from '#simulator/block/files/volume';
import { simulatedNetwork, type SimulatedNetwork } from '#simulator/block/network/simulated-network';
import type { SimulatedProcess } from '#simulator/block/process';
import { simulatedExports, type SimulatedExports } from '#simulator/block/sources/exports';
import { appliance, type Appliance } from '#simulator/block/world/appliances';
import { boundClock } from '#simulator/block/world/bound';
import { distant } from '#simulator/block/world/distant';
import { watched } from '#simulator/block/world/watched-network';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { valueOf } from './value-of.ts';

/** What the sites of a walk are like. */
export interface RoundSiteShape {
  /** Bytes a second between the sites. */
  readonly bandwidth: number | 'unlimited';
  /** What sources say of what they hold. */
  readonly tells: 'all' | 'nothing';
}

/** A gateway and a receiver, each a process that may die on a machine that may lose its power. */
export interface RoundSite {
  readonly network: SimulatedNetwork;
  readonly exports: SimulatedExports;
  /** Where replicas are. */
  readonly volume: SimulatedVolume;
  readonly receiver: Appliance;
  readonly gateway: Appliance & {
    /** It is started on another machine from now on, which knows nothing of what was sent. */
    move(): void;
  };
  /** What of a source cannot be read just now. */
  readonly unreadable: Set<(range: Extent) => boolean>;
  /** Something of the next bytes that the receiver gets is not what was sent. */
  damage(): void;
}

/** Where replicas are on the receiver's machine. */
export const replicas = '/replicas';
/** Where managers find the gateway. */
export const gatewayAddress = 'gateway:7100';
const receiverAddress = 'receiver:7200';

interface SiteOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  /** Told of everything that arrives, before it is taken. */
  readonly step: () => void;
  readonly onCrash: (error: unknown) => void;
}

/** Starts both. */
export function roundSite({ bandwidth, tells }: RoundSiteShape, options: SiteOptions): RoundSite {
  const { clock, rng, step, onCrash } = options;
  const network = simulatedNetwork({ clock, rng: rng.fork('network'), note: () => undefined });
  network.link('gateway', 'receiver').set({
    ...{ delay: millis(5), jitterMax: millis(5) },
    bandwidth: bandwidth === 'unlimited' ? bandwidth : bytesPerSecond(bandwidth),
  });
  const volumeOf = (name: string, folder: string): SimulatedVolume => {
    const volume = simulatedVolume({ clock, rng: rng.fork(name), name });
    volume.placeDirectory(folder);
    return volume;
  };
  const volume = volumeOf('receiver', replicas);
  const gateways = [volumeOf('gateway', '/state'), volumeOf('second gateway', '/state')];
  let nth = 0;
  const exports = simulatedExports();
  const unreadable: RoundSite['unreadable'] = new Set();
  let isDamaged = false;
  const damaged = (network_: Network, process: SimulatedProcess): Network =>
    damaging(watched(network_, process, step), () => {
      const was = isDamaged;
      isDamaged = false;
      return was;
    });
  const receiver = appliance('receiver', { network, volume: () => volume, onCrash }, async (process) => {
    const files = writingShort(volume.files(process), rng.fork(`short writes of ${process.name}`));
    const own = damaged(network.network(process, 'receiver', 'receiver'), process);
    const place = { listen: receiverAddress, directory: replicas, network: own, files };
    valueOf(await runReceiver({ ...place, clock: boundClock(clock, process) }));
  });
  const gateway = appliance('gateway', { network, volume: () => gateways[nth] ?? volume, onCrash }, async (process) => {
    valueOf(
      await runGateway({
        ...{ listen: gatewayAddress, receiver: receiverAddress, state: '/state', packings: ['none'] },
        network: watched(network.network(process, 'gateway', 'gateway'), process, step),
        files: (gateways[nth] ?? volume).files(process),
        clock: boundClock(clock, process),
        openSource: openerOf({ ...options, exports, tells, unreadable }, process),
        patience: seconds(5),
      }),
    );
  });
  return {
    ...{ network, exports, volume, receiver, unreadable },
    gateway: {
      ...gateway,
      move: () => {
        gateway.kill();
        nth = 1 - nth;
      },
    },
    damage: () => (isDamaged = true),
  };
}

interface OpenerOptions extends SiteOptions {
  readonly exports: SimulatedExports;
  readonly tells: RoundSiteShape['tells'];
  readonly unreadable: RoundSite['unreadable'];
}

/** Sources as one gateway process reads them. */
function openerOf(
  { clock, rng, exports, tells, unreadable, step }: OpenerOptions,
  process: SimulatedProcess,
): NonNullable<OpenDiskOptions['openSource']> {
  const own = boundClock(clock, process);
  const drawn = rng.fork(`reads of ${process.name}`);
  const later = async (): Promise<void> => {
    await own.wait(millis(drawn.between(0, 3)));
    step();
    if (!process.isAlive()) await new Promise(() => undefined);
  };
  const fails = (range: Extent): DeviceError | undefined => {
    if (![...unreadable].some((bad) => bad(range))) return undefined;
    return { type: 'IoError', at: offset(range.start), length: bytes(grain), detail: 'unrecovered read error' };
  };
  return async (locator) => {
    await later();
    const opened = await exports.openExport(locator);
    if (!opened.ok) return opened;
    const { device, changes } = opened.value;
    return ok({
      ...opened.value,
      device: distant(telling(device, tells), later, fails),
      changes:
        changes &&
        (async (range) => {
          await later();
          return changes(range);
        }),
    });
  };
}

/** A device that says what it holds, or cannot tell. */
const telling = (device: BlockDevice, tells: RoundSiteShape['tells']): BlockDevice => ({
  ...device,
  can: { ...device.can, extents: tells === 'all' },
});

/** Files of a system that now and then writes less than it was given, as every system may. */
function writingShort(files: Files, rng: Rng): Files {
  return {
    ...files,
    open: async (path, way, mode) => {
      const file = await files.open(path, way, mode);
      return {
        read: (into, start, at, done) => file.read(into, start, at, done),
        write: (parts, at, done) => {
          const [first] = parts;
          if (!first || first.length < 1_024 || rng.between(0, 7) > 0) return file.write(parts, at, done);
          return file.write([first.subarray(0, 512 * rng.between(1, first.length >> 9))], at, done);
        },
        truncate: (length) => file.truncate(length),
        datasync: () => file.datasync(),
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
  };
}

// Well inside what is longer than any head of a frame.
const wholeEnough = 4_096;

/** A network of which one byte is not what was sent, whenever somebody wishes so. */
function damaging(network: Network, wished: () => boolean): Network {
  return {
    role: network.role,
    connect: (address, signal) => network.connect(address, signal),
    listen: (options) =>
      network.listen({
        ...options,
        onConnection: ({ stream, shown, from }) => {
          const on = stream.on.bind(stream) as (event: string, listener: (given: Uint8Array) => void) => unknown;
          const take = (event: string, listener: (given: Uint8Array) => void): unknown =>
            on(event, (given) => {
              if (event !== 'data' || given.length < wholeEnough || !wished()) return listener(given);
              const copy = Uint8Array.from(given);
              const at = copy.length >> 1;
              copy[at] = (copy[at] ?? 0) ^ 1;
              listener(copy);
            });
          options.onConnection({ shown, from, stream: Object.assign(Object.create(stream), { on: take }) });
        },
      }),
  };
}

/** A part of a disk at its start, as long as `blocks`. */
export const firstBlocks =
  (blocks: number) =>
  (range: Extent): boolean =>
    extentEnd(range) <= blocks * grain;

/** A moment so many seconds from now. */
export const inSeconds = (clock: SimulatedClock, count: number) => after(clock.now(), seconds(count));
