import { mkdtemp, rm, stat, truncate, writeFile, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { bytes, KiB, MiB, offset } from '#core/units';
import {
  createFileDevice,
  describeFileError,
  openFileDevice,
  openFileDeviceAt,
  type FileDevice,
} from './file-device.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-file-device-'));
  path = join(folder, 'disk.raw');
});
afterEach(() => rm(folder, { recursive: true }));

async function made(size: number): Promise<FileDevice> {
  const device = await createFileDevice(path, bytes(size));
  if (!device.ok) throw new Error(describeFileError(device.error));
  return device.value;
}
const allocated = async (): Promise<number> => (await stat(path)).blocks * 512;

describe('a disk in a file', () => {
  it('reads back what was written, and zeroes where nothing was', async () => {
    const device = await made(MiB);
    expect(await device.write(offset(64 * KiB), Buffer.alloc(4 * KiB, 7))).toEqual({ ok: true });
    const into = Buffer.alloc(12 * KiB, 1);
    expect(await device.read(offset(60 * KiB), into)).toEqual({ ok: true });
    expect(into.equals(Buffer.concat([Buffer.alloc(4 * KiB), Buffer.alloc(4 * KiB, 7), Buffer.alloc(4 * KiB)]))).toBe(
      true,
    );
    expect(await device.flush()).toEqual({ ok: true });
    await device.close();
  });

  it('never touches a file that exists when it is to make one', async () => {
    await writeFile(path, 'precious');
    expect(await createFileDevice(path, bytes(MiB))).toEqual({ ok: false, error: { type: 'Exists', path } });
    expect(await readFile(path, 'utf8')).toBe('precious');
  });

  it('says what is wrong with a path', async () => {
    expect(await openFileDevice(path)).toEqual({ ok: false, error: { type: 'Missing', path } });
    const directory = await openFileDevice(folder);
    expect(directory.ok || describeFileError(directory.error)).toContain('only regular files can hold a disk');
  });

  it('refuses to write where it was opened for reading', async () => {
    await (await made(MiB)).close();
    const device = await openFileDevice(path);
    if (!device.ok) throw new Error('not opened');
    expect(device.value.can.write).toBe(false);
    expect(await device.value.write(offset(0), Buffer.alloc(512))).toMatchObject({ error: { type: 'ReadOnly' } });
    await device.value.close();
  });

  it('refuses a range beyond its end, or not in whole blocks', async () => {
    const device = await made(MiB);
    expect(await device.read(offset(MiB - 512), Buffer.alloc(1024))).toMatchObject({ error: { type: 'InvalidRange' } });
    expect(await device.write(offset(100), Buffer.alloc(512))).toMatchObject({ error: { type: 'InvalidRange' } });
    await device.close();
  });

  it('has a size that is no multiple of 512, byte by byte', async () => {
    await writeFile(path, 'odd');
    const device = await openFileDevice(path);
    if (!device.ok) throw new Error('not opened');
    const into = Buffer.alloc(3);
    expect([device.value.size, device.value.blockSize, (await device.value.read(offset(0), into)).ok]).toEqual([
      3,
      1,
      true,
    ]);
    expect(into.toString()).toBe('odd');
    await device.value.close();
  });

  it('does not pretend to know its holes', async () => {
    const device = await made(MiB);
    expect(device.can.extents).toBe(false);
    const range = extent(4 * KiB, 8 * KiB);
    expect(await device.extents(range)).toEqual({ ok: true, value: [{ ...range, kind: 'data' }] });
    await device.close();
  });

  it('zeroes data and leaves holes holes', async () => {
    const device = await made(16 * MiB);
    await device.write(offset(MiB), Buffer.alloc(64 * KiB, 7));
    await device.flush();
    const before = await allocated();
    expect(await device.zero(offset(0), bytes(16 * MiB))).toEqual({ ok: true });
    await device.flush();
    expect(await allocated()).toBeLessThanOrEqual(before);
    expect((await readFile(path)).every((byte) => byte === 0)).toBe(true);
    await device.close();
  });

  it('drops its end and is a hole there', async () => {
    const device = await made(4 * MiB);
    await device.write(offset(0), Buffer.alloc(4 * MiB, 7));
    await device.flush();
    expect(await device.dropFrom(offset(MiB))).toEqual({ ok: true });
    expect(await allocated()).toBeLessThanOrEqual(MiB + 64 * KiB);
    const content = await readFile(path);
    expect([content.length, content[MiB - 1], content[MiB]]).toEqual([4 * MiB, 7, 0]);
    await device.close();
  });

  it('grows a file that a crash left short', async () => {
    await (await made(MiB)).close();
    await truncate(path, 4 * KiB);
    const device = await openFileDeviceAt(path, bytes(MiB));
    if (!device.ok) throw new Error('not opened');
    expect(await device.value.read(offset(MiB - 512), Buffer.alloc(512))).toEqual({ ok: true });
    await device.value.close();
  });

  it('answers an I/O error when the file is cut under it', async () => {
    const device = await made(MiB);
    await truncate(path, 0);
    expect(await device.read(offset(0), Buffer.alloc(512))).toMatchObject({
      error: { type: 'IoError', at: 0, length: 512 },
    });
    await device.close();
  });

  it('finishes what is in flight when it is closed, and answers Closed afterwards', async () => {
    const device = await made(4 * MiB);
    const writing = device.write(offset(0), Buffer.alloc(4 * MiB, 7));
    await device.close();
    expect(await writing).toEqual({ ok: true });
    expect(await device.read(offset(0), Buffer.alloc(512))).toEqual({ ok: false, error: { type: 'Closed' } });
    await device.close();
    expect((await readFile(path))[4 * MiB - 1]).toBe(7);
  });
});
