import type { GuestInventory } from '#core/ports/guest-agent';
import { bytes, MiB } from '#core/units';

/** The one card of the small source. */
const nic = { name: 'ens3', mac: '52:54:00:00:00:01', addresses: ['10.0.2.15/24'], driver: 'virtio_net' };

/** The file system that it boots from. */
export const rootFileSystem = {
  ...{ device: '/dev/vda1', type: 'ext4', uuid: '0c1d', mountpoint: '/' },
  ...{ size: bytes(1_024 * MiB), used: bytes(512 * MiB) },
};

/** What does not change while it runs. */
export const emptyInventory: Omit<GuestInventory, 'hostname' | 'disks' | 'fileSystems' | 'sentinel'> = {
  os: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' },
  ...{ kernels: ['6.1.0-1-amd64'], kernel: '6.1.0-1-amd64', machine: 'x86_64', firmware: 'bios', bootLoader: 'grub2' },
  ...{ memory: bytes(512 * MiB), processors: 2, volumes: [], swap: [], networkShares: [], nics: [nic], routes: [] },
  services: [{ name: 'cron.service', state: 'running' }],
  oldAgents: [],
};
