import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dependenciesOf, modulesFor } from './kernel-modules.ts';

// As a compiled module carries it: among binary, each line ended by a NUL.
const module = (name: string, depends: string): string => `\x7fELF\0license=GPL\0depends=${depends}\0name=${name}\0`;

describe('modulesFor', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealift-'));
    await mkdir(join(folder, 'kernel', 'drivers'), { recursive: true });
    await writeFile(join(folder, 'modules.builtin'), 'kernel/fs/ext4/ext4.ko\nkernel/lib/crc-16.ko\n');
    const write = (name: string, depends: string) =>
      writeFile(join(folder, 'kernel', 'drivers', `${name}.ko`), module(name, depends));
    await write('virtio', 'virtio_ring');
    await write('virtio_ring', '');
    await write('virtio-blk', 'virtio,virtio_ring,crc-16');
    await write('unrelated', '');
  });
  afterEach(async () => await rm(folder, { recursive: true }));
  const names = async (wanted: readonly string[], useful: readonly string[] = []) =>
    (await modulesFor(folder, { wanted, useful })).map(({ name }) => name);

  it('puts each module after what it depends on, once', async () => {
    expect(await names(['virtio_blk', 'virtio'])).toEqual(['virtio_ring', 'virtio', 'virtio_blk']);
  });

  it('leaves out what the kernel has built in', async () => {
    expect(await names(['ext4'])).toEqual([]);
  });

  it('takes what is merely useful only where it is', async () => {
    expect(await names([], ['crc32c_generic', 'virtio_ring'])).toEqual(['virtio_ring']);
  });

  it('says which module there is not', async () => {
    await expect(names(['btrfs'])).rejects.toThrow(/no module btrfs/);
  });
});

describe('dependenciesOf', () => {
  it('reads them from the middle of a file', () => {
    expect(dependenciesOf(Buffer.from(module('x', 'jbd2,mb-cache')))).toEqual(['jbd2', 'mb_cache']);
    expect(dependenciesOf(Buffer.from(module('x', '')))).toEqual([]);
  });
});
