import type { DiskId } from '#core/ids';
import type { MigrationPlan } from '#core/migration/plan';
import type { SourceDisk } from '#core/ports/source-hypervisor';
import { formatBytes } from '#core/text/format';
import type { Bytes } from '#core/units';

/** How the disks of a source differ from those that were planned. */
export type DiskDifference =
  | { readonly type: 'missing'; readonly disk: DiskId }
  | { readonly type: 'resized'; readonly disk: DiskId; readonly planned: Bytes; readonly found: Bytes }
  | { readonly type: 'unplanned'; readonly disk: DiskId; readonly found: Bytes };

/** Whether disks that the plan does not name are an oversight, or were left out by whoever named the others. */
export type OtherDisks = 'refuse' | 'ignore';

/** What differs between plan and source, disk by disk; nothing when the plan still fits. */
export function diskDifferences(
  plan: Pick<MigrationPlan, 'disks'>,
  disks: readonly SourceDisk[],
  otherDisks: OtherDisks,
): readonly DiskDifference[] {
  const found = new Map(disks.map((disk) => [disk.id, disk]));
  const planned = new Set(plan.disks.map(({ id }) => id));
  return [
    ...plan.disks.flatMap(({ id, size }): DiskDifference[] => {
      const disk = found.get(id);
      if (!disk) return [{ type: 'missing', disk: id }];
      return disk.size === size ? [] : [{ type: 'resized', disk: id, planned: size, found: disk.size }];
    }),
    ...disks
      .filter(({ id }) => otherDisks === 'refuse' && !planned.has(id))
      .map(({ id, size }): DiskDifference => ({ type: 'unplanned', disk: id, found: size })),
  ];
}

/** One sentence for a person. */
export function describeDiskDifference(difference: DiskDifference): string {
  switch (difference.type) {
    case 'missing':
      return `disk ${difference.disk} of the plan is not at the source`;
    case 'resized':
      return `disk ${difference.disk} has ${difference.found} bytes (${formatBytes(difference.found)}), the plan says ${difference.planned} (${formatBytes(difference.planned)})`;
    case 'unplanned':
      return `the source has a disk ${difference.disk} (${formatBytes(difference.found)}) that is not in the plan`;
  }
}
