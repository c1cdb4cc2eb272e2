import { afterEach, describe, expect, it } from 'vitest';
import { describeGuestAgentError, type GuestAgent } from '#core/ports/guest-agent';
import { ok } from '#core/result';
import { liveGuestSystem } from '#replicator/sentinel/folder-guest-system';
import { type FolderGuest, guestOfFiles } from './guest-files.ts';
import { readinessOf } from './readiness.ts';
import { surveyGuest } from './survey.ts';

let guest: FolderGuest | undefined;
afterEach(async () => {
  await guest?.end();
  guest = undefined;
});

/** A Debian 12 guest on KVM: a partitioned disk with the root, and one with LVM and xfs. */
const debianFiles = {
  '/etc/os-release':
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n',
  '/etc/fstab':
    '# static\nUUID=0a1b / ext4 defaults 0 1\n/dev/vdb1 /old ext4 noauto 0 0\n/dev/mapper/data-records /data xfs defaults 0 2\n',
  '/proc/sys/kernel/hostname': 'guest1\n',
  '/proc/sys/kernel/osrelease': '6.1.0-21-amd64\n',
  '/proc/sys/kernel/random/boot_id': '2f0c\n',
  '/proc/meminfo': 'MemTotal:         996252 kB\nMemFree:          100000 kB\n',
  '/proc/cpuinfo': 'processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n',
  '/proc/filesystems': 'nodev\tsysfs\nnodev\tproc\nnodev\ttmpfs\nnodev\ttracefs\nnodev\tnfs4\n\text4\n\txfs\n',
  '/proc/swaps': 'Filename\tType\tSize\tUsed\tPriority\n/swapfile   file 1024 0 -2\n',
  '/proc/self/mountinfo': [
    '22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro',
    '23 22 0:21 / /proc rw,nosuid - proc proc rw',
    '30 22 252:0 / /data rw,relatime shared:3 - xfs /dev/mapper/data-records rw,attr2',
    '31 22 254:1 /srv /mnt/with\\040blank rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro',
    '32 22 0:50 / /shared rw,relatime - nfs4 nas:/export rw,vers=4.2',
  ].join('\n'),
  '/sys/block/vda/device/': '',
  '/sys/block/vda/size': '6291456\n',
  '/sys/block/vda/queue/logical_block_size': '512\n',
  '/sys/block/vda/vda1/partition': '1\n',
  '/sys/block/vda/vda1/start': '2048\n',
  '/sys/block/vda/vda1/size': '6289408\n',
  '/sys/block/vdb/device/': '',
  '/sys/block/vdb/size': '2097152\n',
  '/sys/block/vdb/queue/logical_block_size': '4096\n',
  '/sys/block/dm-0/dm/name': 'data-records\n',
  '/sys/block/dm-0/dm/uuid': 'LVM-abc\n',
  '/sys/block/dm-0/size': '2088960\n',
  '/sys/block/dm-0/slaves/vdb/': '',
  '/sys/block/sr0/device/': '',
  '/sys/block/sr0/size': '2097151\n',
  '/sys/block/zram0/size': '2097151\n',
  '/sys/dev/block/254:1/uevent': 'MAJOR=254\nMINOR=1\nDEVNAME=vda1\n',
  '/sys/dev/block/252:0/uevent': 'MAJOR=252\nMINOR=0\nDEVNAME=dm-0\n',
  '/sys/class/net/lo/address': '00:00:00:00:00:00\n',
  '/sys/class/net/enp0s3/address': '52:54:00:12:34:56\n',
  '/sys/class/net/enp0s3/device/uevent': 'DRIVER=virtio_net\n',
  '/sys/class/net/enp0s3/uevent': 'INTERFACE=enp0s3\n',
  '/sys/class/net/vlan100/address': '52:54:00:12:34:56\n',
  '/sys/class/net/vlan100/uevent': 'DEVTYPE=vlan\nINTERFACE=vlan100\n',
  '/sys/class/net/veth0/uevent': 'INTERFACE=veth0\n',
  '/proc/net/vlan/config': 'VLAN Dev name    | VLAN ID\nName-Type: VLAN_NAME_TYPE\nvlan100        | 100  | enp0s3\n',
  '/run/systemd/system/': '',
  '/boot/grub/grub.cfg': '',
  '/boot/vmlinuz-6.1.0-21-amd64': '',
  '/boot/vmlinuz-6.1.0-21-cloud-amd64': '',
  '/lib/modules/6.1.0-21-amd64/modules.dep':
    'kernel/drivers/scsi/vmw_pvscsi.ko: kernel/drivers/scsi/scsi_mod.ko\nkernel/drivers/net/vmxnet3/vmxnet3.ko:\n',
  '/lib/modules/6.1.0-21-cloud-amd64/modules.dep': 'kernel/drivers/block/virtio_blk.ko.xz:\n',
};
const debianPrograms = {
  'uname -m': 'x86_64\n',
  'lsblk -J -o KNAME,FSTYPE,UUID,PARTTYPE': JSON.stringify({
    blockdevices: [
      { kname: 'vda', fstype: null, children: [{ kname: 'vda1', fstype: 'ext4', uuid: '0a1b', parttype: '0x83' }] },
      { kname: 'vdb', fstype: 'LVM2_member', uuid: 'pv1', children: [{ kname: 'dm-0', fstype: 'xfs', uuid: 'c3d4' }] },
    ],
  }),
  'lvs --reportformat json -o vg_name,lv_name,lv_path,devices': JSON.stringify({
    report: [{ lv: [{ vg_name: 'data', lv_name: 'records', lv_path: '/dev/data/records', devices: '/dev/vdb(0)' }] }],
  }),
  df: 'Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda1 3000000 1000000 1800000 36% /\n/dev/mapper/data-records 1000000 5000 995000 1% /data\n',
  'ip -o addr show':
    '1: lo    inet 127.0.0.1/8 scope host lo\\ valid_lft forever\n2: enp0s3    inet 10.0.2.15/24 brd 10.0.2.255 scope global dynamic enp0s3\\ valid_lft 86000sec\n2: enp0s3    inet6 fe80::1/64 scope link \\ valid_lft forever\n3: vlan100@enp0s3    inet 10.9.0.2/24 scope global vlan100\\ valid_lft forever\n',
  'ip -4 route show':
    'default via 10.0.2.2 dev enp0s3 \n10.0.2.0/24 dev enp0s3 proto kernel scope link src 10.0.2.15 \n',
  'ip -6 route show': 'fe80::/64 dev enp0s3 proto kernel metric 256 pref medium\n',
  systemctl:
    'cron.service loaded active running Regular background program processing daemon\n* broken.service loaded failed failed A broken one\nqemu-guest-agent.service loaded active running QEMU Guest Agent\nsystemd-timesyncd.service loaded active running Network Time Synchronization\n',
};

describe('a survey', () => {
  it('finds all of a Debian guest, each thing once', async () => {
    guest = await guestOfFiles(debianFiles, debianPrograms);
    const survey = await surveyGuest(guest.system, { version: '0.1.0' });
    expect(survey).toMatchObject({
      hostname: 'guest1',
      os: { id: 'debian', version: '12' },
      kernel: '6.1.0-21-amd64',
      kernels: ['6.1.0-21-amd64', '6.1.0-21-cloud-amd64'],
      machine: 'x86_64',
      firmware: 'bios',
      bootLoader: 'grub2',
      memory: 996252 * 1024,
      processors: 2,
      volumes: [{ kind: 'lvm', name: 'data/records', path: '/dev/data/records', parts: ['/dev/vdb'] }],
      swap: ['/swapfile'],
      networkShares: [{ type: 'nfs4', source: 'nas:/export', mountpoint: '/shared' }],
      oldAgents: ['qemu-guest-agent'],
      sentinel: { version: '0.1.0', bootId: '2f0c' },
    });
    expect(survey.disks).toEqual([
      {
        ...{ id: 'vda', path: '/dev/vda', size: 6291456 * 512, logicalBlockSize: 512, tracking: { possible: true } },
        partitions: [{ path: '/dev/vda1', number: 1, start: 1048576, size: 6289408 * 512, type: '0x83' }],
      },
      {
        ...{ id: 'vdb', path: '/dev/vdb', size: 2097152 * 512, logicalBlockSize: 4096, tracking: { possible: true } },
        partitions: [],
      },
    ]);
    expect(
      survey.fileSystems.map(({ mountpoint, type, uuid, size, used }) => [mountpoint, type, uuid, size, used]),
    ).toEqual([
      ['/', 'ext4', '0a1b', 3000000 * 1024, 1000000 * 1024],
      ['/data', 'xfs', 'c3d4', 1000000 * 1024, 5000 * 1024],
    ]);
    expect(survey.nics).toEqual([
      { name: 'enp0s3', mac: '52:54:00:12:34:56', addresses: ['10.0.2.15/24'], driver: 'virtio_net' },
      { name: 'vlan100', mac: '52:54:00:12:34:56', addresses: ['10.9.0.2/24'], vlan: 100, driver: 'vlan' },
    ]);
    expect(survey.routes).toEqual([
      'default via 10.0.2.2 dev enp0s3',
      '10.0.2.0/24 dev enp0s3 proto kernel scope link src 10.0.2.15',
    ]);
    expect(survey.services).toContainEqual({ name: 'broken.service', state: 'failed' });
    expect(survey.details).toMatchObject({
      missing: [],
      init: 'systemd',
      hardwareNames: ['/dev/vdb1'],
      lent: ['10.0.2.15/24'],
      timeService: 'systemd-timesyncd.service',
    });
    expect(JSON.parse(JSON.stringify(survey))).toEqual(survey);
  });

  it('asks old programs in their own way', async () => {
    const { 'lsblk -J -o KNAME,FSTYPE,UUID,PARTTYPE': _, ...rest } = debianPrograms;
    const { 'lvs --reportformat json -o vg_name,lv_name,lv_path,devices': __, ...old } = rest;
    guest = await guestOfFiles(debianFiles, {
      ...old,
      'lsblk -P -o KNAME,FSTYPE,UUID,PARTTYPE':
        'KNAME="vda1" FSTYPE="ext4" UUID="0a1b" PARTTYPE="0x83"\nKNAME="dm-0" FSTYPE="xfs" UUID="c3d4" PARTTYPE=""\n',
      'lvs --noheadings --separator | -o vg_name,lv_name,lv_path,devices':
        '  data|records|/dev/data/records|/dev/vdb(0)\n  data|records|/dev/data/records|/dev/vdc(10)\n',
    });
    const survey = await surveyGuest(guest.system, { version: '0.1.0' });
    expect(survey.details.missing).toEqual([]);
    expect(survey.fileSystems.map(({ uuid }) => uuid)).toEqual(['0a1b', 'c3d4']);
    expect(survey.volumes).toEqual([
      { kind: 'lvm', name: 'data/records', path: '/dev/data/records', parts: ['/dev/vdb', '/dev/vdc'] },
    ]);
  });

  it('says what it could not find out, and takes the kernel for what the programs would have said', async () => {
    guest = await guestOfFiles(debianFiles);
    const survey = await surveyGuest(guest.system, { version: '0.1.0' });
    expect(survey.volumes).toEqual([
      { kind: 'lvm', name: 'data/records', path: '/dev/mapper/data-records', parts: ['/dev/vdb'] },
    ]);
    expect(survey.details.missing.map((what) => what.split(':')[0])).toEqual([
      'types and UUIDs of block devices',
      'addresses',
      'services',
      'machine',
      'volumes that are not active',
      'room on /',
      'room on /data',
    ]);
    expect(survey.fileSystems[0]).toMatchObject({ uuid: '', size: 0 });
  });

  it('knows nothing of an empty folder, and says so', async () => {
    guest = await guestOfFiles({});
    const survey = await surveyGuest(guest.system, { version: '0.1.0' });
    expect(survey).toMatchObject({ os: { id: 'unknown' }, disks: [], bootLoader: 'unknown', machine: 'unknown' });
    expect(survey.details.missing.length).toBeGreaterThan(5);
    const verdicts = new Map(readinessOf(survey).map(({ id, verdict }) => [id, verdict]));
    expect(verdicts.get('disks')).toBe('failed');
    expect(verdicts.get('boot-loader')).toBe('failed');
    expect(verdicts.get('machine')).toBe('failed');
  });

  it('is what an agent answers when it is asked to inspect', async () => {
    const inspect: GuestAgent['inspect'] = async () => ok(await surveyGuest(liveGuestSystem(), { version: '0.1.0' }));
    const inspected = await inspect();
    if (!inspected.ok) throw new Error(describeGuestAgentError(inspected.error));
    expect(inspected.value.sentinel.bootId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('finds this machine as the kernel describes it', async () => {
    const system = liveGuestSystem();
    const survey = await surveyGuest(system, { version: '0.1.0' });
    expect(survey.kernel).toBe((await system.read('/proc/sys/kernel/osrelease'))?.trim());
    expect(survey.memory).toBeGreaterThan(0);
    expect(survey.os.id).not.toBe('unknown');
    expect(readinessOf(survey).length).toBeGreaterThan(3);
  });
});
