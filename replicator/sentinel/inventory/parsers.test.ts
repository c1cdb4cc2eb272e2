import { describe, expect, it } from 'vitest';
import { parseModuleNames } from './boot.ts';
import { isHardwareName } from './fstab.ts';
import { parseAddresses, parseBond, parseVlans } from './links.ts';
import { parseLsblkJson } from './lsblk.ts';
import { parseMountInfo } from './mounts.ts';
import { parseRelease } from './os-release.ts';
import { parseStatusAll } from './services.ts';
import { mappedVolumes, parseLvsJson, parseMdStat } from './volumes.ts';

describe('release files', () => {
  it.each([
    ['/etc/os-release', 'ID="rhel"\nVERSION_ID="9.4"\nPRETTY_NAME="Red Hat \\"Plow\\""\n', 'rhel 9.4 Red Hat "Plow"'],
    [
      '/etc/os-release',
      "ID='opensuse-leap'\nNAME='openSUSE Leap'\nVERSION_ID='15.6'\n",
      'opensuse-leap 15.6 openSUSE Leap 15.6',
    ],
    ['/etc/redhat-release', 'CentOS release 6.10 (Final)\n', 'centos 6.10 CentOS release 6.10 (Final)'],
    [
      '/etc/redhat-release',
      'Red Hat Enterprise Linux Server release 6.5 (Santiago)\n',
      'rhel 6.5 Red Hat Enterprise Linux Server release 6.5 (Santiago)',
    ],
    [
      '/etc/SuSE-release',
      'SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n',
      'sles 11.4 SUSE Linux Enterprise Server 11 (x86_64)',
    ],
  ])('%s names its system', (path, text, expected) => {
    const release = parseRelease(path, text);
    expect(release && `${release.id} ${release.version} ${release.name}`).toBe(expected);
  });

  it('guesses nothing', () => {
    expect(parseRelease('/etc/os-release', 'NAME=Nobody\n')).toBeUndefined();
    expect(parseRelease('/etc/redhat-release', 'Fancy OS 3\n')).toBeUndefined();
  });
});

describe('arrays', () => {
  it('reads members, failed ones too, and whether any is missing', () => {
    const text = [
      'Personalities : [raid1] [raid6]',
      'md127 : active raid1 vdc1[1] vdb1[0]',
      '      1046528 blocks super 1.2 [2/2] [UU]',
      '      ',
      'md5 : active (auto-read-only) raid5 sdd1[3](F) sdc1[1] sdb1[0]',
      '      2093056 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [UU_]',
      '',
      'md9 : inactive vde[0](S)',
      '      1048576 blocks super 1.2',
      'unused devices: <none>',
    ].join('\n');
    expect(parseMdStat(text)).toEqual([
      { name: 'md127', level: 'raid1', active: true, parts: ['vdc1', 'vdb1'], degraded: false },
      { name: 'md5', level: 'raid5', active: true, parts: ['sdd1', 'sdc1', 'sdb1'], degraded: true },
      { name: 'md9', level: '', active: false, parts: ['vde'], degraded: false },
    ]);
  });
});

describe('volumes', () => {
  it('undoes the dashes of device-mapper', () => {
    const node = {
      ...({ name: 'dm-0', kind: 'mapped', sizeBytes: 1, logicalBlockSizeBytes: 512, partitions: [] } as const),
      ...{ mappedName: 'my--group-my--data', mappedUuid: 'LVM-1', parts: ['vdb'] },
    };
    expect(mappedVolumes([node], 'lvm')[0]?.name).toBe('my-group/my-data');
    expect(mappedVolumes([node], 'luks')).toEqual([]);
  });

  it('takes usage for an answer of an old version, not of a machine without volumes', () => {
    expect(parseLvsJson("lvs: unrecognized option '--reportformat'")).toBeUndefined();
    expect(parseLvsJson('{ "report": [ { "lv": [ ] } ] }')).toEqual([]);
    expect(parseLsblkJson("lsblk: invalid option -- 'J'")).toBeUndefined();
  });
});

describe('links', () => {
  it('keeps addresses that others reach, with their prefix', () => {
    const text = [
      '2: eth0    inet 192.0.2.7/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever preferred_lft forever',
      '2: eth0    inet 192.0.2.8/24 scope global secondary eth0:1\\       valid_lft forever',
      '2: eth0    inet6 2001:db8::5/64 scope global dynamic mngtmpaddr \\       valid_lft 86398sec',
      '2: eth0    inet6 fe80::1/64 scope link \\       valid_lft forever',
      '7: ppp0    inet 10.0.0.1 peer 10.0.0.2/32 scope global ppp0',
      '8: eth0.5@eth0    inet 10.5.0.1/16 scope global eth0.5',
    ].join('\n');
    expect(parseAddresses(text)).toEqual([
      { name: 'eth0', address: '192.0.2.7/24', lent: false },
      { name: 'eth0', address: '192.0.2.8/24', lent: false },
      { name: 'eth0', address: '2001:db8::5/64', lent: true },
      { name: 'ppp0', address: '10.0.0.1/32', lent: false },
      { name: 'eth0.5', address: '10.5.0.1/16', lent: false },
    ]);
  });

  it('finds the hardware behind a bond', () => {
    const text =
      'Ethernet Channel Bonding Driver: v3.7.1\n\nBonding Mode: active-backup\n\nSlave Interface: eth0\nMII Status: up\nPermanent HW addr: 52:54:00:00:00:01\n\nSlave Interface: eth1\nPermanent HW addr: 52:54:00:00:00:02\n';
    expect(parseBond(text)).toEqual([
      { name: 'eth0', mac: '52:54:00:00:00:01' },
      { name: 'eth1', mac: '52:54:00:00:00:02' },
    ]);
  });

  it('reads the numbers of VLANs', () => {
    expect([...parseVlans('VLAN Dev name | VLAN ID\nName-Type: X\neth0.7 | 7 | eth0\n')]).toEqual([['eth0.7', 7]]);
  });
});

it('reads services of init scripts', () => {
  const text = ' [ + ]  cron\n [ - ]  dbus\n [ ? ]  mystery\ncrond (pid  1234) is running...\nsshd is stopped\n';
  expect(parseStatusAll(text).map(({ name }) => name)).toEqual(['cron', 'crond']);
});

it('reads names of modules, compressed or not, with the dashes of their files', () => {
  const text = 'kernel/a/vmw_pvscsi.ko.xz: kernel/b/scsi_mod.ko.xz\nkernel/c/snd-hda.ko.zst:\nkernel/d/ext4.ko\n';
  expect([...parseModuleNames(text)]).toEqual(['vmw_pvscsi', 'snd_hda', 'ext4']);
});

it.each([
  ['/dev/vda1', true],
  ['/dev/sdaa', true],
  ['/dev/nvme0n1p2', true],
  ['/dev/disk/by-id/virtio-1-part1', true],
  ['/dev/disk/by-path/pci-0000:00:05.0', true],
  ['/dev/disk/by-id/dm-name-vg-lv', false],
  ['/dev/disk/by-uuid/1', false],
  ['/dev/mapper/vg-lv', false],
  ['UUID=1', false],
])('%s is named by hardware: %s', (device, expected) => expect(isHardwareName(device)).toBe(expected));

it('tells a mount that is read-only from a file system that is', () => {
  const [bound, all] = parseMountInfo(
    '1 0 8:1 / /a ro,relatime shared:1 master:2 - ext4 /dev/sda1 rw\n2 0 8:1 / /b ro - ext4 /dev/sda1 ro\n\n',
  );
  expect([bound?.readOnly, bound?.fileSystemReadOnly, all?.fileSystemReadOnly]).toEqual([true, false, true]);
});
