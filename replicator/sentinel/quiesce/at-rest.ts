import type { GuestSystem } from '#replicator/sentinel/guest-system';
import { onDisk, parseMountInfo, parseNoDeviceTypes } from '#replicator/sentinel/inventory/mounts';
import { writableFileSystems } from './disk-plan.ts';
import { readNotes } from './rest-journal.ts';

/**
 * Whether no file system on the guest's disks takes writes, as the kernel says at this moment. It does not say of a
 * frozen one that it is, so those that were frozen on the way to rest are taken for it.
 */
export async function isAtRest(system: GuestSystem): Promise<boolean> {
  const mounts = parseMountInfo((await system.read('/proc/self/mountinfo')) ?? '');
  const noDevice = parseNoDeviceTypes((await system.read('/proc/filesystems')) ?? '');
  // Who could not be read says nothing, and least of all that it is at rest.
  if (onDisk(mounts, noDevice).length === 0) return false;
  const writable = writableFileSystems(mounts, noDevice);
  if (writable.length === 0) return true;
  const { report } = await readNotes(system);
  const frozen = new Set(report?.fileSystems.flatMap(({ mountpoint, how }) => (how === 'frozen' ? [mountpoint] : [])));
  return writable.every(({ mountpoint }) => frozen.has(mountpoint));
}
