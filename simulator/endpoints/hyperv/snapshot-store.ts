import type { DiskId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import type { DiskContent } from '#simulator/block/disk/disk-content';
import type { VirtualHardware } from '#simulator/endpoints/hardware';
import type { HypervFault } from './hyperv-fault.ts';
import type { ResilientChangeTracking } from './resilient-change-tracking.ts';

/** A recovery checkpoint: the disks as they were, each under an id that changes can be asked since. */
export interface RecoveryCheckpoint {
  readonly elementName: string;
  readonly disks: ReadonlyMap<DiskId, { readonly content: DiskContent; readonly rctId: string }>;
}

/** A reference point: what is left of a checkpoint when its content is given up. */
export interface ReferencePoint {
  readonly elementName: string;
  readonly rctIds: ReadonlyMap<DiskId, string>;
}

/** The checkpoints and reference points of a VM, and what the jobs of their services do at their end. */
export interface SnapshotStore {
  readonly checkpoints: Map<string, RecoveryCheckpoint>;
  readonly referencePoints: Map<string, ReferencePoint>;
  createSnapshot(elementName: string): HypervFault | undefined;
  destroySnapshot(elementName: string): HypervFault | undefined;
  convertToReferencePoint(elementName: string): HypervFault | undefined;
  createReferencePoint(elementName: string): HypervFault | undefined;
  destroyReferencePoint(elementName: string): HypervFault | undefined;
}

/** Makes one, which is empty. `refused` says why a disk cannot be tracked, if it cannot. */
export function snapshotStore(
  hardware: VirtualHardware,
  tracking: ResilientChangeTracking,
  refused: ReadonlyMap<DiskId, string>,
): SnapshotStore {
  const checkpoints = new Map<string, RecoveryCheckpoint>();
  const referencePoints = new Map<string, ReferencePoint>();
  const freeze = (): Result<RecoveryCheckpoint['disks'], HypervFault> => {
    const disks = hardware.disks().filter(({ untracked }) => untracked === undefined);
    for (const { disk } of disks) {
      const why = refused.get(disk.id);
      if (why !== undefined) return err({ type: 'Failed', detail: why });
    }
    for (const { disk } of disks) disk.flush();
    return ok(
      new Map(
        disks.map(({ disk }) => {
          const content = disk.snapshot();
          return [disk.id, { content, rctId: tracking.begin(disk.id, content) }] as const;
        }),
      ),
    );
  };
  const keepReference = (elementName: string, disks: RecoveryCheckpoint['disks']): undefined => {
    const rctIds = new Map([...disks].map(([disk, { rctId }]) => [disk, rctId]));
    referencePoints.set(elementName, { elementName, rctIds });
    return undefined;
  };
  return {
    checkpoints,
    referencePoints,
    createSnapshot(elementName) {
      const disks = freeze();
      if (!disks.ok) return disks.error;
      checkpoints.set(elementName, { elementName, disks: disks.value });
      return undefined;
    },
    destroySnapshot: (elementName) => removed(checkpoints, elementName),
    /**
     * @source Hyper-V WMI v2, Msvm_VirtualSystemSnapshotService.ConvertToReferencePoint: the snapshot is deleted by it
     * @differs A reference point keeps the name of the checkpoint it was converted from.
     */
    convertToReferencePoint(elementName) {
      const checkpoint = checkpoints.get(elementName);
      if (checkpoint === undefined) return notFound(elementName);
      checkpoints.delete(elementName);
      return keepReference(elementName, checkpoint.disks);
    },
    createReferencePoint(elementName) {
      const disks = freeze();
      return disks.ok ? keepReference(elementName, disks.value) : disks.error;
    },
    destroyReferencePoint: (elementName) => removed(referencePoints, elementName),
  };
}

const notFound = (elementName: string): HypervFault => ({
  type: 'InvalidParameter',
  detail: `there is no ${elementName}`,
});
const removed = (from: Map<string, unknown>, elementName: string): HypervFault | undefined =>
  from.delete(elementName) ? undefined : notFound(elementName);
