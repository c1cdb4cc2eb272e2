import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cpioArchive } from '#replicator/connectors/laboratory/cpio';
import { needs } from '#test/support/programs';
import { valueOf } from '#test/support/value-of';
import { initramfsPaths, modulesAmong, rootProgramsAmong } from './initramfs-archive.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const microcode = cpioArchive([
  { type: 'directory', path: 'kernel' },
  { type: 'file', path: 'kernel/microcode.bin', content: new Uint8Array(5000).fill(7) },
]);
const system = cpioArchive([
  { type: 'file', path: 'init', content: bytesOf('#!/bin/sh\n') },
  { type: 'file', path: 'usr/lib/modules/6.1.0/kernel/drivers/scsi/vmw_pvscsi.ko.xz', content: bytesOf('x') },
  { type: 'file', path: 'lib/modules/6.1.0/kernel/drivers/md/dm-mod.ko', content: bytesOf('y') },
  { type: 'file', path: 'usr/sbin/lvm', content: bytesOf('z'), executable: true },
]);
const inside = [
  'init',
  'usr/lib/modules/6.1.0/kernel/drivers/scsi/vmw_pvscsi.ko.xz',
  'lib/modules/6.1.0/kernel/drivers/md/dm-mod.ko',
  'usr/sbin/lvm',
];

describe('initramfsPaths', () => {
  let folder = '';
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'sealift-initramfs-'))));
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  const written = (...parts: readonly Uint8Array[]): string => {
    const path = join(folder, 'initrd');
    writeFileSync(path, Buffer.concat(parts));
    return path;
  };

  it('reads one that is not compressed', async () => {
    expect(valueOf(await initramfsPaths(written(system)))).toEqual(inside);
  });

  it('reads what comes after early microcode and padding', async () => {
    const path = written(microcode, new Uint8Array(300), gzipSync(system));
    expect(valueOf(await initramfsPaths(path))).toEqual(['kernel', 'kernel/microcode.bin', ...inside]);
  });

  it('reads archives behind one another in one stream', async () => {
    const path = written(gzipSync(Buffer.concat([microcode, new Uint8Array(512), system])));
    expect(valueOf(await initramfsPaths(path))).toEqual(['kernel', 'kernel/microcode.bin', ...inside]);
  });

  const packers = [
    ['xz', ['--check=crc32']],
    ['xz', ['--format=lzma']],
    ['zstd', ['-q']],
    ['lz4', ['-l', '-q']],
    ['bzip2', []],
  ] as const;
  for (const [program, args] of packers) {
    const programs = needs(program);
    it.skipIf(!programs.available)(programs.title(`reads what ${[program, ...args].join(' ')} packed`), async () => {
      const packed = execFileSync(program, [...args, '-c'], { input: system });
      expect(valueOf(await initramfsPaths(written(microcode, packed)))).toEqual([
        'kernel',
        'kernel/microcode.bin',
        ...inside,
      ]);
    });
  }

  it('says which program is missing, and how to get it', async () => {
    vi.stubEnv('PATH', folder);
    const zstd = Buffer.from('28b52ffd00000000', 'hex');
    expect(await initramfsPaths(written(zstd))).toEqual({
      ok: false,
      error: {
        type: 'ToolMissing',
        program: 'zstd',
        remedy: 'sudo apt-get install --yes --no-install-recommends zstd',
      },
    });
  });

  it('takes nothing from one that is cut off or none', async () => {
    for (const content of [
      system.subarray(0, 400),
      gzipSync(system).subarray(0, 60),
      bytesOf('no archive'),
      new Uint8Array(0),
    ]) {
      const read = await initramfsPaths(written(content));
      expect(read.ok ? read.value : 'refused').toSatisfy(
        (value) => value === 'refused' || (value as string[]).length === 0,
      );
    }
  });
});

describe('what is among paths', () => {
  it('is modules, by the names the kernel has for them, and programs that find a root', () => {
    expect(modulesAmong(inside)).toEqual(['vmw_pvscsi', 'dm_mod']);
    expect(rootProgramsAmong(inside)).toEqual(['lvm']);
  });
});
