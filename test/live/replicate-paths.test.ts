import { mkdtemp, readdir, readFile, rename, rm, stat, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { bytesPerSecond, MiB, round } from '#core/units';
import { directPath } from '#replicator/pipeline/direct-path';
import { grain } from '#replicator/pipeline/digest';
import { pipelineLimits } from '#replicator/pipeline/pipeline-limits';
import type { ReplicationJob, ReplicationPath, RoundMode, RoundProgress } from '#replicator/pipeline/replication';
import { createThrottle } from '#replicator/pipeline/throttle';
import { startTwoSites, type TwoSites } from '#test/support/two-sites';
import { valueOf } from '#test/support/value-of';

/*
 * What every way from a source to a replica promises, within one process and through gateway and receiver.
 */

const size = 12 * MiB + 512;

/** Content that repeats nowhere, with holes: blocks of noise, blocks of text, and every third block zero. */
function content(seed: number): Buffer {
  const disk = Buffer.alloc(size);
  let state = seed;
  for (let at = 0; at < size; at += 4) {
    if (Math.floor(at / grain) % 3 === 0) continue;
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    disk.writeUInt32LE(Math.floor(at / grain) % 3 === 1 ? state : state & 0x0101_0101, at);
  }
  return disk;
}
const dataLength = Array.from({ length: Math.ceil(size / grain) }, (_, block) =>
  block % 3 === 0 ? 0 : Math.min(grain, size - block * grain),
).reduce((sum, length) => sum + length, 0);

let shared: string;
let sites: TwoSites;
let folder: string;
let source: string;
const disk = content(1);
beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'sealift-sites-'));
  sites = await startTwoSites(shared);
});
afterAll(async () => {
  await sites.close();
  await rm(shared, { recursive: true });
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-paths-'));
  source = join(folder, 'source.raw');
  await writeFile(source, disk);
});
afterEach(() => rm(folder, { recursive: true }));

let targets = 0;
const ways: readonly {
  readonly name: string;
  make(): { readonly path: ReplicationPath; readonly target: string; readonly file: string };
}[] = [
  {
    name: 'within this process',
    make: () => {
      const target = join(folder, `target-${(targets += 1)}.raw`);
      return { path: directPath(), target, file: target };
    },
  },
  {
    name: 'through gateway and receiver',
    make: () => {
      const target = `target-${(targets += 1)}.raw`;
      return { path: sites.path, target, file: join(sites.directory, target) };
    },
  },
];

describe.each(ways)('replication $name', ({ make }) => {
  let path: ReplicationPath;
  let target: string;
  let file: string;
  beforeEach(() => ({ path, target, file } = make()));
  const jobOf = (mode: RoundMode, number = 0): ReplicationJob => ({
    session: 'm-1',
    disk: diskId('vda'),
    round: round(number),
    source: { type: 'file', path: source },
    mode,
    target,
  });

  it('makes an equal, sparse disk, sends what is not zero, and says the root both sides have', async () => {
    const shown: RoundProgress[] = [];
    const report = valueOf(await path.run(jobOf('full'), { onProgress: (progress) => shown.push(progress) }));
    expect(Buffer.compare(await readFile(file), disk)).toBe(0);
    expect(report).toMatchObject({ size, bytesRead: size, bytesSent: dataLength, bytesZeroed: size - dataLength });
    expect((await stat(file)).blocks * 512).toBeLessThan(dataLength + 2 * MiB);
    expect(valueOf(await path.compare(jobOf('full')))).toEqual({ equal: true, root: report.root, size });
    expect(shown.at(-1)).toMatchObject({ done: size, total: size });
    for (const [at, next] of shown.entries()) expect(next.done).toBeGreaterThanOrEqual(shown[at - 1]?.done ?? 0);
  });

  it('answers a round that is complete at once, without reading', async () => {
    const first = valueOf(await path.run(jobOf('full')));
    const again = valueOf(await path.run(jobOf('full')));
    expect(again).toMatchObject({ bytesRead: 0, bytesSent: 0, bytesResumed: size, root: first.root });
  });

  it('rescans: sends the blocks that differ, and zeroes those that are zero now', async () => {
    valueOf(await path.run(jobOf('full')));
    const changed = Buffer.from(disk);
    changed.fill(0x55, 5 * grain, 6 * grain);
    changed.fill(0, 7 * grain, 8 * grain);
    changed.fill(0x55, size - 512);
    await writeFile(source, changed);
    const report = valueOf(await path.run(jobOf('rescan', 1)));
    expect(report).toMatchObject({ bytesSent: grain + 512, bytesZeroed: grain, bytesSame: size - 2 * grain - 512 });
    expect(Buffer.compare(await readFile(file), changed)).toBe(0);
    expect(valueOf(await path.compare(jobOf('full')))).toMatchObject({ equal: true, root: report.root });
  });

  it('rescans what is at the target, also if someone else wrote there', async () => {
    valueOf(await path.run(jobOf('full')));
    const tampered = Buffer.from(disk);
    tampered.fill(0x77, 4 * grain, 4 * grain + 1);
    await writeFile(file, tampered);
    expect(valueOf(await path.compare(jobOf('full')))).toEqual({
      equal: false,
      firstDifference: { start: 4 * grain, length: grain },
    });
    expect(valueOf(await path.run(jobOf('rescan', 1))).bytesSent).toBe(grain);
    expect(Buffer.compare(await readFile(file), disk)).toBe(0);
  });

  it('stops when told, keeps what is durable, and goes on from there', async () => {
    const stop = new AbortController();
    const throttle = createThrottle(bytesPerSecond(16 * MiB));
    const stopped = await path.run(jobOf('full'), {
      signal: stop.signal,
      throttle,
      onProgress: ({ done }) => done > 0 && stop.abort(),
    });
    expect(stopped).toEqual({ ok: false, error: { type: 'Cancelled' } });
    expect(valueOf(await path.inspect(jobOf('full')))).toEqual({
      size,
      complete: undefined,
      open: { round: 0, mode: 'full' },
    });
    const report = valueOf(await path.run(jobOf('full')));
    expect(report.bytesResumed).toBeGreaterThan(0);
    expect(report.bytesRead + report.bytesResumed).toBe(size);
    expect(report.openedAt).toBeGreaterThan(0);
    expect(Buffer.compare(await readFile(file), disk)).toBe(0);
  });

  it('stands still at rate zero, and goes on when the rate is changed', async () => {
    const throttle = createThrottle(bytesPerSecond(0));
    const shown: RoundProgress[] = [];
    const running = path.run(jobOf('full'), {
      throttle,
      onProgress: (progress) => {
        shown.push(progress);
        if (shown.length === 1) throttle.set('unlimited');
      },
    });
    valueOf(await running);
    expect(shown[0]).toMatchObject({ done: 0, read: 0 });
    expect(Buffer.compare(await readFile(file), disk)).toBe(0);
  });

  it('never touches what it did not make', async () => {
    await writeFile(file, 'precious');
    expect(await path.run(jobOf('full'))).toMatchObject({ ok: false, error: { type: 'TargetExists' } });
    expect(await readFile(file, 'utf8')).toBe('precious');
    expect((await readdir(join(file, '..'))).filter((name) => name.startsWith(`${basename(file)}.`))).toEqual([]);
  });

  it('never touches the replica of another session or disk', async () => {
    valueOf(await path.run(jobOf('full')));
    const other = { ...jobOf('full'), session: 'm-2' };
    expect(await path.run(other)).toMatchObject({
      ok: false,
      error: { type: 'TargetForeign', owner: 'session m-1, disk vda' },
    });
    expect(await path.run({ ...jobOf('full'), disk: diskId('vdb') })).toMatchObject({
      error: { type: 'TargetForeign' },
    });
    expect(await path.inspect(other)).toMatchObject({ error: { type: 'TargetForeign' } });
    expect(Buffer.compare(await readFile(file), disk)).toBe(0);
  });

  it('starts anew where it may overwrite', async () => {
    await writeFile(file, Buffer.alloc(size, 9));
    const report = valueOf(await path.run({ ...jobOf('full'), overwrite: true }));
    expect(report.bytesSent).toBe(dataLength);
    expect(Buffer.compare(await readFile(file), disk)).toBe(0);
  });

  it('takes an empty file of the right size for what it is', async () => {
    await writeFile(file, '');
    await truncate(file, size);
    valueOf(await path.run(jobOf('full')));
    expect(Buffer.compare(await readFile(file), disk)).toBe(0);
  });

  it('notices a source of another size, a replica that is gone, and one that was cut', async () => {
    valueOf(await path.run(jobOf('full')));
    await truncate(source, size + 512);
    const grown = await path.run(jobOf('rescan', 1));
    expect(grown).toMatchObject({ error: { type: 'SizeMismatch', source: size + 512, actual: size } });
    await truncate(source, size);
    await truncate(file, size - 512);
    expect(await path.run(jobOf('rescan', 1))).toMatchObject({ error: { type: 'SizeMismatch', actual: size - 512 } });
    await unlink(file);
    expect(await path.run(jobOf('rescan', 1))).toMatchObject({ error: { type: 'TargetMissing' } });
  });

  it('makes lost digests again from the replica, and refuses one that is not what its journal says', async () => {
    valueOf(await path.run(jobOf('full')));
    await unlink(`${file}.sealift-digests`);
    valueOf(await path.run(jobOf('full')));
    await unlink(`${file}.sealift-digests`);
    await writeFile(file, Buffer.alloc(size, 1));
    expect(await path.run(jobOf('full'))).toMatchObject({ error: { type: 'JournalCorrupt' } });
  });

  it('refuses a journal that is damaged at its start, and one of another format', async () => {
    valueOf(await path.run(jobOf('full')));
    const journal = `${file}.sealift-journal`;
    const sound = await readFile(journal);
    await writeFile(journal, Buffer.concat([Buffer.from('X'), sound.subarray(1)]));
    expect(await path.run(jobOf('full'))).toMatchObject({ error: { type: 'JournalCorrupt', journal } });
    expect(await path.run(jobOf('rescan', 1))).toMatchObject({ error: { type: 'JournalCorrupt' } });
    await writeFile(journal, sound);
    expect(valueOf(await path.run(jobOf('full'))).bytesResumed).toBe(size);
  });

  it('refuses a delta that it cannot know, and rounds out of order', async () => {
    const last = { asked: 1, last: -1, lastIsComplete: false };
    expect(await path.run(jobOf('changes', 1))).toMatchObject({ error: { type: 'RoundOutOfOrder', ...last } });
    valueOf(await path.run(jobOf('full')));
    expect(await path.run(jobOf('changes', 1))).toMatchObject({ error: { type: 'ChangesUnknown' } });
    valueOf(await path.run(jobOf('rescan', 5)));
    expect(await path.run(jobOf('full', 3))).toMatchObject({ error: { type: 'RoundOutOfOrder', last: 5 } });
  });

  it('says which source cannot be opened', async () => {
    await rename(source, `${source}.away`);
    expect(await path.run(jobOf('full'))).toMatchObject({ error: { type: 'SourceUnavailable', source } });
  });

  it('knows nothing of a replica that is not there, and compares with none', async () => {
    expect(valueOf(await path.inspect(jobOf('full')))).toBeUndefined();
    expect(await path.compare(jobOf('full'))).toMatchObject({ error: { type: 'TargetMissing' } });
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  it('sends again at most a window of what was not durable', async () => {
    const stop = new AbortController();
    let sentBefore = 0;
    const throttle = createThrottle(bytesPerSecond(40 * MiB));
    await path.run(jobOf('full'), {
      signal: stop.signal,
      throttle,
      onProgress: ({ sent, done }) => {
        sentBefore = sent;
        if (done > 0) stop.abort();
      },
    });
    const report = valueOf(await path.run(jobOf('full')));
    expect(sentBefore + report.bytesSent).toBeLessThanOrEqual(dataLength + pipelineLimits.windowMax);
    expect(report.bytesResumed).toBeGreaterThan(0);
  });
});

describe('replication within this process', () => {
  it('refuses a target that is the source, under any name', async () => {
    const path = directPath();
    const job = { session: 'm-1', disk: diskId('vda'), round: round(0), mode: 'full' as const };
    const link = join(folder, 'link.raw');
    await symlink(source, link);
    for (const target of [source, link, join(folder, '..', basename(folder), 'source.raw')])
      expect(await path.run({ ...job, source: { type: 'file', path: source }, target })).toEqual({
        ok: false,
        error: { type: 'SameDisk', source },
      });
    expect(Buffer.compare(await readFile(source), disk)).toBe(0);
  });

  it('has one owner per replica', async () => {
    const job: ReplicationJob = {
      session: 'm-1',
      disk: diskId('vda'),
      round: round(0),
      mode: 'full',
      source: { type: 'file', path: source },
      target: join(folder, 'owned.raw'),
    };
    const [first, second] = await Promise.all([directPath().run(job), directPath().run(job)]);
    expect([first.ok, second.ok].filter(Boolean).length).toBeLessThanOrEqual(1);
    for (const outcome of [first, second]) if (!outcome.ok) expect(outcome.error.type).toBe('TargetBusy');
    valueOf(await directPath().run(job));
    expect((await readdir(folder)).filter((name) => name.includes('lock'))).toEqual([]);
  });
});
