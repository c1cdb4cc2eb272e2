import { diskId, type DiskId } from '#core/ids';
import type { GuestInventory } from '#core/ports/guest-agent';
import { bytes, GiB, MiB } from '#core/units';
import { controllers, type GuestHardware } from '#simulator/endpoints/guest/hardware';
import { sectorSize } from '#simulator/endpoints/guest/guest-disk';
import { readPartitions } from '#simulator/endpoints/guest/installed-system';
import type { RunningGuest } from '#simulator/endpoints/guest/running-guest';

/** Names of a guest's disks, as its kernel gives them: vda, vdb, or sda, sdb. */
export const diskNames = ({ controller }: Pick<GuestHardware, 'controller'>, count: number): readonly DiskId[] =>
  Array.from({ length: count }, (_, index) =>
    diskId(`${controllers[controller].prefix}${String.fromCharCode(97 + index)}`),
  );

/** Whether writes to a disk can be tracked. */
export type Tracking = GuestInventory['disks'][number]['tracking'];

/** All that a sentinel finds out about its guest. */
export function inventoryOf(
  guest: RunningGuest,
  version: string,
  tracking: (disk: DiskId) => Tracking,
): GuestInventory {
  const { hardware, disks } = guest;
  const booted = guest.booted();
  const installed = guest.installed();
  const files = installed?.files ?? {};
  const names = diskNames(hardware, disks.length);
  return {
    hostname: installed?.hostname ?? '',
    os: osOf(files['/etc/os-release'] ?? ''),
    kernels: installed?.kernels.map((kernel) => kernel.version) ?? [],
    ...{ kernel: booted?.kernel ?? '', machine: 'x86_64', firmware: hardware.firmware },
    bootLoader: files['/boot/grub/grub.cfg'] === undefined ? 'unknown' : 'grub2',
    ...{ memory: bytes(hardware.memory), processors: hardware.processors },
    disks: disks.map((disk, index) => {
      const id = names[index] ?? diskId('unknown');
      return {
        ...{ id, path: `/dev/${id}`, size: disk.size, logicalBlockSize: bytes(512), tracking: tracking(id) },
        partitions: readPartitions(disk).map(({ number, partType }) => ({
          ...{ path: `/dev/${id}${number}`, number, type: partType, start: bytes(0) },
          size: bytes(Math.max(sectorSize, disk.size)),
        })),
      };
    }),
    ...{ volumes: [], swap: [], networkShares: [], routes: [], oldAgents: [] },
    fileSystems: (booted?.mounts ?? []).map(({ device, type, uuid, mountpoint }) => ({
      ...{ device, type, uuid, mountpoint, size: bytes(2 * GiB), used: bytes(512 * MiB) },
      options: guest.isAtRest() ? 'ro' : 'rw',
    })),
    nics: guest.nics().map(({ name, mac, addresses, driver }) => ({ name, mac, addresses, driver })),
    services: guest
      .services()
      .filter(({ state }) => state !== 'stopped')
      .map(({ name, state }) => ({ name, state })),
    sentinel: { version, bootId: guest.bootId },
  };
}

const assigned = (text: string, key: string): string => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';

const osOf = (release: string): GuestInventory['os'] => ({
  id: assigned(release, 'ID'),
  version: assigned(release, 'VERSION_ID'),
  name: assigned(release, 'PRETTY_NAME'),
});
