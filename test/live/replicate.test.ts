import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { bytesPerSecond, KiB, MiB, offset, round } from '#core/units';
import { connectNbd } from '#replicator/nbd/client';
import { directPath } from '#replicator/pipeline/direct-path';
import { grain } from '#replicator/pipeline/digest';
import type { ReplicationJob, ReplicationPath } from '#replicator/pipeline/replication';
import { createThrottle } from '#replicator/pipeline/throttle';
import { connectQmp } from '#replicator/qmp/client';
import { describeReplicateError, replicate, type ReplicateOptions } from '#replicator/replicate';
import { startNbdServer } from '#test/support/nbd-server';
import { needs } from '#test/support/programs';
import { startMachine } from '#test/support/qemu-machine';
import { startTwoSites } from '#test/support/two-sites';
import { valueOf } from '#test/support/value-of';

const size = 8 * MiB;
let folder: string;
let source: string;
let target: string;
let disk: Buffer;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-replicate-'));
  source = join(folder, 'source.raw');
  target = join(folder, 'target.raw');
  disk = Buffer.alloc(size, 'abcdefg');
  disk.fill(0, 2 * MiB, 5 * MiB);
  await writeFile(source, disk);
});
afterEach(() => rm(folder, { recursive: true }));

const refused = async (options: Partial<ReplicateOptions> = {}): Promise<string> => {
  const done = await replicate({ source, target, ...options });
  return done.ok ? 'it was replicated' : describeReplicateError(done.error);
};
const equal = async (): Promise<boolean> => Buffer.compare(await readFile(target), await readFile(source)) === 0;

describe('replicating one disk', () => {
  it('copies a file, and brings the copy up to date when it is run again', async () => {
    expect(valueOf(await replicate({ source, target, verify: true }))).toMatchObject({ how: 'copied', verified: true });
    expect(await equal()).toBe(true);
    disk.fill('z', MiB, MiB + 1);
    await writeFile(source, disk);
    const again = valueOf(await replicate({ source, target, verify: true }));
    expect([again.how, again.rounds[0]?.bytesSent]).toEqual(['updated', grain]);
    expect(await equal()).toBe(true);
  });

  /** Stops a replication once something is durable. */
  async function interrupt(): Promise<void> {
    const stop = new AbortController();
    const throttle = createThrottle(bytesPerSecond(4 * MiB));
    const onProgress = ({ done }: { readonly done: number }): void => {
      if (done > 0) stop.abort();
    };
    const stopped = await replicate({ source, target, signal: stop.signal, throttle, onProgress });
    expect(stopped).toEqual({ ok: false, error: { type: 'Cancelled' } });
  }

  it('goes on where it was interrupted', async () => {
    await utimes(source, 1, 1);
    await interrupt();
    const { how, rounds } = valueOf(await replicate({ source, target }));
    expect([how, rounds.length]).toEqual(['resumed', 1]);
    expect(rounds[0]?.bytesResumed).toBeGreaterThan(0);
    expect(await equal()).toBe(true);
  });

  it('compares by digest what it had copied when the file was written to in between', async () => {
    await utimes(source, 1, 1);
    await interrupt();
    disk.fill('z', 0, 10);
    await writeFile(source, disk);
    const { rounds } = valueOf(await replicate({ source, target }));
    expect(rounds.map(({ mode }) => mode)).toEqual(['full', 'rescan']);
    expect(rounds[1]?.bytesSent).toBe(grain);
    expect(await equal()).toBe(true);
  });

  it('refuses a target it did not make, says what to say, and takes it then', async () => {
    await writeFile(target, 'precious');
    expect(await refused()).toContain('was not made by sealift; choose another target, or say --overwrite');
    expect(await readFile(target, 'utf8')).toBe('precious');
    valueOf(await replicate({ source, target, overwrite: true }));
    expect(await equal()).toBe(true);
  });

  it('refuses the copy of another source, a source of another size, and itself', async () => {
    valueOf(await replicate({ source, target }));
    const other = join(folder, 'other.raw');
    await writeFile(other, disk);
    expect(await refused({ source: other })).toContain('is the replica of session replicate-');
    await truncate(source, size + 512);
    expect(await refused()).toContain('say --overwrite to start anew');
    expect(await refused({ target: source })).toContain('source and target are the same disk');
    valueOf(await replicate({ source, target, overwrite: true }));
    expect(await equal()).toBe(true);
  });

  it('says in a sentence what is wrong with a source or target', async () => {
    const missing = join(folder, 'missing.raw');
    expect(await refused({ source: missing })).toBe(`the source ${missing} cannot be opened: ${missing} is not there`);
    expect(await refused({ source: 'nbd://127.0.0.1:1/x' })).toContain('no NBD server answers');
    expect(await refused({ source: '' })).toContain('no source was named');
    expect(await refused({ target: '' })).toContain('no target was named');
    expect(await refused({ target: join(folder, 'no', 'such.raw') })).toContain('cannot be opened');
    expect(await refused({ target: folder })).toContain('cannot be opened');
    expect((await readdir(folder)).sort()).toEqual(['source.raw']);
  });

  it('notices when verification finds a difference', async () => {
    const done = await replicate({
      source,
      target,
      verify: true,
      onProgress: ({ done: settled, total, sent }) => {
        // As if someone wrote to the copy before it was compared.
        if (settled === total && sent > 0) writeFileSync(target, Buffer.alloc(size, 1));
      },
    });
    expect(done.ok ? 'it was not noticed' : describeReplicateError(done.error)).toContain('differ from byte 0 to');
  });
});

const servers = needs('qemu-nbd', 'nbdkit', 'qemu-img');
describe.skipIf(!servers.available)(servers.title('replicating over NBD'), () => {
  it('reads an export and writes a file that qemu-img finds identical', async () => {
    await truncate(source, 2 * MiB);
    await truncate(source, size);
    const server = await startNbdServer({
      program: 'qemu-nbd',
      args: ['--format=raw', '--read-only', '--shared=8', source],
    });
    try {
      const { rounds } = valueOf(await replicate({ source: server.uri(), target }));
      // Its holes are told, so they are not even read.
      expect([rounds[0]?.bytesRead, rounds[0]?.bytesSent]).toEqual([2 * MiB, 2 * MiB]);
      const compare = ['compare', '-f', 'raw', '-F', 'raw', source, target];
      expect(execFileSync('qemu-img', compare).toString()).toContain('Images are identical');
    } finally {
      await server.dispose();
    }
  });

  it('writes an export, and goes on with it or refuses it by the journal it keeps elsewhere', async () => {
    const server = await startNbdServer({ program: 'nbdkit', args: ['memory', String(size)] });
    const state = folder;
    try {
      const uri = server.uri();
      expect(valueOf(await replicate({ source, target: uri, state, verify: true }))).toMatchObject({ how: 'copied' });
      disk.fill('z', MiB, MiB + 1);
      await writeFile(source, disk);
      expect(valueOf(await replicate({ source, target: uri, state, verify: true }))).toMatchObject({ how: 'updated' });
      const other = join(folder, 'other');
      expect(await refused({ target: uri, state: other })).toContain('cannot be opened');
      await writeFile(other, '');
      expect(await refused({ target: uri, state: join(folder, '..') })).toContain('--overwrite');
    } finally {
      await server.dispose();
    }
  });

  it('refuses an export of another size or that cannot be written', async () => {
    const small = await startNbdServer({ program: 'nbdkit', args: ['memory', String(MiB)] });
    const fixed = await startNbdServer({ program: 'nbdkit', args: ['--readonly', 'memory', String(size)] });
    try {
      expect(await refused({ target: small.uri(), state: folder })).toContain(`holds ${MiB} bytes`);
      expect(await refused({ target: fixed.uri(), state: folder })).toContain('read-only');
    } finally {
      await small.dispose();
      await fixed.dispose();
    }
  });

  it('fails with the source when its server dies, and goes on when it is back', async () => {
    const args = ['--filter=rate', 'file', source, 'rate=40M'];
    const first = await startNbdServer({ program: 'nbdkit', args, folder });
    const uri = first.uri();
    let died: Promise<void> | undefined;
    const lost = await replicate({
      source: uri,
      target,
      throttle: createThrottle(bytesPerSecond(3 * MiB)),
      onProgress: ({ done }) => {
        if (done > 0) died ??= first.kill();
      },
    });
    expect(lost).toMatchObject({ ok: false, error: { type: 'SourceFailed' } });
    await died;
    await rm(join(folder, 'nbdkit.sock'), { force: true });
    const second = await startNbdServer({ program: 'nbdkit', args: ['file', source], folder });
    try {
      const { how, rounds } = valueOf(await replicate({ source: second.uri(), target, verify: true }));
      expect(how).toBe('resumed');
      expect(rounds[0]?.bytesResumed).toBeGreaterThan(0);
    } finally {
      await second.kill();
    }
  });
});

const daemon = needs('qemu-storage-daemon');
describe.skipIf(!daemon.available)(daemon.title('rounds of changes from dirty bitmaps of qemu-storage-daemon'), () => {
  it.each(['within this process', 'through gateway and receiver'])(
    '%s send what was dirtied and no more',
    async (way) => {
      const machine = await startMachine('qemu-storage-daemon', () => []);
      const qmp = valueOf(await connectQmp({ path: machine.qmpSocket }));
      const socket = join(machine.folder, 'nbd');
      const uri = (name: string): string => `nbd+unix:///${name}?socket=${socket}`;
      await qmp.execute('blockdev-add', { driver: 'file', 'node-name': 'disk0', filename: source });
      await qmp.execute('nbd-server-start', { addr: { type: 'unix', data: { path: socket } } });
      await qmp.execute('block-export-add', {
        type: 'nbd',
        id: 'rw',
        'node-name': 'disk0',
        name: 'rw',
        writable: true,
      });
      const guest = valueOf(await connectNbd(uri('rw')));
      const sites = way === 'within this process' ? undefined : await startTwoSites(folder);
      const path: ReplicationPath = sites?.path ?? directPath();
      const made = sites ? join(sites.directory, 'replica.raw') : target;
      const job = (
        number: number,
        locator: ReplicationJob['source'],
        mode: ReplicationJob['mode'],
      ): ReplicationJob => ({
        session: 'm-1',
        disk: diskId('vda'),
        round: round(number),
        source: locator,
        mode,
        target: sites ? 'replica.raw' : target,
      });
      try {
        await qmp.execute('block-dirty-bitmap-add', { node: 'disk0', name: 'mark-0', granularity: 64 * KiB });
        valueOf(await path.run(job(0, { type: 'nbd', uri: uri('rw') }, 'full')));
        // Three blocks, one of them twice; one becomes zero, and one hole becomes data.
        const dirtied = [1 * grain, 20 * grain, 40 * grain];
        valueOf(await guest.write(offset(dirtied[0] ?? 0), Buffer.alloc(4 * KiB, 'x')));
        valueOf(await guest.write(offset(dirtied[0] ?? 0), Buffer.alloc(4 * KiB, 'y')));
        valueOf(await guest.write(offset(dirtied[1] ?? 0), Buffer.alloc(grain)));
        valueOf(await guest.write(offset(dirtied[2] ?? 0), Buffer.alloc(512, 'z')));
        await qmp.execute('block-dirty-bitmap-disable', { node: 'disk0', name: 'mark-0' });
        const exported = { type: 'nbd', id: 'delta', 'node-name': 'disk0', name: 'delta', bitmaps: ['mark-0'] };
        await qmp.execute('block-export-add', exported);
        const locator = { type: 'nbd', uri: uri('delta'), changesContext: 'qemu:dirty-bitmap:mark-0' } as const;
        const report = valueOf(await path.run(job(1, locator, 'changes')));
        expect(report).toMatchObject({ bytesSent: 2 * grain, bytesZeroed: grain });
        // Frames, digests and words included: at 64 KiB grain that is 1.05 times what was dirtied at most.
        expect(report.bytesSent).toBeLessThanOrEqual(1.05 * dirtied.length * grain);
        expect(valueOf(await path.compare(job(1, locator, 'changes')))).toMatchObject({
          equal: true,
          root: report.root,
        });
        expect(Buffer.compare(await readFile(made), await readFile(source))).toBe(0);
      } finally {
        await guest.close();
        await sites?.close();
        await qmp.close();
        await machine.dispose();
      }
    },
  );
});
