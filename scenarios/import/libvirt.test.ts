import { describe, expect, it } from 'vitest';
import { GiB } from '#core/units';
import { readLibvirt } from './libvirt.ts';

const disk = (target: string, more = ''): string =>
  `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/${target}.qcow2'/><target dev='${target}' bus='virtio'/>${more}</disk>`;
const domain = (name: string, devices: string, more = ''): string => `<?xml version="1.0"?>
<domain type='kvm' id='3'>
  <name>${name}</name>${more}
  <devices>${devices}</devices>
</domain>
`;
const libosinfo = `<metadata><libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0"><libosinfo:os id="http://redhat.com/rhel/9.2"/></libosinfo:libosinfo></metadata>`;
const volume = (path: string, capacity: string, allocation: string): string =>
  `<volume type='file'><name>v</name><key>${path}</key>${capacity}${allocation}<target><path>${path}</path></target></volume>`;
const read = (files: Readonly<Record<string, string>>) =>
  readLibvirt(Object.entries(files).map(([name, text]) => ({ name, text })));

describe('a domain', () => {
  it('is a VM with its disks and its guest, and without its CD-ROM', () => {
    const cdrom = `<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>`;
    expect(read({ 'a.xml': domain('erp &amp; db', disk('vda') + cdrom, libosinfo) })).toEqual({
      vms: [
        {
          ...{ file: 'a.xml', line: 2, name: 'erp & db', platform: 'kvm', isTemplate: false, tags: [], power: 'on' },
          guest: 'http://redhat.com/rhel/9.2',
          disks: [{ name: 'vda', size: undefined, used: undefined, untracked: undefined, isShared: false }],
        },
      ],
      problems: [
        { severity: 'skipped', file: 'a.xml', line: 2, vm: 'erp & db', message: 'has a CD-ROM, which is left out' },
      ],
    });
  });

  it('may stand with others in one file, each with its line', () => {
    const { vms, problems } = read({ 'all.xml': domain('a', disk('vda')) + domain('007', disk('vda')) });
    expect(vms.map(({ name, line }) => [name, line])).toEqual([
      ['a', 2],
      ['007', 7],
    ]);
    expect(problems).toEqual([]);
  });

  it('that has no id may be off; a clock in local time is that of Windows', () => {
    const text = domain('w', disk('sda'), "<clock offset='localtime'/>").replace(" id='3'", '');
    expect(read({ 'w.xml': text }).vms).toMatchObject([{ power: 'unknown', guest: 'windows' }]);
  });

  it('says which writes cannot be tracked, and what is shared', () => {
    const lun = `<disk type='block' device='lun'><source dev='/dev/sdx'/><target dev='sdb'/><shareable/></disk>`;
    const { vms } = read({ 'a.xml': domain('a', disk('vda').replace('qcow2', 'raw') + lun) });
    expect(vms[0]?.disks).toMatchObject([
      { untracked: 'a disk is raw, which keeps no dirty bitmap', isShared: false },
      { name: 'sdb', untracked: 'a disk is passed through', isShared: true },
    ]);
  });
});

describe('the sizes of disks', () => {
  it('come from volumes, in whichever unit', () => {
    const volumes =
      volume(
        '/images/vda.qcow2',
        `<capacity unit='bytes'>21474836480</capacity>`,
        `<allocation>1073741824</allocation>`,
      ) + volume('/images/vdb.qcow2', `<capacity unit='GiB'>100</capacity>`, `<allocation unit='GB'>30</allocation>`);
    const { vms } = read({ 'a.xml': domain('a', disk('vda') + disk('vdb')), 'v.xml': volumes });
    expect(vms[0]?.disks).toMatchObject([
      { size: 20 * GiB, used: GiB },
      { size: 100 * GiB, used: 30_000_000_000 },
    ]);
  });

  it('come from domblkinfo of all disks, in a file named after the domain', () => {
    const table = ` Target   Capacity       Allocation     Physical
-------------------------------------------------
 vda      21474836480    3221225472     3221225472
 vdb      100.000 GiB    30.000 GiB     30.000 GiB
 sda      -              -              -
`;
    const { vms } = read({
      'sizes/a.txt': table,
      'sizes/a.b.txt': table.replace('21474836480', '42949672960'),
      'all.xml': domain('a', disk('vda') + disk('vdb')) + domain('a.b', disk('vda')),
    });
    expect(vms.map(({ disks }) => disks.map(({ size }) => size))).toEqual([[20 * GiB, 100 * GiB], [40 * GiB]]);
  });

  it('come from domblkinfo of one disk, named after it or the only one', () => {
    const one = 'Capacity:       21474836480\nAllocation:     3221225472\nPhysical:       3221225472\n\n';
    const both = domain('a', disk('vda') + disk('vdb'));
    const sizes = (files: Readonly<Record<string, string>>) => read(files).vms[0]?.disks.map(({ size }) => size);
    expect(sizes({ 'a.vda.txt': one, 'a.vdb.txt': one.replace('214', '429'), 'a.xml': both })).toEqual([
      20 * GiB,
      42_974_836_480,
    ]);
    expect(sizes({ 'a.txt': one, 'a.xml': domain('a', disk('vda')) })).toEqual([20 * GiB]);
    // Of which of the two disks would that be?
    expect(sizes({ 'a.txt': one, 'a.xml': both })).toEqual([undefined, undefined]);
  });
});

describe('what is no XML of libvirt', () => {
  it.each([
    ['<domain>\n<name>a</domain>', 2, 'is not valid XML'],
    ['<network/>', undefined, 'has neither a <domain> nor a <volume>'],
    ['<domain><uuid/></domain>', 1, 'is a domain without a name'],
    ['<domain/>', undefined, 'is a domain without a name'],
    ['<!DOCTYPE x [<!ENTITY a "aaaa">]><domain><name>&a;</name></domain>', undefined, 'has a document type'],
  ])('%j', (text, line, message) =>
    expect(read({ 'x.xml': text })).toMatchObject({
      vms: [],
      problems: [
        {
          severity: 'error',
          file: 'x.xml',
          ...(line !== undefined && { line }),
          message: expect.stringContaining(message),
        },
      ],
    }),
  );
});
