import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { bytes, GiB, MiB } from '#core/units';
import { readinessOf, type SurveyedInventory } from './readiness.ts';

const disk = (id: string): SurveyedInventory['disks'][number] => ({
  ...{ id: diskId(id), path: `/dev/${id}`, size: bytes(GiB), logicalBlockSize: bytes(512) },
  ...{ tracking: { possible: true }, partitions: [] },
});
const root = {
  ...{ device: '/dev/vda1', type: 'ext4', uuid: 'u', mountpoint: '/', size: bytes(GiB), used: bytes(0), options: 'rw' },
};
const ready: SurveyedInventory & { readonly details: NonNullable<SurveyedInventory['details']> } = {
  ...{ hostname: 'g', os: { id: 'debian', version: '12', name: 'Debian' }, kernels: ['6.1'], kernel: '6.1' },
  ...{ machine: 'x86_64', firmware: 'bios', bootLoader: 'grub2', memory: bytes(GiB), processors: 1 },
  ...{ disks: [disk('vda')], volumes: [], fileSystems: [root], swap: [], networkShares: [], routes: [] },
  nics: [{ name: 'ens3', mac: '52:54:00:00:00:01', addresses: [], driver: 'virtio_net' }],
  ...{ services: [], oldAgents: [], sentinel: { version: '0.1.0', bootId: 'b' } },
  details: {
    ...{ missing: [], init: 'systemd', degraded: [], locked: [], multipath: [], hardwareNames: [], lent: [] },
    kernels: [{ version: '6.1', image: true, drivers: ['vmw_pvscsi', 'vmxnet3'] }],
    timeService: 'chrony.service',
  },
};
const troubles = (inventory: SurveyedInventory): readonly string[] =>
  readinessOf(inventory)
    .filter(({ verdict }) => verdict !== 'passed')
    .map(({ id, verdict }) => `${id} ${verdict}`);
const withDetails = (details: Partial<typeof ready.details>): SurveyedInventory => ({
  ...ready,
  details: { ...ready.details, ...details },
});

describe('readiness', () => {
  it('has nothing to say against a guest that is ready', () => {
    expect(troubles(ready)).toEqual([]);
    expect(readinessOf(ready).every(({ remedy }) => remedy === '')).toBe(true);
  });

  const untracked = { ...disk('vdb'), tracking: { possible: false, why: 'no tracefs' } } as const;
  const share = (type: string) => ({ type, source: 'nas:/x', mountpoint: '/x' });
  const cases: readonly (readonly [string, SurveyedInventory, readonly string[]])[] = [
    ['another architecture', { ...ready, machine: 'aarch64' }, ['machine failed']],
    ['a disk that cannot be tracked', { ...ready, disks: [disk('vda'), untracked] }, ['disk-trackable:vdb warning']],
    ['no disk', { ...ready, disks: [] }, ['disks failed']],
    ['too many disks', { ...ready, disks: Array.from({ length: 61 }, (_, n) => disk(`d${n}`)) }, ['disks failed']],
    ['an unknown boot loader', { ...ready, bootLoader: 'unknown' }, ['boot-loader failed']],
    ['an old boot loader', { ...ready, bootLoader: 'grub-legacy' }, ['boot-loader warning']],
    ['no details', withoutDetails(), ['inventory-complete warning']],
    [
      'no room for new initial RAM disks',
      { ...ready, fileSystems: [{ ...root, used: bytes(GiB - 60 * MiB) }] },
      ['free-room:/ failed'],
    ],
    ['an NFS share', { ...ready, networkShares: [share('nfs4')] }, ['network-share:/x warning']],
    ['a CIFS share', { ...ready, networkShares: [share('cifs')] }, ['network-share:/x warning']],
    [
      'an agent of the old hypervisor',
      { ...ready, oldAgents: ['qemu-guest-agent'] },
      ['old-agent:qemu-guest-agent warning'],
    ],
    ['no network card', { ...ready, nics: [] }, ['nics failed']],
    ['a degraded array', withDetails({ degraded: ['md0'] }), ['md:md0 failed']],
    ['a locked device', withDetails({ locked: ['vdb1'] }), ['luks:vdb1 warning']],
    ['several paths', withDetails({ multipath: ['mpatha'] }), ['multipath:mpatha failed']],
    ['names of hardware', withDetails({ hardwareNames: ['/dev/vda1'] }), ['fstab warning']],
    ['no time service', withDetails({ timeService: '' }), ['clock warning']],
    ['something not found out', withDetails({ missing: ['machine: no'] }), ['inventory-complete:0 warning']],
    ['no kernel', withDetails({ kernels: [] }), ['kernels failed']],
    [
      'a running kernel without drivers, and another',
      withDetails({
        kernels: [
          { version: '6.1', image: true, drivers: ['vmxnet3'] },
          { version: '6.1-cloud', image: true, drivers: [] },
          { version: 'leftover', image: false, drivers: [] },
        ],
      }),
      ['kernel-drivers:6.1 failed', 'kernel-drivers:6.1-cloud warning'],
    ],
    [
      'an encrypted disk',
      { ...ready, volumes: [{ kind: 'luks', name: 'crypt', path: '/dev/mapper/crypt', parts: ['/dev/vda2'] }] },
      ['luks:crypt warning'],
    ],
  ];
  it.each(cases)('speaks of %s', (_, inventory, expected) => {
    expect(troubles(inventory)).toEqual(expected);
    for (const { verdict, remedy } of readinessOf(inventory)) expect(remedy === '').toBe(verdict === 'passed');
  });

  it('asks for less room in a root that has /boot beside it', () => {
    const boot = { ...root, mountpoint: '/boot' };
    const full = { ...root, used: bytes(GiB - 30 * MiB) };
    expect(troubles({ ...ready, fileSystems: [full, boot] })).toEqual([]);
    expect(troubles({ ...ready, fileSystems: [root, { ...boot, used: bytes(GiB - 30 * MiB) }] })).toEqual([
      'free-room:/boot failed',
    ]);
  });
});

function withoutDetails(): SurveyedInventory {
  const { details: _, ...inventory } = ready;
  return inventory;
}
