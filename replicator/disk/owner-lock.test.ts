import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownDisk } from './owner-lock.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-owner-'));
  path = join(folder, 'disk.raw');
});
afterEach(() => rm(folder, { recursive: true }));

const host = hostname()
  .toLowerCase()
  .replaceAll(/[^a-z0-9-]/g, '-');
const startOf = async (pid: number): Promise<string> =>
  (await readFile(`/proc/${pid}/stat`, 'latin1')).split(') ')[1]?.split(' ')[19] ?? '';

describe('owning a disk', () => {
  it('is for one at a time, and leaves nothing behind', async () => {
    const first = await ownDisk(path);
    if (!first.ok) throw new Error('not owned');
    expect(await ownDisk(path)).toEqual({ ok: false, error: { type: 'Busy', owner: `process ${process.pid}` } });
    await first.value.release();
    const second = await ownDisk(path);
    if (!second.ok) throw new Error('not owned');
    await second.value.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is never for two of many that come at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => ownDisk(path)));
    expect(outcomes.filter(({ ok }) => ok).length).toBeLessThanOrEqual(1);
  });

  it.runIf(process.platform === 'linux')('ends with the life of the process', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    await writeFile(`${path}.sealift-lock.${host}.${pid}.${await startOf(pid)}.1`, '');
    expect(await ownDisk(path)).toEqual({ ok: false, error: { type: 'Busy', owner: `process ${pid}` } });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const owned = await ownDisk(path);
    expect(owned.ok).toBe(true);
    expect(await readdir(folder)).toHaveLength(1);
  });

  it.runIf(process.platform === 'linux')('does not take another process with the same id for the owner', async () => {
    await writeFile(`${path}.sealift-lock.${host}.${process.ppid}.1.1`, '');
    expect((await ownDisk(path)).ok).toBe(true);
  });

  it('does not guess about another host, and says what to remove', async () => {
    await writeFile(`${path}.sealift-lock.elsewhere.1.1.1`, '');
    const owned = await ownDisk(path);
    expect(owned).toMatchObject({ ok: false, error: { type: 'Busy' } });
    expect(JSON.stringify(owned)).toContain(`remove ${path}.sealift-lock.elsewhere`);
  });

  it('is not mixed up with a disk whose name begins alike', async () => {
    const longer = await ownDisk(`${path}.sealift-lock.b`);
    expect(longer.ok).toBe(true);
    expect((await ownDisk(path)).ok).toBe(true);
  });

  it('says why when there is no such folder', async () => {
    const owned = await ownDisk(join(folder, 'gone', 'disk.raw'));
    expect(owned).toMatchObject({ ok: false, error: { type: 'LockFailed' } });
  });
});
