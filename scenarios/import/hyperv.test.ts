import { describe, expect, it } from 'vitest';
import { GiB } from '#core/units';
import { readHyperv } from './hyperv.ts';

const drive = (path: string, more: object = {}): object => ({
  ...{ Path: path, DiskNumber: null, ControllerType: 1, ControllerNumber: 0, ControllerLocation: 0 },
  ...{ SupportPersistentReservations: false, ...more },
});
const vm = (name: string, more: object = {}): object => ({
  ...{ Name: name, State: 2, Version: '9.0', Generation: 2, ProcessorCount: 4, ComputerName: 'HV01' },
  ...{ HardDrives: [drive(`D:\\vm\\${name}.vhdx`)], DVDDrives: [], Groups: [], ...more },
});
const vhd = (path: string, size: number, fileSize: number): object => ({
  ...{ ComputerName: 'HV01', Path: path, VhdFormat: 3, VhdType: 3, FileSize: fileSize, Size: size },
});
const read = (...values: readonly unknown[]) =>
  readHyperv(
    values.map((value, i) => ({ name: `${i}.json`, text: typeof value === 'string' ? value : JSON.stringify(value) })),
  );

describe('what Get-VM writes', () => {
  it('is a VM with its drives; their sizes are what Get-VHD writes, in whichever case', () =>
    expect(read([vm('dc1')], [vhd('d:\\VM\\DC1.vhdx', 127 * GiB, 20 * GiB)])).toEqual({
      vms: [
        {
          ...{ file: '0.json', name: 'dc1', platform: 'hyperv', host: 'HV01', isTemplate: false, power: 'on' },
          ...{ guest: undefined, tags: [] },
          disks: [{ name: 'scsi0-0', size: 127 * GiB, used: 20 * GiB, untracked: undefined, isShared: false }],
        },
      ],
      problems: [],
    }));

  it('is an object rather than a list where there is one VM and one disk', () =>
    expect(read(vm('a', { HardDrives: drive('D:\\a.vhdx') }), vhd('D:\\a.vhdx', GiB, 1)).vms).toMatchObject([
      { name: 'a', disks: [{ size: GiB, used: 1 }] },
    ]));

  it('may have the sizes within, and more than Get-VM says by itself', () => {
    const drives = [
      drive('D:\\a.vhdx', { VHD: { Size: GiB, FileSize: 5 } }),
      drive('D:\\b.vhdx', { Size: GiB, FileSize: 6 }),
    ];
    const more = {
      HardDrives: drives,
      OSName: 'Windows Server 2022 Standard',
      Groups: [{ Name: 'front' }],
      State: 'Off',
    };
    expect(read([vm('a', more)]).vms).toMatchObject([
      {
        guest: 'Windows Server 2022 Standard',
        tags: ['front'],
        power: 'off',
        disks: [
          { size: GiB, used: 5 },
          { size: GiB, used: 6 },
        ],
      },
    ]);
  });

  it('says which writes cannot be tracked, and what is shared', () => {
    const reasons = (more: object) =>
      read([vm('a', more)]).vms[0]?.disks.map(({ untracked, isShared }) => untracked ?? isShared);
    expect(
      reasons({ HardDrives: [drive('Disk 3 500.00 GB', { DiskNumber: 3 }), drive('D:\\a.vhd'), drive('D:\\s.vhds')] }),
    ).toEqual(['a disk is passed through', 'a disk is a VHD and not a VHDX', true]);
    expect(reasons({ Version: '5.0' })).toEqual(['its configuration is older than version 6.2']);
    expect(reasons({ Version: '10.0' })).toEqual([false]);
  });

  it('leaves out DVD drives, and says so', () =>
    expect(read([vm('a', { DVDDrives: [{ Path: null }] })]).problems).toMatchObject([
      { severity: 'skipped', vm: 'a', message: 'has a DVD drive, which is left out' },
    ]));
});

describe('what is not what Get-VM writes', () => {
  it.each([
    [[{ State: 2 }], 'item 1 is no VM: it has no Name'],
    [[vm('a', { HardDrives: ["HardDiskDrive (Name = 'Hard Drive on SCSI controller')"] })], 'ConvertTo-Json -Depth 4'],
    ['[{', 'is not valid JSON'],
  ])('%j', (value, message) =>
    expect(read(value)).toMatchObject({
      vms: [],
      problems: [{ severity: 'error', message: expect.stringContaining(message) }],
    }),
  );
});
