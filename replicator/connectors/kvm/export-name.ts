import { createHash } from 'node:crypto';
import type { DiskId } from '#core/ids';

/** What one NBD export shows: a disk, and with `mark` also what that frozen mark recorded. */
export interface ExportName {
  readonly owner: string;
  readonly disk: DiskId;
  readonly mark: number | undefined;
}

// QEMU's ids take letters, digits, dashes, dots and underscores, all of which an owner and a disk may contain. A digest
// of the disk has no dash, so the parts can be told apart again.
const shape = /^sealift-(.+)-(\d+|all)-([0-9a-f]{12})$/;
const digestOf = (disk: DiskId): string => createHash('sha256').update(disk).digest('hex').slice(0, 12);

/** Writes the id, which is also the name a reader asks for. */
export const formatExportName = ({ owner, disk, mark }: ExportName): string =>
  `sealift-${owner}-${mark ?? 'all'}-${digestOf(disk)}`;

/** Whose export it is and which mark it shows, or undefined when it is none of ours. */
export function parseExportName(name: string): Omit<ExportName, 'disk'> | undefined {
  const [, owner, mark] = shape.exec(name) ?? [];
  return owner === undefined ? undefined : { owner, mark: mark === 'all' ? undefined : Number(mark) };
}
