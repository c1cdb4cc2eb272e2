import { GiB, MiB } from '#core/units';
import { describe, expect, it } from 'vitest';
import { readRvtools } from './rvtools.ts';

const read = (...texts: readonly string[]) => readRvtools(texts.map((text, i) => ({ name: `${i}.csv`, text })));
const head = 'VM,Powerstate,Template,Disks,Provisioned MiB,In Use MiB,Host,OS according to the configuration file';
const info = (...rows: readonly string[]): string => [head, ...rows].join('\n');

describe('a sheet of VMs', () => {
  it('has a VM in each row', () =>
    expect(read(info('web-1,poweredOn,False,1,40960,12000,kvm-1,Debian GNU/Linux 12 (64-bit)'))).toEqual({
      vms: [
        {
          ...{
            file: '0.csv',
            line: 2,
            name: 'web-1',
            platform: undefined,
            host: 'kvm-1',
            power: 'on',
            isTemplate: false,
          },
          ...{ guest: 'Debian GNU/Linux 12 (64-bit)', application: undefined, tags: [] },
          disks: [{ size: 40 * GiB, used: 12_000 * MiB }],
        },
      ],
      problems: [],
    }));

  it('may come from a spreadsheet of another country, with a mark at its start', () => {
    const text = `\uFEFF${head.replaceAll(',', ';')}\r\n"web; 1";"poweredOn";"Falsch";"1";"40.960";"12.000,5";"kvm-1";""\r\n`;
    expect(read(text)).toMatchObject({
      vms: [{ name: 'web; 1', disks: [{ size: 40 * GiB, used: 12_001 * MiB }], guest: undefined }],
      problems: [],
    });
  });

  it('may name its separator, and have fields of several lines', () => {
    const text = 'sep=;\nVM;Annotation;Disk size GB\n"a";"one\ntwo";10\nb;;20\n';
    expect(read(text).vms.map(({ name, line, disks }) => [name, line, disks[0]?.size])).toEqual([
      ['a', 3, 10 * GiB],
      ['b', 5, 20 * GiB],
    ]);
  });

  it('says what is off, and what is a template', () => {
    const { vms } = read(
      info('a,poweredOff,False,1,1,1,h,', 'b,poweredOff,True,1,1,1,h,', 'c,suspended,False,1,1,1,h,', 'd,?,,1,1,1,h,'),
    );
    expect(vms.map(({ power, isTemplate }) => [power, isTemplate])).toEqual([
      ['off', false],
      ['off', true],
      ['on', false],
      ['unknown', false],
    ]);
  });

  it('may say platform, application and tags', () =>
    expect(
      read('VM,Hypervisor,Application,Tags\na,Microsoft Hyper-V,shop,"front, blue"\nb,Nutanix AHV,,\nc,Proxmox VE,,\n'),
    ).toMatchObject({
      vms: [
        { platform: 'hyperv', application: 'shop', tags: ['front', 'blue'] },
        { platform: 'ahv' },
        { platform: 'kvm' },
      ],
    }));

  it('divides one size among several disks, and says so', () => {
    const { vms, problems } = read(info('db,poweredOn,False,3,300000,150000,h,'));
    expect(vms[0]?.disks).toEqual(Array(3).fill({ size: 100_000 * MiB, used: 50_000 * MiB }));
    expect(problems).toMatchObject([
      { severity: 'warning', vm: 'db', message: expect.stringContaining('divided evenly') },
    ]);
  });
});

describe('a sheet of disks', () => {
  const disks = `VM,Powerstate,Disk,Capacity MiB,Raw,Sharing mode,Host
db,poweredOn,Hard disk 1,40960,False,sharingNone,kvm-1
db,poweredOn,Hard disk 2,122880,True,sharingMultiWriter,kvm-1
`;

  it('gives each VM of the other sheet its disks, and divides what is used by their size', () => {
    const { vms, problems } = read(info('db,poweredOn,False,2,999999,81920,kvm-1,'), disks);
    expect(vms).toHaveLength(1);
    expect(vms[0]?.disks).toMatchObject([
      { name: 'Hard disk 1', size: 40 * GiB, used: 20 * GiB, untracked: undefined, isShared: false },
      { name: 'Hard disk 2', size: 120 * GiB, used: 60 * GiB, untracked: 'a disk is a raw device', isShared: true },
    ]);
    expect(problems).toEqual([]);
  });

  it('is enough by itself', () =>
    expect(read(disks).vms).toMatchObject([
      { name: 'db', host: 'kvm-1', disks: [{ size: 40 * GiB }, { size: 120 * GiB }] },
    ]));

  it('tells VMs of one name apart by their host, and leaves out disks of VMs that the other sheet does not have', () => {
    const { vms, problems } = read(
      info('db,poweredOn,False,1,1024,1,kvm-2,', 'db,poweredOn,False,1,1024,1,kvm-1,'),
      `${disks}x,poweredOn,Hard disk 1,1,False,,kvm-1\n`,
    );
    expect(vms.map((vm) => vm.disks.length)).toEqual([1, 2]);
    expect(problems).toMatchObject([{ severity: 'skipped', vm: 'x', file: '1.csv', line: 4 }]);
  });
});

describe('a row that cannot be read', () => {
  it.each([
    ['a,poweredOn,False,1,lots,1,h,', 'has "lots" in column "provisioned mib"; it must be a number'],
    ['a,poweredOn,False,many,1,1,h,', 'has "many" disks'],
    ['a,poweredOn', 'has 2 fields where the first row has 8'],
    ['a,poweredOn,False,1,1,1,h,,,more', 'has 10 fields where the first row has 8'],
    [',poweredOn,False,1,1,1,h,', 'names no VM'],
    ['a,poweredOn,False,1,99999999999999999,1,h,', 'must be a number'],
  ])('%s is told with its line, and the others are read', (row, message) => {
    const { vms, problems } = read(
      info('good,poweredOn,False,1,1024,512,h,', '', row, 'fine,poweredOn,False,1,1024,512,h,'),
    );
    expect(vms.map(({ name }) => name)).toEqual(['good', 'fine']);
    expect(problems).toMatchObject([
      { severity: 'error', file: '0.csv', line: 4, message: expect.stringContaining(message) },
    ]);
  });

  it.each([
    [`${head}\na,"poweredOn`, 2, 'a quoted field that never ends'],
    [`${head}\na,"b"c,`, 2, 'double a quote'],
    ['Machine,Powerstate\na,on', 1, 'names no column "VM"'],
    ['VM,Hypervisor\na,VMware ESXi', 2, 'a source is one of kvm, hyperv, ahv'],
  ])('%j', (text, line, message) =>
    expect(read(text)).toMatchObject({
      vms: [],
      problems: [{ severity: 'error', line, message: expect.stringContaining(message) }],
    }),
  );
});
