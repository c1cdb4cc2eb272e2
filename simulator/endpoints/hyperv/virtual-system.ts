import type { Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import type { Rng } from '#core/rng';
import { err, ok, type Result } from '#core/result';
import type { Bytes } from '#core/units';
import type { VirtualHardware } from '#simulator/endpoints/hardware';
import { workQueue, type WorkQueue } from '#simulator/endpoints/pending-work';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { HypervFault } from './hyperv-fault.ts';
import { resilientChangeTracking } from './resilient-change-tracking.ts';
import { snapshotStore, type RecoveryCheckpoint, type ReferencePoint } from './snapshot-store.ts';

/** What `RequestStateChange` is asked for. */
export const requestedState = { enabled: 2, disabled: 3, quiesce: 9 } as const;

/** A VHDX that somebody on the host has open for reading. */
export interface OpenedDisk {
  readonly disk: DiskId;
  /** The checkpoint whose frozen file it is; undefined for the file of a disk that no checkpoint holds. */
  readonly checkpoint: string | undefined;
}

/** A method that is accepted now: the id of its Msvm_ConcreteJob. */
type Started = Result<string, HypervFault>;

/** A VM of Hyper-V, with the services that act on it. */
export interface VirtualSystem {
  readonly hardware: VirtualHardware;
  readonly jobs: WorkQueue<HypervFault>;
  requestStateChange(state: number): Started;
  createSnapshot(elementName: string): Started;
  destroySnapshot(elementName: string): Started;
  convertToReferencePoint(elementName: string): Started;
  createReferencePoint(elementName: string): Started;
  destroyReferencePoint(elementName: string): Started;
  /** A reference point is there, made by somebody whose job is over. */
  referencePointMade(elementName: string): void;
  checkpoints(): readonly RecoveryCheckpoint[];
  referencePoints(): readonly ReferencePoint[];
  /** Changes since an id, up to a checkpoint or, without one, up to now. */
  getVirtualDiskChanges(disk: DiskId, limitId: string, checkpoint?: string): Result<readonly Extent[], HypervFault>;
  /** Disks that a reader on the host has open, by the reader's name for them. */
  readonly opened: Map<string, OpenedDisk>;
  /** Makes a virtual disk longer. */
  resizeVirtualHardDisk(disk: DiskId, size: Bytes): Result<void, HypervFault>;
  /** The host lost its power. */
  hostLost(): void;
  /** What tracked changes is worth nothing any more. */
  resetTracking(): void;
  /** Somebody removed all reference points and the files behind them. */
  forgetReferencePoints(): void;
  readonly faults: {
    /** Why the VM cannot be turned off, while it cannot. */
    turnOffRefused: string | undefined;
    /** Why a disk gets no tracking, while it does not. */
    readonly trackingRefused: Map<DiskId, string>;
  };
}

/** Defines a VM over hardware. It is off. */
export function virtualSystem(hardware: VirtualHardware, clock: SimulatedClock, rng: Rng): VirtualSystem {
  const jobs = workQueue<HypervFault>(clock, rng.fork(`jobs of ${hardware.name}`));
  const tracking = resilientChangeTracking();
  const opened = new Map<string, OpenedDisk>();
  const faults: VirtualSystem['faults'] = { turnOffRefused: undefined, trackingRefused: new Map() };
  const store = snapshotStore(hardware, tracking, faults.trackingRefused);
  const { checkpoints, referencePoints } = store;
  const diskOf = (id: DiskId) => hardware.disks().find(({ disk }) => disk.id === id)?.disk;

  // One at a time: the state of a VM whose snapshots are being changed is not the one that is asked for.
  const job = (kind: string, finish: () => HypervFault | undefined): Started =>
    jobs.running().length > 0
      ? err({ type: 'InvalidState', detail: 'another operation is in progress' })
      : ok(jobs.begin(kind, finish));
  return {
    hardware,
    jobs,
    opened,
    faults,
    checkpoints: () => [...checkpoints.values()],
    referencePoints: () => [...referencePoints.values()],
    /** @source Hyper-V WMI v2, Msvm_ComputerSystem.RequestStateChange: 2 starts, 3 turns off, 9 pauses */
    requestStateChange: (state) => job('RequestStateChange', () => changeState(hardware, state, faults.turnOffRefused)),
    /** @source Hyper-V WMI v2, Msvm_VirtualSystemSnapshotService.CreateSnapshot: all disks at one instant */
    createSnapshot: (elementName) => job('CreateSnapshot', () => store.createSnapshot(elementName)),
    destroySnapshot: (elementName) => job('DestroySnapshot', () => store.destroySnapshot(elementName)),
    convertToReferencePoint: (elementName) =>
      job('ConvertToReferencePoint', () => store.convertToReferencePoint(elementName)),
    /** @source Hyper-V WMI v2, Msvm_VirtualSystemReferencePointService.CreateReferencePoint, type 1: RCT based */
    createReferencePoint: (elementName) => job('CreateReferencePoint', () => store.createReferencePoint(elementName)),
    referencePointMade: (elementName) => void store.createReferencePoint(elementName),
    destroyReferencePoint: (elementName) =>
      job('DestroyReferencePoint', () => store.destroyReferencePoint(elementName)),
    /** @source Hyper-V WMI v2, Msvm_ImageManagementService.GetVirtualDiskChanges: fails for a LimitId it does not know */
    getVirtualDiskChanges(disk, limitId, checkpoint) {
      const now = checkpoint === undefined ? diskOf(disk) : checkpoints.get(checkpoint)?.disks.get(disk)?.content;
      if (now === undefined) return err({ type: 'InvalidParameter', detail: `no path for ${disk}` });
      const changed = tracking.since(limitId, now);
      return changed === undefined
        ? err({ type: 'InvalidParameter', detail: `unknown LimitId ${limitId}` })
        : ok(changed);
    },
    /**
     * @source Hyper-V WMI v2, Msvm_ImageManagementService.ResizeVirtualHardDisk: not for a disk with a chain of checkpoints
     * @differs Resizing a disk resets what tracked it, as vendors of backup software advise to expect.
     */
    resizeVirtualHardDisk(id, size) {
      if (checkpoints.size > 0) return err({ type: 'InvalidState', detail: 'the disk has checkpoints' });
      diskOf(id)?.grow(size);
      tracking.reset(id);
      return ok(undefined);
    },
    /** @differs A host that loses its power always loses what tracked changes; the real .mrt files may save it. */
    hostLost() {
      tracking.reset();
      opened.clear();
      jobs.abandon({ type: 'Failed', detail: 'the host was restarted' });
    },
    resetTracking: () => tracking.reset(),
    forgetReferencePoints() {
      referencePoints.clear();
      tracking.reset();
    },
  };
}

function changeState(hardware: VirtualHardware, state: number, refused: string | undefined): HypervFault | undefined {
  const power = hardware.power();
  if (state === requestedState.disabled) {
    if (power !== 'off' && refused !== undefined) return { type: 'Failed', detail: refused };
    hardware.setPower('off');
  } else if (state === requestedState.enabled) hardware.setPower('running');
  else if (power === 'running') {
    for (const { disk } of hardware.disks()) disk.flush();
    hardware.setPower('paused');
  }
  return undefined;
}
