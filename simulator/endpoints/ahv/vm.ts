import type { Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import type { Rng } from '#core/rng';
import { err, ok, type Result } from '#core/result';
import { changedBetween, type DiskContent } from '#simulator/block/disk/disk-content';
import type { ProceduralDisk } from '#simulator/block/disk/procedural-disk';
import type { HardwareDisk, HardwarePower, VirtualHardware } from '#simulator/endpoints/hardware';
import { workQueue, type WorkQueue } from '#simulator/endpoints/pending-work';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';

/** Why Prism did not do what it was asked, by the error groups of its API. */
export interface AhvFault {
  readonly errorGroup: 'ENTITY_NOT_FOUND' | 'INVALID_STATE' | 'INTERNAL_ERROR';
  readonly message: string;
}

/** A recovery point of a VM: its disks as they were at one instant. */
export interface RecoveryPoint {
  readonly name: string;
  readonly disks: ReadonlyMap<DiskId, DiskContent>;
}

/** A volume group that shows one disk to an iSCSI client. */
export interface VolumeGroup {
  readonly name: string;
  readonly disk: DiskId;
  /** The recovery point it was cloned from; undefined for a volume group that the VM itself uses. */
  readonly recoveryPoint: string | undefined;
  readonly content: DiskContent;
}

type Started = Result<string, AhvFault>;

/** A VM of a Nutanix cluster, as Prism sees it. What changes something is a task. */
export interface AhvVm {
  readonly hardware: VirtualHardware;
  readonly tasks: WorkQueue<AhvFault>;
  powerOn(): Started;
  powerOff(): Started;
  pause(): Started;
  resume(): Started;
  createRecoveryPoint(name: string): Started;
  deleteRecoveryPoint(name: string): Started;
  recoveryPoints(): readonly RecoveryPoint[];
  computeChangedRegions(disk: DiskId, point: string, reference: string): Result<readonly Extent[], AhvFault>;
  attachVolumeGroup(name: string, disk: DiskId, recoveryPoint: string | undefined): Started;
  detachVolumeGroup(name: string): Started;
  volumeGroups(): readonly VolumeGroup[];
  /** A recovery point is there, made by somebody whose task is over. */
  recoveryPointMade(name: string): void;
  attachDisk(disk: HardwareDisk): void;
  /** Recovery points are gone, as when their time has run out, or the VM came to another cluster without them. */
  loseRecoveryPoints(): void;
  /** The metadata of the recovery points are damaged: they are listed, and nothing can be computed from them. */
  damageRecoveryPoints(): void;
  readonly faults: {
    /** Why the VM cannot be powered off, while it cannot. */
    powerOffRefused: string | undefined;
    /** Why no recovery point is made while a disk is as it is, by disk. */
    readonly recoveryPointRefused: Map<DiskId, string>;
  };
}

/** Defines a VM over hardware. It is off. */
export function ahvVm(hardware: VirtualHardware, clock: SimulatedClock, rng: Rng): AhvVm {
  const tasks = workQueue<AhvFault>(clock, rng.fork(`tasks of ${hardware.name}`));
  const points = new Map<string, RecoveryPoint>();
  const groups = new Map<string, VolumeGroup>();
  const damaged = new Set<RecoveryPoint>();
  const faults: AhvVm['faults'] = { powerOffRefused: undefined, recoveryPointRefused: new Map() };
  const task = (kind: string, finish: () => AhvFault | undefined): Started => ok(tasks.begin(kind, finish));
  for (const { disk } of hardware.disks()) acknowledgesDurable(disk);
  const diskOf = (id: DiskId) => hardware.disks().find(({ disk }) => disk.id === id);
  const make = (name: string): AhvFault | undefined => {
    const disks = hardware.disks().filter(({ untracked }) => untracked === undefined);
    for (const { disk } of disks) {
      const message = faults.recoveryPointRefused.get(disk.id);
      if (message !== undefined) return { errorGroup: 'INTERNAL_ERROR', message };
    }
    points.set(name, { name, disks: new Map(disks.map(({ disk }) => [disk.id, disk.snapshot()])) });
    return undefined;
  };
  return {
    hardware,
    tasks,
    faults,
    powerOn: () => task('VmPowerOn', () => switchedTo(hardware, 'running')),
    powerOff: () =>
      task('VmPowerOff', () => {
        if (hardware.power() !== 'off' && faults.powerOffRefused !== undefined)
          return { errorGroup: 'INTERNAL_ERROR', message: faults.powerOffRefused };
        return switchedTo(hardware, 'off');
      }),
    /** @source Nutanix AOS 6, acli vm.pause and vm.resume; a paused VM has powerState PAUSED in the v4 API */
    pause: () => task('VmPause', () => switchedTo(hardware, 'paused', 'running')),
    resume: () => task('VmResume', () => switchedTo(hardware, 'running', 'paused')),
    /** @source Nutanix dataprotection v4.0, POST config/recovery-points: all disks of the VM, crash consistent, a task */
    createRecoveryPoint: (name) => task('CreateRecoveryPoint', () => make(name)),
    recoveryPointMade: (name) => void make(name),
    attachDisk(added) {
      hardware.attach(added);
      acknowledgesDurable(added.disk);
    },
    deleteRecoveryPoint: (name) =>
      task('DeleteRecoveryPoint', () => (points.delete(name) ? undefined : missing(`recovery point ${name}`))),
    recoveryPoints: () => [...points.values()],
    /**
     * @source Nutanix dataprotection v4.0, compute-changed-regions: from a reference recovery point to another one
     * @differs Finding the cluster, its token and the pages of the answer are one request.
     */
    computeChangedRegions(disk, point, reference) {
      const [now, before] = [points.get(point), points.get(reference)];
      const [newer, older] = [now?.disks.get(disk), before?.disks.get(disk)];
      if (newer === undefined || older === undefined) return err(missing(`disk ${disk} in ${point} or ${reference}`));
      if ([now, before].some((used) => used !== undefined && damaged.has(used)))
        return err({ errorGroup: 'INTERNAL_ERROR', message: 'the regions could not be computed' });
      return ok(changedBetween(older, newer));
    },
    /** @differs Making a volume group, adding a clone of a disk to it and attaching a client are one task. */
    attachVolumeGroup: (name, disk, recoveryPoint) =>
      task('AttachVolumeGroup', () => {
        const content = recoveryPoint === undefined ? diskOf(disk)?.disk : points.get(recoveryPoint)?.disks.get(disk);
        if (content === undefined) return missing(`disk ${disk} of ${recoveryPoint ?? hardware.name}`);
        groups.set(name, { name, disk, recoveryPoint, content });
        return undefined;
      }),
    detachVolumeGroup: (name) =>
      task('DetachVolumeGroup', () => (groups.delete(name) ? undefined : missing(`volume group ${name}`))),
    volumeGroups: () => [...groups.values()],
    loseRecoveryPoints() {
      points.clear();
      groups.clear();
    },
    damageRecoveryPoints() {
      for (const point of points.values()) damaged.add(point);
    },
  };
}

/** Does nothing to a VM that is in another state than the one it is done from. */
function switchedTo(
  hardware: VirtualHardware,
  power: HardwarePower,
  from: HardwarePower = hardware.power(),
): undefined {
  if (hardware.power() === from) hardware.setPower(power);
  return undefined;
}

/** @source Nutanix Bible, write path (2023): a write is acknowledged once it is durable on two nodes */
function acknowledgesDurable(disk: ProceduralDisk): void {
  disk.onWrite(() => disk.flush());
}

const missing = (what: string): AhvFault => ({ errorGroup: 'ENTITY_NOT_FOUND', message: `there is no ${what}` });
