import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskId, migrationId } from '#core/ids';
import { bytes, GiB, MiB } from '#core/units';
import { checkPlace, isTaken, makePlace, targetOf } from './target-place.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-'));
});
afterEach(() => rm(folder, { recursive: true }));

const vda = diskId('vda');
const disks = (size: number) => [{ id: vda, size: bytes(size) }];
const verdicts = async (path: string, size: number): Promise<Record<string, string>> => {
  const checks = await checkPlace({ type: 'directory', path }, disks(size));
  return Object.fromEntries(checks.map(({ id, verdict }) => [id, verdict]));
};

describe('the place of the replicas', () => {
  it('is looked at and not made: a folder that is to be made passes', async () => {
    const path = join(folder, 'a', 'b');
    expect(await verdicts(path, MiB)).toEqual({ 'target-writable': 'passed', 'target-room': 'passed' });
    await expect(stat(join(folder, 'a'))).rejects.toThrow('ENOENT');
    expect(await makePlace({ type: 'directory', path })).toMatchObject({ ok: true });
    expect((await stat(path)).isDirectory()).toBe(true);
  });

  it('is no file', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'x');
    expect(await verdicts(path, MiB)).toMatchObject({ 'target-writable': 'failed' });
    expect(await makePlace({ type: 'directory', path: join(path, 'below') })).toMatchObject({ ok: false });
  });

  it('warns where only an empty disk would fit', async () => {
    expect(await verdicts(folder, 1_000_000 * GiB)).toMatchObject({ 'target-room': 'warning' });
  });

  it('is taken by a file with content, and not by one without a byte', async () => {
    const place = { type: 'directory', path: folder } as const;
    expect(await isTaken(place, vda)).toBe(false);
    const target = targetOf(place, vda);
    await writeFile(target, '');
    await truncate(target, MiB);
    expect(await isTaken(place, vda)).toBe(false);
    await writeFile(target, Buffer.alloc(8_192, 1));
    expect(await isTaken(place, vda)).toBe(true);
  });

  it('is a name with the migration in it where a receiver keeps the replicas', () => {
    expect(targetOf({ type: 'receiver', migration: migrationId('web') }, vda)).toBe('web-vda.raw');
  });
});
