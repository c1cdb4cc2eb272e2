import type { Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import { changedBetween, type DiskContent } from '#simulator/block/disk/disk-content';

/**
 * What `.rct` files know of the disks of a VM: for each id that was given out, what has changed since.
 * @source Hyper-V WMI v2, Msvm_VirtualSystemReferencePoint.ResilientChangeTrackingIdentifiers (Windows Server 2016)
 * @differs Changes are told by 64 KiB, whatever the grain of the real files is.
 */
export interface ResilientChangeTracking {
  /** Gives out an id for a disk as it is now. */
  begin(disk: DiskId, content: DiskContent): string;
  /** What changed since an id was given out; undefined if the id is not known any more. */
  since(id: string, now: DiskContent): readonly Extent[] | undefined;
  /** All ids of a disk, or of all disks, are worth nothing. */
  reset(disk?: DiskId): void;
}

/** Makes one, which knows nothing. */
export function resilientChangeTracking(): ResilientChangeTracking {
  const known = new Map<string, { readonly disk: DiskId; readonly content: DiskContent }>();
  let given = 0;
  return {
    begin(disk, content) {
      given += 1;
      const id = `rctX:${disk}:${given}`;
      known.set(id, { disk, content });
      return id;
    },
    since(id, now) {
      const before = known.get(id);
      return before === undefined ? undefined : changedBetween(before.content, now);
    },
    reset(disk) {
      for (const [id, { disk: of }] of known) if (disk === undefined || of === disk) known.delete(id);
    },
  };
}
