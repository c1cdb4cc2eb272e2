import { diskId, migrationId, type DiskId, type MigrationId } from '#core/ids';
import { unreachable } from '#core/invariant';
import type { Rng } from '#core/rng';
import { bytes, GiB, ratio } from '#core/units';
import { grain } from '#replicator/pipeline/digest';
import { proceduralDisk } from '#simulator/block/disk/procedural-disk';
import type { SimulatedExports } from '#simulator/block/sources/exports';
import { simulatedHost, type SimulatedHost } from '#simulator/block/sources/host';
import { ahvSource } from '#simulator/block/sources/ahv';
import { hypervSource } from '#simulator/block/sources/hyperv';
import { kvmSource } from '#simulator/block/sources/kvm';
import type { SimulatedSource, SourceOptions } from '#simulator/block/sources/source';
import { sentinelUnit } from '#simulator/block/target/sentinel/installed-sentinel';
import { diskNames } from '#simulator/block/target/guest-inventory';
import type { GuestDisk } from '#simulator/endpoints/guest/guest-disk';
import type { GuestHardware } from '#simulator/endpoints/guest/hardware';
import { installDebian, installWindows } from '#simulator/endpoints/guest/install';
import type { InstalledSystem } from '#simulator/endpoints/guest/installed-system';
import { startGuest, type RunningGuest } from '#simulator/endpoints/guest/running-guest';
import type { HardwareDisk } from '#simulator/endpoints/hardware';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { NoteDecision } from './decisions.ts';
import { guestDiskOf } from './guest-disk-of.ts';
import type { BlockVm } from '#simulator/block/spec';

/** One VM of the world: where it runs, what runs in it, and what may befall it. */
export interface WorldVm {
  readonly migration: MigrationId;
  readonly spec: BlockVm;
  readonly source: SimulatedSource;
  /** Its disks by the names under which they are migrated, the boot disk first. */
  readonly disks: readonly DiskId[];
  /** Where it may go: the first is where it is at home. */
  readonly hosts: readonly SimulatedHost[];
  /** What runs in it; undefined while it is off. */
  guest(): RunningGuest | undefined;
  /** The guest sees disks that were plugged in while it runs. */
  scanBus(): void;
  /** The guest boots anew, as after `reboot`. */
  reboot(): void;
}

/** What VMs share. */
export interface WorldVmOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly exports: SimulatedExports;
  readonly note: NoteDecision;
  /** What is to be on its boot disk beside its system, by path: what makes its guest one with a sentinel. */
  readonly files: (spec: BlockVm) => Readonly<Record<string, string>>;
  readonly onUp: (spec: BlockVm, guest: RunningGuest) => void;
  /** Its power is gone, or it has gone off by itself. */
  readonly onGone: (guest: RunningGuest) => void;
}

/** Who tracks and reads: a VM that is launched at the target is always moved from inside. */
export const viaOf = ({ via, handOver }: Pick<BlockVm, 'via' | 'handOver'>): BlockVm['via'] =>
  handOver === 'launch' ? 'sentinel' : via;

/** Sentinels know disks by the names that the guest's kernel gives them. */
const diskNamesOf = (spec: BlockVm): readonly DiskId[] =>
  viaOf(spec) === 'sentinel' ? diskNames(hardwareOf(spec), spec.disks.length) : spec.disks.map(({ id }) => diskId(id));

/** Puts a VM together, installs its guest and starts it. */
export function worldVm(spec: BlockVm, options: WorldVmOptions): WorldVm {
  const { clock, note } = options;
  const rng = options.rng.fork(`vm ${spec.name}`);
  const disks = spec.disks.map(({ id, grains, tracking }, index): HardwareDisk => {
    const size = bytes(grains * grain);
    const seed = rng.fork(`disk ${index}`).between(1, 0x7fffffff);
    // What was never written reads as zeroes on the first disk: a guest is installed there.
    const filled = index === 0 ? ratio(1, 8) : ratio(1, 4);
    return {
      disk: proceduralDisk({ id: diskId(id), seed, size, filled }),
      untracked: tracking ? undefined : 'the disk is of a kind that keeps no record of writes',
    };
  });
  install(spec, disks, rng, options.files(spec));
  const hosts = [1, 2].map((number) => simulatedHost(`${spec.hypervisor}-${spec.name}-${number}`));
  const [host] = hosts;
  if (!host) throw new RangeError('a VM runs on a host');
  const source = sourceOf(spec, { ...{ name: spec.name, disks, host, clock, exports: options.exports, note }, rng });
  let guest: RunningGuest | undefined;
  let plugged: GuestDisk[] = [];
  let starts = 0;
  const boot = (): void => {
    starts += 1;
    plugged = source.machine.disks.map(guestDiskOf);
    guest = startGuest({
      disks: plugged,
      hardware: hardwareOf(spec),
      clock,
      rng: rng.fork(`guest ${starts}`),
      writesPerMinute: spec.writesPerMinute,
      isHalted: () => source.machine.power() !== 'running',
      onUp: (up) => options.onUp(spec, up),
      onOff: () => source.machine.stop(false),
    });
  };
  const goOff = (): void => {
    if (guest) options.onGone(guest);
    guest?.cut();
    guest = undefined;
  };
  const followPower = (power: ReturnType<SimulatedSource['machine']['power']>): void => {
    if (power === 'running') {
      if (guest === undefined) boot();
    } else if (power !== 'paused') {
      goOff();
    }
  };
  source.machine.onPower(followPower);
  followPower(source.machine.power());
  return {
    migration: migrationId(spec.name),
    ...{ spec, source, hosts, disks: diskNamesOf(spec) },
    guest: () => guest,
    scanBus() {
      plugged.push(...source.machine.disks.slice(plugged.length).map(guestDiskOf));
    },
    reboot() {
      if (source.machine.power() !== 'running') return;
      goOff();
      boot();
    },
  };
}

function sourceOf(spec: BlockVm, options: SourceOptions): SimulatedSource {
  switch (spec.hypervisor) {
    case 'kvm':
      return kvmSource(options);
    case 'hyperv':
      return hypervSource(options);
    case 'ahv':
      return ahvSource(options);
    default:
      return unreachable(spec.hypervisor);
  }
}

const controllerOf = { kvm: 'virtio-blk', ahv: 'virtio-scsi', hyperv: 'hyperv' } as const;
const nicModelOf = { kvm: 'virtio', ahv: 'virtio', hyperv: 'netvsc' } as const;

/** The one card of a VM. */
export const macOf = (spec: Pick<BlockVm, 'name'>): string => {
  const number = new TextEncoder().encode(spec.name).reduce((sum, code) => (sum * 31 + code) % 65_536, 7);
  const byte = (n: number): string => n.toString(16).padStart(2, '0');
  return `52:54:00:5e:${byte(number >> 8)}:${byte(number & 255)}`;
};

/** What a guest runs on at its source. */
export const hardwareOf = (spec: BlockVm): GuestHardware => ({
  firmware: 'bios',
  controller: controllerOf[spec.hypervisor],
  nicModel: nicModelOf[spec.hypervisor],
  nics: [{ mac: macOf(spec), connected: true }],
  bootEntries: [],
  memory: 2 * GiB,
  processors: 2,
});

function install(
  spec: BlockVm,
  disks: readonly HardwareDisk[],
  rng: Rng,
  more: Readonly<Record<string, string>>,
): void {
  const withFiles = (system: InstalledSystem): InstalledSystem => ({ ...system, files: { ...system.files, ...more } });
  const { firmware, controller, nicModel } = hardwareOf(spec);
  const setup = {
    hostname: spec.name,
    identity: rng.fork('identity').between(1, 0x7fffffff),
    ...{ firmware, controller, nicModel },
    nics: [{ name: nicModel === 'netvsc' ? 'eth0' : 'ens3', mac: macOf(spec), address: 'dhcp' as const }],
    disks: disks.length,
    agents: viaOf(spec) === 'sentinel' ? [sentinelUnit] : [],
    change: withFiles,
  };
  const guestDisks = disks.map(({ disk }) => guestDiskOf(disk));
  if (spec.guest === 'windows') installWindows(guestDisks, setup);
  else if (spec.guest === 'debian') installDebian(guestDisks, setup);
  // No kernel of it has a driver for the target's disks, and none can be made.
  else
    installDebian(guestDisks, {
      ...setup,
      change: (system) => withFiles({ ...system, kernels: withoutDrivers(system.kernels) }),
    });
  for (const { disk } of disks) disk.flush();
}

const withoutDrivers = <K extends { readonly drivers: Readonly<Record<string, 'module' | 'builtin'>> }>(
  kernels: readonly K[],
): readonly K[] =>
  kernels.map((kernel) => ({
    ...kernel,
    drivers: Object.fromEntries(Object.entries(kernel.drivers).filter(([name]) => name !== 'vmw_pvscsi')),
  }));
