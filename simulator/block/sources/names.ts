import type { DiskId } from '#core/ids';
import type { ChangeMark } from '#core/ports/source-hypervisor';

/*
 * How what is ours is known at a source: by its name, which says whose it is. The last parts of a name have no dash in
 * them, so that an owner may contain any number of them.
 */

/** What a snapshot of ours is for: a mark by its number, reading the disks as they are, or counting what changed. */
export type Purpose = number | 'read' | 'probe';

const snapshotShape = /^sealift-(.+)-(\d+|read|probe)$/;

/** The name of a checkpoint, reference point or recovery point of ours. */
export const snapshotName = (owner: string, purpose: Purpose): string => `sealift-${owner}-${purpose}`;

/** Whose snapshot it is and what for, or undefined if it is none of ours. */
export function parseSnapshotName(name: string): { readonly owner: string; readonly purpose: Purpose } | undefined {
  const [, owner, purpose] = snapshotShape.exec(name) ?? [];
  if (owner === undefined || purpose === undefined) return undefined;
  return { owner, purpose: purpose === 'read' || purpose === 'probe' ? purpose : Number(purpose) };
}

const exportShape = /^sealift-(.+)-(\d+|all)-([^-]+)$/;

/** The name under which one disk of ours is read: all of it, or what a mark recorded. */
export const exportName = (owner: string, disk: DiskId, since: ChangeMark | undefined): string =>
  `sealift-${owner}-${since?.number ?? 'all'}-${disk.replaceAll('_', '_u').replaceAll('-', '_d')}`;

/** Whose export it is and which mark it shows, or undefined if it is none of ours. */
export function parseExportName(
  name: string,
): { readonly owner: string; readonly mark: number | undefined } | undefined {
  const [, owner, mark] = exportShape.exec(name) ?? [];
  return owner === undefined ? undefined : { owner, mark: mark === 'all' ? undefined : Number(mark) };
}

const bitmapShape = /^sealift-(.+)-(\d+)-(\d+)-(\d+)$/;

/** A dirty bitmap of ours: its mark, and what the VM was when it was begun. */
export interface BitmapName extends ChangeMark {
  readonly size: number;
  readonly disks: number;
}

/** The name of a bitmap of ours. */
export const bitmapName = ({ owner, number, size, disks }: BitmapName): string =>
  `sealift-${owner}-${number}-${size}-${disks}`;

/** Reads a name, or undefined if the bitmap is none of ours. */
export function parseBitmapName(name: string): BitmapName | undefined {
  const [, owner, number, size, disks] = bitmapShape.exec(name) ?? [];
  if (owner === undefined) return undefined;
  return { owner, number: Number(number), size: Number(size), disks: Number(disks) };
}
