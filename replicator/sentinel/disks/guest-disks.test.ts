import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { bytes, instant, type Millis } from '#core/units';
import { listDisks } from './guest-disks.ts';
import { sysfsAt } from './node-sysfs.ts';
import { watchDisks, type DiskChange, type DiskSight } from './watch-disks.ts';

/** Files of a device below /sys, as real guests have them. */
type Device = Readonly<Record<string, string>>;
const disk = (dev: string, sectors: number, more: Device = {}): Device => ({
  dev,
  size: String(sectors),
  removable: '0',
  'queue/logical_block_size': '512',
  'queue/scheduler': '[none] mq-deadline',
  'mq/0/cpu_list': '0, 1',
  diskseq: dev,
  ...more,
});

describe('the disks of a guest', () => {
  let root = '';
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'sealift-sysfs-'))));
  afterEach(() => rmSync(root, { recursive: true }));

  const put = (place: string, name: string, device: Device): void => {
    const folder = join(root, 'devices', place, 'block', name);
    mkdirSync(folder, { recursive: true });
    for (const [file, text] of Object.entries(device)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), `${text}\n`);
    }
    mkdirSync(join(root, 'block'), { recursive: true });
    symlinkSync(join('..', 'devices', place, 'block', name), join(root, 'block', name));
  };
  const names = async (choice = {}): Promise<readonly string[]> =>
    (await listDisks(sysfsAt(root), choice)).map(({ id }) => id);

  it('are the whole ones that hold its system, and nothing made of them', async () => {
    put('pci0/virtio1', 'vda', disk('254:0', 2_048));
    put('pci0/scsi', 'sda', disk('8:0', 2_048));
    put('pci0/scsi', 'sr0', disk('11:0', 2_048, { removable: '1', 'device/type': '5' }));
    put('pci0/usb', 'sdb', disk('8:16', 2_048, { removable: '1' }));
    put('pci0/usb', 'sdc', disk('8:32', 0));
    put('mmc', 'mmcblk0', disk('179:0', 2_048));
    put('mmc', 'mmcblk0boot0', disk('179:8', 8));
    put('pci0/nvme', 'nvme0c0n1', disk('0:0', 2_048, { hidden: '1' }));
    put('virtual', 'ram0', disk('1:0', 2_048));
    put('virtual', 'zram0', disk('253:0', 2_048));
    put('virtual', 'dm-0', disk('252:0', 2_048));
    put('virtual', 'md127', disk('9:127', 2_048));
    put('virtual', 'nbd0', disk('43:0', 2_048));
    put('virtual', 'loop7', disk('7:7', 2_048));
    put('cciss', 'cciss!c0d0', disk('104:0', 2_048));
    expect(await names()).toEqual(['cciss-c0d0', 'mmcblk0', 'sda', 'vda']);
    expect(await names({ loops: ['loop7'] })).toContain('loop7');
    const [cciss] = await listDisks(sysfsAt(root));
    expect(cciss?.path).toBe('/dev/cciss/c0d0');
  });

  it('have their partitions, their blocks, and whole ones of them only', async () => {
    put('pci0', 'sda', {
      ...disk('8:16', 20_481, { 'queue/logical_block_size': '4096' }),
      'sda2/partition': '2',
      'sda2/start': '4096',
      'sda2/size': '8192',
      'sda1/partition': '1',
      'sda1/start': '2048',
      'sda1/size': '2048',
    });
    expect(await listDisks(sysfsAt(root))).toMatchObject([
      {
        dev: 8 * 2 ** 20 + 16,
        size: 20_480 * 512,
        logicalBlockSize: 4_096,
        partitions: [
          { path: '/dev/sda1', number: 1, start: 2_048 * 512, size: 2_048 * 512 },
          { path: '/dev/sda2', number: 2, start: 4_096 * 512, size: 8_192 * 512 },
        ],
      },
    ]);
  });

  it('know what is built on them, through as many devices as there are', async () => {
    put('pci0', 'vda', { ...disk('254:0', 2_048), 'vda1/partition': '1', 'vda1/start': '0', 'vda1/size': '9' });
    put('virtual', 'md0', { ...disk('9:0', 9), 'md/level': 'raid1' });
    put('virtual', 'dm-0', { ...disk('252:0', 9), 'dm/name': 'secret', 'dm/uuid': 'CRYPT-LUKS2-1' });
    put('virtual', 'dm-1', { ...disk('252:1', 9), 'dm/name': 'vg-root', 'dm/uuid': 'LVM-2' });
    for (const [below, above] of [
      ['vda/vda1', 'md0'],
      ['md0', 'dm-0'],
      ['dm-0', 'dm-1'],
    ] as const)
      mkdirSync(join(root, 'block', below, 'holders', above), { recursive: true });
    expect((await listDisks(sysfsAt(root)))[0]?.layers).toEqual([
      { kind: 'md', name: 'md0', path: '/dev/md0' },
      { kind: 'luks', name: 'secret', path: '/dev/dm-0' },
      { kind: 'lvm', name: 'vg-root', path: '/dev/dm-1' },
    ]);
  });

  it('tell what tracking must know of their driver', async () => {
    const { 'mq/0/cpu_list': _, ...single } = disk('8:0', 8);
    put('a', 'sda', { ...single, 'queue/scheduler': 'noop [cfq]' });
    put('b', 'pmem0', { ...single, dev: '259:0', 'queue/scheduler': 'none' });
    put('c', 'nvme0n1', disk('259:1', 8));
    put('d', 'vda', disk('254:0', 8, { 'queue/max_discard_segments': '1' }));
    put('e', 'vdb', disk('254:16', 8, { 'queue/max_discard_segments': '64' }));
    const found = await listDisks(sysfsAt(root));
    const those = (is: (one: (typeof found)[number]) => boolean) => found.filter(is).map(({ id }) => id);
    expect(those(({ requestBased }) => !requestBased)).toEqual(['pmem0']);
    expect(those(({ scatteredDiscards }) => scatteredDiscards)).toEqual(['nvme0n1', 'vdb']);
  });
});

describe('watching disks', () => {
  it('reports each change once, and ends when told', async () => {
    const sight = (name: string, size: number, identity = name): DiskSight => ({
      id: diskId(name),
      size: bytes(size),
      identity,
    });
    const looks = [
      [sight('vda', 1)],
      [sight('vda', 2), sight('vdb', 1)],
      [sight('vda', 2), sight('vdb', 1, 'another')],
      [sight('vda', 2)],
    ];
    const end = new AbortController();
    const waited: Millis[] = [];
    const clock = { now: () => instant(0), wait: async (duration: Millis) => void waited.push(duration) };
    const seen: DiskChange[] = [];
    await watchDisks(
      [sight('vda', 1)],
      async () => {
        const look = looks.shift() ?? [];
        if (looks.length === 0) end.abort();
        return look;
      },
      (change) => seen.push(change),
      { clock, signal: end.signal },
    );
    expect(seen).toEqual([
      { type: 'DiskResized', disk: 'vda', before: 1, after: 2 },
      { type: 'DiskAppeared', disk: 'vdb', size: 1 },
      { type: 'DiskExchanged', disk: 'vdb' },
      { type: 'DiskVanished', disk: 'vdb' },
    ]);
    expect(waited).toHaveLength(5);
  });
});
