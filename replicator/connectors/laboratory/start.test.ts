import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bytes, bytesPerSecond, MiB } from '#core/units';
import { needs } from '#test/support/programs';
import { describeLaboratoryError, type LaboratoryOptions } from './laboratory.ts';
import { startLaboratory } from './start.ts';

describe('startLaboratory, before it starts anything,', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sealift-'));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  });
  const start = (options: Partial<LaboratoryOptions> = {}) =>
    startLaboratory({
      directory,
      diskSize: bytes(64 * MiB),
      writer: { bytesPerSecond: bytesPerSecond(MiB) },
      seed: 1,
      ...options,
    });

  it.each<[string, Partial<LaboratoryOptions>]>([
    ['diskSize', { diskSize: bytes(16 * MiB) }],
    ['diskSize', { diskSize: bytes(64 * MiB + 512) }],
    ['diskCount', { diskCount: 0 }],
    ['diskCount', { diskCount: 9 }],
    ['memoryMiB', { memoryMiB: 32 }],
    ['writer', { writer: { bytesPerSecond: bytesPerSecond(100) } }],
    ['seed', { seed: 0.5 }],
    ['directory', { directory: `/tmp/${'x'.repeat(110)}` }],
  ])('refuses %s out of range and names it: %o', async (option, options) => {
    expect(await start(options)).toMatchObject({ error: { type: 'InvalidOption', option } });
    expect(await readdir(directory)).toEqual([]);
  });

  it('names the program that is missing and the command that installs everything', async () => {
    vi.stubEnv('PATH', directory);
    const started = await start();
    expect(started).toMatchObject({ error: { type: 'ProgramMissing', program: 'qemu-system-x86_64' } });
    expect(started.ok ? '' : describeLaboratoryError(started.error)).toContain(
      'apt-get install --yes --no-install-recommends qemu-system-x86 qemu-utils busybox-static e2fsprogs',
    );
    expect(await readdir(directory)).toEqual([]);
  });

  const programs = needs('qemu-system-x86_64', 'qemu-img', 'busybox', 'mke2fs');
  const kernel = needs('linux-kernel');
  describe.skipIf(!programs.available)(programs.title('with its programs there'), () => {
    it('says where it looked for a kernel and how to get one', async () => {
      vi.stubEnv('SEALIFT_KERNEL', join(directory, 'boot', 'vmlinuz-6'));
      const started = await start();
      expect(started).toMatchObject({
        error: { type: 'KernelMissing', searched: [join(directory, 'boot', 'vmlinuz-6')] },
      });
      expect(started.ok ? '' : describeLaboratoryError(started.error)).toContain('linux-image-cloud-amd64');
    });

    it.skipIf(!kernel.available)(kernel.title('says that its folder cannot be one'), async () => {
      await writeFile(join(directory, 'file'), 'precious');
      const started = await start({ directory: join(directory, 'file') });
      expect(started).toMatchObject({ error: { type: 'InvalidOption', option: 'directory' } });
      expect(await readFile(join(directory, 'file'), 'utf8')).toBe('precious');
    });

    it.skipIf(!kernel.available)(kernel.title('leaves no disk behind when QEMU does not start'), async () => {
      await mkdir(join(directory, 'qmp')); // Where QEMU wants to put its socket.
      expect(await start()).toMatchObject({ error: { type: 'BootFailed', detail: expect.stringContaining('qmp') } });
      expect((await readdir(directory)).filter((name) => name.startsWith('vda'))).toEqual([]);
    });

    it.skipIf(!kernel.available)(
      kernel.title('overwrites no disk, and leaves none when another is in the way'),
      async () => {
        await writeFile(join(directory, 'vdb.raw'), 'precious');
        expect(await start({ diskCount: 2 })).toMatchObject({
          error: { type: 'DiskExists', path: join(directory, 'vdb.raw') },
        });
        expect(await readFile(join(directory, 'vdb.raw'), 'utf8')).toBe('precious');
        expect(await readdir(directory)).not.toContain('vda.raw');
      },
    );

    it('says what a kernel lacks', async () => {
      await mkdir(join(directory, 'boot'));
      await mkdir(join(directory, 'lib', 'modules', '6', 'kernel'), { recursive: true });
      await writeFile(join(directory, 'boot', 'vmlinuz-6'), '');
      await writeFile(join(directory, 'lib', 'modules', '6', 'modules.builtin'), 'kernel/fs/ext4/ext4.ko\n');
      vi.stubEnv('SEALIFT_KERNEL', join(directory, 'boot', 'vmlinuz-6'));
      const started = await start({ directory: join(directory, 'run') });
      expect(started).toMatchObject({
        error: { type: 'BootFailed', detail: expect.stringContaining('no module virtio_pci') },
      });
      expect(await readdir(join(directory, 'run'))).toEqual(['console.log']);
    });
  });
});
