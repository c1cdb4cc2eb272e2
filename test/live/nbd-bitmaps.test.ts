import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extent, type Extent } from '#core/disk/extent';
import { KiB, MiB, offset } from '#core/units';
import { connectNbd } from '#replicator/nbd/client';
import type { NbdDevice } from '#replicator/nbd/nbd-device';
import { connectQmp, type QmpClient } from '#replicator/qmp/client';
import { needs } from '#test/support/programs';
import { startMachine, type TestMachine } from '#test/support/qemu-machine';
import { valueOf } from '#test/support/value-of';

const grain = 64 * KiB;
const size = 32 * MiB;
const daemon = needs('qemu-storage-daemon');

describe.skipIf(!daemon.available)(daemon.title('NBD client reading dirty bitmaps of qemu-storage-daemon'), () => {
  let machine: TestMachine;
  let qmp: QmpClient;
  let written: NbdDevice;
  const execute = async (command: string, args: Parameters<QmpClient['execute']>[1]) =>
    valueOf(await qmp.execute(command, args));
  const uri = (exportName: string) => `nbd+unix:///${exportName}?socket=${join(machine.folder, 'nbd')}`;

  beforeAll(async () => {
    machine = await startMachine('qemu-storage-daemon', () => []);
    qmp = valueOf(await connectQmp({ path: machine.qmpSocket }));
    const disk = join(machine.folder, 'disk.raw');
    await writeFile(disk, '');
    await truncate(disk, size);
    await execute('blockdev-add', { driver: 'file', 'node-name': 'disk0', filename: disk });
    await execute('nbd-server-start', { addr: { type: 'unix', data: { path: join(machine.folder, 'nbd') } } });
    await execute('block-export-add', { type: 'nbd', id: 'rw', 'node-name': 'disk0', name: 'rw', writable: true });
    written = valueOf(await connectNbd(uri('rw')));
  });
  afterAll(async () => {
    await written.close();
    await qmp.close();
    await machine.dispose();
  });

  /** Records what `change` writes, and returns what a reader of the frozen bitmap is told. */
  async function dirtied(name: string, change: () => Promise<void>): Promise<readonly Extent[]> {
    await execute('block-dirty-bitmap-add', { node: 'disk0', name, granularity: grain });
    await change();
    await execute('block-dirty-bitmap-disable', { node: 'disk0', name });
    await execute('block-export-add', { type: 'nbd', id: name, 'node-name': 'disk0', name, bitmaps: [name] });
    const context = `qemu:dirty-bitmap:${name}`;
    const device = valueOf(await connectNbd(uri(name), { metaContexts: [context] }));
    const whole = valueOf(await device.dirtyExtents(context, extent(0, size)));
    // Asked in pieces, it says the same.
    const pieces: Extent[] = [];
    for (let at = 0; at < size; at += 5 * MiB)
      pieces.push(...valueOf(await device.dirtyExtents(context, extent(at, Math.min(5 * MiB, size - at)))));
    expect(merged(pieces)).toEqual(whole);
    await device.close();
    return whole;
  }
  const merged = (extents: readonly Extent[]): readonly Extent[] =>
    extents.reduce<readonly Extent[]>((all, next) => {
      const last = all.at(-1);
      if (last === undefined || last.start + last.length !== next.start) return [...all, next];
      return [...all.slice(0, -1), extent(last.start, last.length + next.length)];
    }, []);

  it('says exactly what was written since the mark, at the grain of the bitmap', async () => {
    const write = fc.record({
      block: fc.nat(size / 512 - 1),
      blocks: fc.integer({ min: 1, max: 600 }),
      zero: fc.boolean(),
    });
    let marks = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 20 }), async (writes) => {
        const grains = new Set<number>();
        const found = await dirtied(`mark${marks++}`, async () => {
          for (const { block, blocks, zero } of writes) {
            const range = extent(block * 512, Math.min(blocks, size / 512 - block) * 512);
            valueOf(
              zero
                ? await written.zero(range.start, range.length)
                : await written.write(range.start, new Uint8Array(range.length).fill(1)),
            );
            for (let at = range.start - (range.start % grain); at < range.start + range.length; at += grain)
              grains.add(at);
          }
          valueOf(await written.flush());
        });
        const expected = [...grains].toSorted((a, b) => a - b).map((at) => extent(at, grain));
        expect(found).toEqual(merged(expected));
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });

  it('says of several bitmaps of one export each its own, and of the allocation too', async () => {
    const names = ['first', 'second'];
    for (const [i, name] of names.entries()) {
      await execute('block-dirty-bitmap-add', { node: 'disk0', name, granularity: grain });
      valueOf(await written.write(offset(i * MiB), new Uint8Array(512).fill(1)));
    }
    for (const name of names) await execute('block-dirty-bitmap-disable', { node: 'disk0', name });
    await execute('block-export-add', { type: 'nbd', id: 'both', 'node-name': 'disk0', name: 'both', bitmaps: names });
    const contexts = names.map((name) => `qemu:dirty-bitmap:${name}`);
    const device = valueOf(await connectNbd(uri('both'), { metaContexts: contexts }));
    const [first = '', second = ''] = contexts;
    expect(valueOf(await device.dirtyExtents(first, extent(0, size)))).toEqual([extent(0, grain), extent(MiB, grain)]);
    expect(valueOf(await device.dirtyExtents(second, extent(0, size)))).toEqual([extent(MiB, grain)]);
    expect(device.can.extents).toBe(true);
    await device.close();
  });

  it('reads a disk of terabytes as fast as its map is short', async () => {
    const huge = join(machine.folder, 'huge.raw');
    await writeFile(huge, '');
    await truncate(huge, 5 * 1024 * 1024 * MiB);
    const file = await open(huge, 'r+');
    await file.write(Buffer.alloc(grain, 1), 0, grain, 4 * 1024 * 1024 * MiB);
    await file.close();
    await execute('blockdev-add', { driver: 'file', 'node-name': 'huge', filename: huge });
    await execute('block-export-add', { type: 'nbd', id: 'huge', 'node-name': 'huge', name: 'huge' });
    const device = valueOf(await connectNbd(uri('huge')));
    const data = valueOf(await device.extents(extent(0, device.size))).filter(({ kind }) => kind === 'data');
    expect(data).toEqual([{ ...extent(4 * 1024 * 1024 * MiB, grain), kind: 'data' }]);
    const into = new Uint8Array(grain);
    valueOf(await device.read(offset(4 * 1024 * 1024 * MiB), into));
    expect(into.every((byte) => byte === 1)).toBe(true);
    await device.close();
  });
});
