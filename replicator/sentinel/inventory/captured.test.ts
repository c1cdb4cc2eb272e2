import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAddresses, parseBond, parseVlans } from './links.ts';
import { parseMountInfo, isNetworkShare, onDisk, parseNoDeviceTypes } from './mounts.ts';
import { parseSwaps } from './survey.ts';
import { mappedVolumes, parseLvsJson, parseLvsText, parseMdStat } from './volumes.ts';

/** Real text: each part of the file begins with what it was asked of. */
const captured = new Map(
  readFileSync(`${import.meta.dirname}/captured-linux-6.1.txt`, 'utf8')
    .split(/^=== /m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
);
const said = (what: string): string => {
  const text = captured.get(what);
  if (text === undefined) throw new Error(`nothing was captured of ${what}`);
  return text;
};

describe('what a kernel says', () => {
  it('of a bond: its members, with the addresses that it hides', () =>
    expect(parseBond(said('/proc/net/bonding/bond0'))).toEqual([
      { name: 'd0', mac: '52:54:00:00:00:01' },
      { name: 'd1', mac: '52:54:00:00:00:02' },
    ]));

  it('of VLANs: their numbers, whatever they are called', () =>
    expect([...parseVlans(said('/proc/net/vlan/config'))]).toEqual([
      ['bond0.100', 100],
      ['storage', 7],
    ]));

  it('of addresses: those that others reach, and which of them were lent', () =>
    expect(parseAddresses(said('ip -o addr show'))).toEqual([
      { name: 'storage', address: '198.51.100.9/24', lent: true },
      { name: 'storage', address: '2001:db8::5/64', lent: false },
      { name: 'br0', address: '192.0.2.7/24', lent: false },
    ]));

  it('of arrays: while one is built, with members that failed, read-only, and put together by half', () => {
    const arrays = (state: string) =>
      parseMdStat(said(`/proc/mdstat ${state}`)).map(({ name, level, active, parts, degraded }) => [
        ...[name, level || 'none', active ? 'active' : 'inactive'],
        ...[degraded ? 'degraded' : 'whole', parts.join(' ')],
      ]);
    expect(arrays('building')).toEqual([
      ['md5', 'raid5', 'active', 'degraded', 'vde vdf vdd vdc'],
      ['md127', 'raid1', 'active', 'whole', 'vdb vda'],
    ]);
    expect(arrays('degraded').at(-1)).toEqual(['md127', 'raid1', 'active', 'degraded', 'vdb vda']);
    expect(arrays('inactive')[0]).toEqual(['md5', 'none', 'inactive', 'whole', 'vdc']);
    expect(arrays('readonly')[1]).toEqual(['md127', 'raid1', 'active', 'degraded', 'vdb vda']);
  });

  it('of volumes: the same from LVM, in both of its forms, and from the device mapper', () => {
    const volumes = [
      { kind: 'lvm', name: 'my-group/my-data', path: '/dev/my-group/my-data', parts: ['/dev/md127'] },
      { kind: 'lvm', name: 'my-group/swap', path: '/dev/my-group/swap', parts: ['/dev/md127'] },
    ];
    expect(parseLvsJson(said('lvs json'))).toEqual(volumes);
    expect(parseLvsText(said('lvs text'))).toEqual(volumes);
    const nodes = ['dm-0', 'dm-1'].map((name) => {
      const [mappedName = '', mappedUuid = '', ...parts] = said(`/sys/block/${name}`).trim().split('\n');
      const rest = { kind: 'mapped', sizeBytes: 1, logicalBlockSizeBytes: 512, partitions: [] } as const;
      return { name, mappedName, mappedUuid, parts, ...rest };
    });
    expect(mappedVolumes(nodes, 'lvm').map(({ name, parts }) => ({ name, parts }))).toEqual(
      volumes.map(({ name, parts }) => ({ name, parts })),
    );
    expect(mappedVolumes(nodes, 'luks')).toEqual([]);
  });

  it('of swap: devices, and files with blanks in their names', () => {
    expect(parseSwaps(said('/proc/swaps'))).toEqual(['/dev/mapper/my--group-swap']);
    // Blanks are written as in every list of the kernel.
    expect(parseSwaps('Filename\tType\n/mnt/with\\040blank/swap  file\t4092\t0\t-3\n')).toEqual([
      '/mnt/with blank/swap',
    ]);
  });

  it('of mounts: shares of other machines are none of the disks', () => {
    const text = [
      '36 25 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro',
      '90 25 0:47 / /mnt/nfs rw,relatime shared:45 - nfs4 192.0.2.10:/export/home rw,vers=4.2,rsize=262144,hard,proto=tcp,addr=192.0.2.10',
      '93 25 0:50 / /mnt/my\\040files rw,relatime shared:51 - cifs //files/my\\040share rw,vers=3.1.1,cache=strict,username=a',
      '95 25 0:52 / /mnt/ssh rw,nosuid,nodev,relatime shared:53 - fuse.sshfs a@b:/c rw,user_id=0,group_id=0',
      '97 25 0:54 / /var/lib/lxcfs rw,nosuid,nodev,relatime shared:55 - fuse.lxcfs lxcfs rw,user_id=0',
      '99 25 0:24 / /run/user/0 rw,nosuid,nodev,relatime shared:60 - tmpfs tmpfs rw,size=98304k',
    ].join('\n');
    const mounts = parseMountInfo(text);
    expect(mounts.filter(isNetworkShare).map(({ source, mountpoint }) => [source, mountpoint])).toEqual([
      ['192.0.2.10:/export/home', '/mnt/nfs'],
      ['//files/my share', '/mnt/my files'],
      ['a@b:/c', '/mnt/ssh'],
    ]);
    const noDevice = parseNoDeviceTypes('nodev\ttmpfs\nnodev\tnfs4\nnodev\tcifs\n\text4\n');
    expect(onDisk(mounts, noDevice).map(({ mountpoint }) => mountpoint)).toEqual(['/']);
  });
});
