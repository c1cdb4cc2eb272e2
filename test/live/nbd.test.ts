import { execFile } from 'node:child_process';
import { open, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { describeDeviceError } from '#core/disk/block-device';
import { extent, totalLength } from '#core/disk/extent';
import { bytes, KiB, MiB, millis, offset } from '#core/units';
import { connectNbd, listNbdExports, type NbdConnectOptions } from '#replicator/nbd/client';
import type { NbdDevice } from '#replicator/nbd/nbd-device';
import { describeNbdError } from '#replicator/nbd/nbd-error';
import { startNbdServer, type NbdServer, type NbdServerOptions } from '#test/support/nbd-server';
import { needs } from '#test/support/programs';
import { temporaryFolder } from '#test/support/qemu-machine';
import { valueOf } from '#test/support/value-of';

const run = promisify(execFile);
const servers: NbdServer[] = [];
const devices: NbdDevice[] = [];
afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.close()));
  await Promise.all(servers.splice(0).map((server) => server.dispose()));
});
async function started(options: NbdServerOptions): Promise<NbdServer> {
  const server = await startNbdServer(options);
  servers.push(server);
  return server;
}
async function opened(server: NbdServer, options: NbdConnectOptions = {}, exportName = ''): Promise<NbdDevice> {
  const device = valueOf(await connectNbd(server.uri(exportName), options));
  devices.push(device);
  return device;
}
const nbdkit = (...args: readonly string[]): Promise<NbdServer> => started({ program: 'nbdkit', args });
async function failure(server: NbdServer, options: NbdConnectOptions = {}, exportName = ''): Promise<string> {
  const result = await connectNbd(server.uri(exportName), options);
  if (result.ok) await result.value.close();
  return result.ok ? 'connected' : describeNbdError(result.error);
}

type Operation = {
  readonly type: 'write' | 'zero' | 'read';
  readonly block: number;
  readonly blocks: number;
  readonly byte: number;
};

/** Writes, zeroes and reads at random, several at a time but never two on one lane, against a plain buffer. */
async function expectMemory(device: NbdDevice, size: number): Promise<void> {
  const lanes = 4;
  const laneBlocks = size / device.blockSize / lanes;
  const operation: fc.Arbitrary<Operation> = fc
    .record({
      type: fc.constantFrom('write', 'zero', 'read'),
      block: fc.nat(laneBlocks - 1),
      blocks: fc.integer({ min: 1, max: laneBlocks }),
      byte: fc.integer({ min: 1, max: 255 }),
    })
    .map((drawn) => ({ ...drawn, blocks: Math.min(drawn.blocks, laneBlocks - drawn.block) }));
  const model = Buffer.alloc(size);
  const perform = async ({ type, block, blocks, byte }: Operation, lane: number): Promise<boolean> => {
    const at = (lane * laneBlocks + block) * device.blockSize;
    const length = blocks * device.blockSize;
    const expected = model.subarray(at, at + length);
    if (type === 'read') {
      const into = new Uint8Array(length).fill(0xee);
      valueOf(await device.read(offset(at), into));
      return expected.equals(into);
    }
    // A pattern that differs at every place: a block that lands elsewhere is noticed.
    const data =
      type === 'zero'
        ? new Uint8Array(length)
        : Uint8Array.from({ length }, (_, i) => (byte + i * 31 + (i >> 9)) & 0xff);
    valueOf(
      type === 'zero' && device.can.zero
        ? await device.zero(offset(at), bytes(length))
        : await device.write(offset(at), data),
    );
    model.set(data, at);
    return true;
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(operation, { minLength: lanes, maxLength: lanes }), { maxLength: 8 }),
      async (turns) => {
        for (const turn of turns) expect(await Promise.all(turn.map(perform))).not.toContain(false);
      },
    ),
    // The disk remembers between cases, so a shrunk case would not mean what it meant.
    { numRuns: 25, endOnFailure: true },
  );
  valueOf(await device.flush());
  const whole = new Uint8Array(size);
  valueOf(await device.read(offset(0), whole));
  expect(model.equals(whole)).toBe(true);
}

async function rawDisk(
  folder: string,
  size: number,
  data: readonly (readonly [at: number, length: number, byte: number])[] = [],
): Promise<string> {
  const path = join(folder, 'disk.raw');
  await writeFile(path, '');
  await truncate(path, size);
  const file = await open(path, 'r+');
  for (const [at, length, byte] of data) await file.write(Buffer.alloc(length, byte), 0, length, at);
  await file.close();
  return path;
}
const sparse = [
  [0, 64 * KiB, 1],
  [MiB, 128 * KiB, 2],
  [MiB + 256 * KiB, 64 * KiB, 3],
  [40 * MiB - 64 * KiB, 64 * KiB, 4],
] as const;

const qemuNbd = needs('qemu-nbd', 'qemu-img');
describe.skipIf(!qemuNbd.available)(qemuNbd.title('NBD client against qemu-nbd'), () => {
  const serve = async (...args: readonly string[]) => {
    const folder = await temporaryFolder();
    const disk = await rawDisk(folder, 40 * MiB, sparse);
    return started({ program: 'qemu-nbd', folder, args: ['--format=raw', '--shared=8', ...args, disk] });
  };

  it('reads, writes and zeroes like memory', async () => {
    const folder = await temporaryFolder();
    const disk = await rawDisk(folder, 256 * KiB);
    const server = await started({ program: 'qemu-nbd', folder, args: ['--format=raw', '--shared=2', disk] });
    await expectMemory(await opened(server, { connections: 2, requestMax: bytes(16 * KiB) }), 256 * KiB);
  });

  it('works over TCP, by name, read-only, on several connections', async () => {
    const folder = await temporaryFolder();
    const disk = await rawDisk(folder, 40 * MiB, sparse);
    const args = ['--format=raw', '--shared=4', '--read-only', '--export-name=vda ä', disk];
    const server = await started({ program: 'qemu-nbd', folder, tcp: true, args });
    const device = await opened(server, { connections: 4 }, encodeURIComponent('vda ä'));
    expect(device.info).toMatchObject({ size: 40 * MiB, readOnly: true, structuredReplies: true, connections: 4 });
    const whole = new Uint8Array(device.size);
    valueOf(await device.read(offset(0), whole));
    expect((await readFile(disk)).equals(whole)).toBe(true);
    expect(await device.write(offset(0), new Uint8Array(512))).toMatchObject({ error: { type: 'ReadOnly' } });
  });

  it('is not held up by a server that serves one client at a time', async () => {
    const folder = await temporaryFolder();
    const disk = await rawDisk(folder, MiB);
    const server = await started({
      program: 'qemu-nbd',
      folder,
      args: ['--format=raw', '--shared=1', '--read-only', disk],
    });
    const device = await opened(server, { connections: 4, timeouts: { negotiate: millis(300) } });
    expect(device.info.connections).toBe(1);
    valueOf(await device.read(offset(0), new Uint8Array(MiB)));
  });

  it('maps a sparse disk as qemu-img does', async () => {
    const server = await serve('--read-only');
    const device = await opened(server);
    const mapped = valueOf(await device.extents(extent(0, 40 * MiB)));
    const { stdout } = await run('qemu-img', [
      'map',
      '--output=json',
      '--image-opts',
      `driver=nbd,server.type=unix,server.path=${server.uri().split('socket=')[1]}`,
    ]);
    const theirs = (JSON.parse(stdout) as { start: number; length: number; zero: boolean }[]).map(
      ({ start, length, zero }) => ({ ...extent(start, length), kind: zero ? 'zero' : 'data' }),
    );
    expect(mapped).toEqual(theirs);
    expect(totalLength(mapped.filter(({ kind }) => kind === 'data'))).toBe(320 * KiB);
    // A part of it: cut at both ends.
    expect(valueOf(await device.extents(extent(MiB + 64 * KiB, 128 * KiB)))).toEqual([
      { ...extent(MiB + 64 * KiB, 64 * KiB), kind: 'data' },
      { ...extent(MiB + 128 * KiB, 64 * KiB), kind: 'zero' },
    ]);
  });

  it('reads what a qcow2 bitmap calls dirty', async () => {
    const folder = await temporaryFolder();
    const image = join(folder, 'disk.qcow2');
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', image, '40M']);
    await run('qemu-img', ['bitmap', '--add', image, 'mark 1', '-g', '64k']);
    await run('qemu-io', ['-c', 'write 1M 4k', '-c', 'write 1088k 64k', '-c', 'write -z 20M 128k', image]);
    const server = await started({
      program: 'qemu-nbd',
      folder,
      args: ['--format=qcow2', '--read-only', '--bitmap=mark 1', image],
    });
    const context = 'qemu:dirty-bitmap:mark 1';
    const device = await opened(server, { connections: 1, metaContexts: [context] });
    expect(device.info.contexts).toEqual(['base:allocation', context]);
    expect(valueOf(await device.dirtyExtents(context, extent(0, 40 * MiB)))).toEqual([
      extent(MiB, 128 * KiB),
      extent(20 * MiB, 128 * KiB),
    ]);
    // Dirty and zero at once: it must be written as zeroes, not skipped.
    expect(valueOf(await device.extents(extent(20 * MiB, 128 * KiB)))).toEqual([
      { ...extent(20 * MiB, 128 * KiB), kind: 'zero' },
    ]);
    await device.close();
    expect(await failure(server, { metaContexts: ['qemu:dirty-bitmap:mark 2'] })).toBe(
      'the export has no metadata context "qemu:dirty-bitmap:mark 2"; it has "base:allocation", "qemu:dirty-bitmap:mark 1"',
    );
  });

  it('names the exports there are when the wanted one is not', async () => {
    const server = await serve('--export-name=vda', '--description=the disk');
    expect(await failure(server, {}, 'vdb')).toBe('the server has no export "vdb"; it has "vda"');
    expect(await listNbdExports(server.uri())).toEqual({ ok: true, value: [{ name: 'vda', description: 'the disk' }] });
  });

  it('answers every call when the server is killed in the middle', async () => {
    const server = await serve('--read-only');
    const device = await opened(server, { connections: 2 });
    const calls = Array.from({ length: 200 }, (_, i) => device.read(offset((i % 40) * MiB), new Uint8Array(MiB)));
    // The first is answered while hundreds of parts are still under way.
    expect((await Promise.race(calls)).ok).toBe(true);
    await server.kill();
    const failed = (await Promise.all(calls)).filter((answer) => !answer.ok);
    expect(failed.length).toBeGreaterThan(0);
    expect(new Set(failed.map((answer) => (answer.ok ? '' : answer.error.type)))).toEqual(new Set(['ConnectionLost']));
    expect(await device.read(offset(0), new Uint8Array(512))).toMatchObject({ error: { type: 'ConnectionLost' } });
    expect(await failure(server)).toContain('no NBD server answers at the socket');
  });
});

const kit = needs('nbdkit', 'nbdinfo');
describe.skipIf(!kit.available)(kit.title('NBD client against nbdkit'), () => {
  it.each([
    ['as it is', []],
    ['without structured replies', ['--no-sr']],
    ['as an old newstyle server', ['--mask-handshake=0']],
    ['as a newstyle server without NO_ZEROES', ['--mask-handshake=1']],
    ['as an old newstyle server with NO_ZEROES', ['--mask-handshake=2']],
    [
      'in blocks of 4096',
      [
        '--filter=blocksize-policy',
        'blocksize-minimum=4096',
        'blocksize-preferred=8192',
        'blocksize-maximum=32768',
        'blocksize-error-policy=error',
      ],
    ],
    ['without zeroing', ['--filter=nozero']],
    ['without extents', ['--filter=noextents']],
    ['that finishes in any order', ['--filter=delay', 'rdelay=1ms']],
    ['without flushing but with writing through', ['--filter=fua', 'fuamode=force']],
  ])('reads, writes and zeroes like memory: %s', async (_, args) => {
    const filters = args.filter((arg) => arg.startsWith('--'));
    const server = await nbdkit(...filters, 'memory', '256K', ...args.filter((arg) => !arg.startsWith('--')));
    await expectMemory(await opened(server, { connections: 2 }), 256 * KiB);
  });

  it('takes its limits from the server', async () => {
    const policy = [
      'blocksize-minimum=4096',
      'blocksize-preferred=65536',
      'blocksize-maximum=1M',
      'blocksize-error-policy=error',
    ];
    const server = await nbdkit('--filter=blocksize-policy', 'memory', '8M', ...policy);
    const device = await opened(server);
    expect([device.blockSize, device.info.preferredBlockSize, device.info.payloadMax]).toEqual([4096, 65536, MiB]);
    valueOf(await device.read(offset(0), new Uint8Array(8 * MiB)));
    expect(await device.read(offset(512), new Uint8Array(4096))).toMatchObject({ error: { type: 'InvalidRange' } });
  });

  it('maps extents as nbdinfo does', async () => {
    const server = await nbdkit('sparse-random', '64M', 'seed=7', 'runlength=65536', 'percent=20');
    const { stdout } = await run('nbdinfo', ['--map', '--json', server.uri()]);
    const theirs = (JSON.parse(stdout) as { offset: number; length: number; type: number }[]).map(
      ({ offset: at, length, type }) => ({
        ...extent(at, length),
        kind: (type & 2) === 0 ? 'data' : 'zero',
      }),
    );
    const mapped = valueOf(await (await opened(server)).extents(extent(0, 64 * MiB)));
    expect(mapped.length).toBeGreaterThan(20);
    expect(mapped).toEqual(theirs);
  });

  it('uses several connections exactly where the server allows it', async () => {
    const coherent = await nbdkit('--filter=multi-conn', 'memory', '1M', 'multi-conn-mode=emulate');
    expect((await opened(coherent, { connections: 3 })).info.connections).toBe(3);
    const incoherent = await nbdkit('--filter=multi-conn', 'memory', '1M', 'multi-conn-mode=disable');
    expect((await opened(incoherent, { connections: 3 })).info.connections).toBe(1);
  });

  it('reports errors of the disk where they are, and the connection stays', async () => {
    const server = await nbdkit(
      '--filter=error',
      'memory',
      '1M',
      'error-pread=EIO',
      'error-pread-rate=100%',
      'error-pwrite=ENOSPC',
      'error-pwrite-rate=100%',
    );
    const device = await opened(server);
    const read = await device.read(offset(4096), new Uint8Array(512));
    expect(read).toMatchObject({ error: { type: 'IoError', at: 4096, length: 512 } });
    expect(read.ok ? '' : describeDeviceError(read.error)).toContain('I/O error at byte 4096');
    expect(await device.write(offset(0), new Uint8Array(512))).toMatchObject({ error: { type: 'NoSpace', at: 0 } });
    expect((await device.flush()).ok).toBe(true);
  });

  it('reports a full disk', async () => {
    const folder = await temporaryFolder();
    const script = join(folder, 'full.sh');
    await writeFile(
      script,
      '#!/bin/sh\ncase "$1" in get_size) echo 1M;; pread) head -c $3 /dev/zero;; pwrite) cat >/dev/null; echo "ENOSPC the pool is full" >&2; exit 1;; can_write) exit 0;; *) exit 2;; esac\n',
      { mode: 0o755 },
    );
    const server = await started({ program: 'nbdkit', folder, args: ['sh', script] });
    const written = await (await opened(server)).write(offset(8192), new Uint8Array(512));
    expect(written).toMatchObject({ error: { type: 'NoSpace', at: 8192, length: 512 } });
  });

  it('survives errors that come and go, without losing or mixing up a reply', async () => {
    const server = await nbdkit('--filter=error', 'pattern', '8M', 'error-pread=EIO', 'error-pread-rate=30%');
    const device = await opened(server, { connections: 2, requestMax: bytes(64 * KiB) });
    const buffers = Array.from({ length: 64 }, () => Buffer.alloc(64 * KiB));
    const answers = await Promise.all(buffers.map((into, i) => device.read(offset(i * 64 * KiB), into)));
    expect(answers.some(({ ok }) => ok) && answers.some(({ ok }) => !ok)).toBe(true);
    for (const [i, answer] of answers.entries()) {
      // The plugin's pattern: each eight bytes hold their own address.
      const held = answer.ok ? buffers[i]?.readBigUInt64BE(8) : BigInt(i * 64 * KiB + 8);
      expect(held).toBe(BigInt(i * 64 * KiB + 8));
    }
  });

  it('refuses an oldstyle server clearly', async () => {
    expect(await failure(await nbdkit('--oldstyle', 'memory', '1M'))).toBe(
      'the server cannot be used: it speaks the oldstyle NBD protocol, which is obsolete; start it with newstyle negotiation',
    );
  });

  it('answers Closed at once when closed while a slow server works', async () => {
    const device = await opened(await nbdkit('--filter=delay', 'memory', '1M', 'rdelay=60'));
    const call = device.read(offset(0), new Uint8Array(512));
    await device.close();
    expect(await call).toEqual({ ok: false, error: { type: 'Closed' } });
  });
});
