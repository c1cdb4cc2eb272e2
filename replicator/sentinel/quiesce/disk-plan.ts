import { type Mount, oncePerFileSystem, onDisk } from '#replicator/sentinel/inventory/mounts';

/** A file system that has to take no more writes. */
export interface WritableFileSystem {
  readonly mountpoint: string;
  readonly device: string;
  /** Whether it can be frozen: others have no such thing, or not reliably. */
  readonly freezable: boolean;
}

const freezableTypes: ReadonlySet<string> = new Set([
  'ext2',
  'ext3',
  'ext4',
  'xfs',
  'btrfs',
  'f2fs',
  'jfs',
  'reiserfs',
]);

/**
 * File systems on the guest's disks that take writes, in the order in which they stop doing so: the last that was
 * mounted first, the root last. Each once, however often it is mounted. Shares of other machines are not ours.
 */
export const writableFileSystems = (
  mounts: readonly Mount[],
  noDevice: ReadonlySet<string>,
): readonly WritableFileSystem[] =>
  oncePerFileSystem(onDisk(mounts, noDevice).filter(({ fileSystemReadOnly }) => !fileSystemReadOnly))
    .map(({ mountpoint, device, type }) => ({ mountpoint, device, freezable: freezableTypes.has(type) }))
    .sort((a, b) => depth(a.mountpoint) - depth(b.mountpoint))
    .reverse();

// Sorting is stable, so that of two at one depth the later mount comes first once it is reversed.
const depth = (mountpoint: string): number => mountpoint.split('/').filter((part) => part !== '').length;

/** Swap that is on a disk: its writes would change the disk under everybody's feet. Compressed memory is none. */
export const swapOnDisk = (places: readonly string[]): readonly string[] =>
  places.filter((place) => !place.startsWith('/dev/zram'));
