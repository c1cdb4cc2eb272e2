import { extent, type Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import type { ChangeMark, DiskLocator, SourceHypervisor } from '#core/ports/source-hypervisor';
import { alignDown, KiB, offset } from '#core/units';
import { connectNbd } from '#replicator/nbd/client';
import type { NbdDevice } from '#replicator/nbd/nbd-device';
import { valueOf } from './value-of.ts';

/** What a frozen mark recorded on one disk. */
export async function changed(source: SourceHypervisor, disk: DiskId, since: ChangeMark): Promise<readonly Extent[]> {
  return await changedAt(valueOf(await source.openDisk(disk, since)));
}

/** What the locator of a frozen mark calls changed. */
export async function changedAt(locator: DiskLocator): Promise<readonly Extent[]> {
  const { device, context } = await openLocator(locator);
  const extents = valueOf(await device.dirtyExtents(String(context), { start: offset(0), length: device.size }));
  await device.close();
  return extents;
}

async function openLocator(locator: DiskLocator): Promise<{ device: NbdDevice; context: string | undefined }> {
  if (locator.type !== 'nbd') throw new Error(`no reader for ${locator.type}`);
  const { uri, changesContext: context } = locator;
  const device = valueOf(await connectNbd(uri, context === undefined ? {} : { metaContexts: [context] }));
  return { device, context };
}

/** Which part of a disk to copy, and what to do when half of it is copied. */
export interface CopyOptions {
  readonly since?: ChangeMark | undefined;
  readonly midway?: (() => Promise<unknown>) | undefined;
}

/** Copies a disk, or what a frozen mark recorded of it, over what the copy holds already. */
export async function copyDisk(
  source: SourceHypervisor,
  disk: DiskId,
  copies: ReadonlyMap<DiskId, Uint8Array>,
  { since, midway }: CopyOptions = {},
): Promise<void> {
  const { device, context } = await openLocator(valueOf(await source.openDisk(disk, since)));
  const whole = { start: offset(0), length: device.size };
  const extents = context === undefined ? halves(whole) : valueOf(await device.dirtyExtents(context, whole));
  const copy = copies.get(disk);
  if (copy === undefined) throw new Error(`no copy of ${disk}`);
  for (const [index, { start, length }] of extents.entries()) {
    if (index === Math.floor(extents.length / 2)) await midway?.();
    valueOf(await device.read(start, copy.subarray(start, start + length)));
  }
  await device.close();
}

function halves({ length }: Extent): readonly Extent[] {
  const middle = alignDown(length / 2, KiB);
  return [extent(0, middle), extent(middle, length - middle)];
}

/** Where two disks differ first, or undefined when they are equal. */
export function firstDifference(one: Uint8Array, other: Uint8Array): number | undefined {
  if (Buffer.compare(one, other) === 0) return undefined;
  const at = one.findIndex((value, index) => value !== other[index]);
  return at === -1 ? Math.min(one.length, other.length) : at;
}
