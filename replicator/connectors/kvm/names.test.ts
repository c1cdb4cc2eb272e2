import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { bytes } from '#core/units';
import { formatExportName, parseExportName } from './export-name.ts';
import { disksOf } from './inventory.ts';
import { formatMarkName, parseMarkName } from './mark-name.ts';

// Owners that look like the rest of a name are the hard ones.
const owner = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/),
  fc.constantFrom('a-1', 'a-1-2-3', '7', 'sealift-a-0-1-1', 'm-all', 'm-all-0123456789ab'),
);
const number = fc.nat();

describe('the name of a mark', () => {
  it('says whose it is, and of which disk, whatever the owner is called', () => {
    fc.assert(
      fc.property(owner, number, fc.nat().map(bytes), number, (owner, number, size, disks) => {
        const mark = { owner, number, size, disks };
        expect(parseMarkName(formatMarkName(mark))).toEqual(mark);
      }),
    );
  });

  it.each(['backup', 'sealift', 'sealift-', 'sealift-m-0', 'sealift-m-00-1-1', 'sealift-m-0-1-1 ', 'xsealift-m-0-1-1'])(
    'is not seen in %j',
    (name) => {
      expect(parseMarkName(name)).toBeUndefined();
    },
  );
});

describe('the name of an export', () => {
  it('says whose it is and what it shows, whatever owner and disk are called', () => {
    fc.assert(
      fc.property(owner, owner, fc.option(number, { nil: undefined }), (owner, disk, mark) => {
        expect(parseExportName(formatExportName({ owner, disk: diskId(disk), mark }))).toEqual({ owner, mark });
      }),
    );
  });

  it('is what QEMU takes for an id', () => {
    fc.assert(
      fc.property(owner, (owner) => {
        expect(formatExportName({ owner, disk: diskId('vda'), mark: 1 })).toMatch(/^[A-Za-z][A-Za-z0-9._-]*$/);
      }),
    );
  });

  it('is not shared by two disks', () => {
    const named = (disk: string) => formatExportName({ owner: 'm', disk: diskId(disk), mark: 0 });
    expect(named('vda')).not.toBe(named('vdb'));
  });
});

describe('the name of a disk', () => {
  const device = (names: { device?: string; qdev?: string }, node: string) => ({
    device: '',
    removable: false,
    inserted: { 'node-name': node, image: { 'virtual-size': 512 } },
    ...names,
  });
  const namesOf = (...devices: ReturnType<typeof device>[]) => disksOf(devices).map(({ id }) => id);

  it.each([
    ['the id of its device', { qdev: '/machine/peripheral/virtio-disk0/virtio-backend' }, 'virtio-disk0'],
    ['the id of its device, as older versions tell it', { qdev: 'scsi0-0-0-0' }, 'scsi0-0-0-0'],
    ['its drive', { qdev: '/machine/peripheral-anon/device[0]/virtio-backend', device: 'drive0' }, 'drive0'],
    ['its place', { qdev: '/machine/peripheral-anon/device[0]/virtio-backend' }, 'peripheral-anon-device-0'],
    ['its node', {}, 'node1'],
  ])('is %s', (_, names, id) => {
    expect(namesOf(device(names, 'node1'))).toEqual([id]);
  });

  it('is never that of another disk', () => {
    const one = device({ qdev: '/machine/peripheral/d/virtio-backend' }, 'node1');
    expect(namesOf(one, device({ device: 'd' }, 'node2'))).toEqual(['d-node1', 'd-node2']);
  });

  it('is not given to a drive whose medium can be exchanged, or that has none', () => {
    const { inserted, ...empty } = device({ device: 'floppy' }, 'n');
    expect(inserted).toBeDefined();
    expect(disksOf([empty, { ...device({ device: 'cd' }, 'm'), removable: true }])).toEqual([]);
  });
});
