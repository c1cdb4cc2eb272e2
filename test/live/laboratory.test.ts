import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiskId } from '#core/ids';
import type { ChangeMark, SourceHypervisor } from '#core/ports/source-hypervisor';
import { bytes, bytesPerSecond, MiB } from '#core/units';
import { kvmHypervisor } from '#replicator/connectors/kvm/kvm-hypervisor';
import type { Laboratory, LaboratoryOptions } from '#replicator/connectors/laboratory/laboratory';
import { startLaboratory } from '#replicator/connectors/laboratory/start';
import { locate, needs } from '#test/support/programs';
import { copyDisk } from '#test/support/read-source';
import { valueOf } from '#test/support/value-of';

const programs = needs('qemu-system-x86_64', 'qemu-img', 'busybox', 'mke2fs', 'e2fsck', 'debugfs', 'linux-kernel');
const run = promisify(execFile);
const diskSize = bytes(64 * MiB);
const owner = 'live';
const mark = (number: number) => ({ owner, number });

describe.skipIf(!programs.available)(programs.title('a laboratory guest that writes all the time'), () => {
  let directory: string;
  let laboratory: Laboratory | undefined;
  let source: SourceHypervisor | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sealift-'));
  });
  afterEach(async () => {
    await source?.close();
    await laboratory?.kill();
    await rm(directory, { recursive: true });
  });
  const boot = async (options: Partial<LaboratoryOptions> = {}) => {
    const writer = { bytesPerSecond: bytesPerSecond(2 * MiB) };
    const started = valueOf(await startLaboratory({ directory, diskSize, writer, seed: 7, ...options }));
    laboratory = started;
    source = kvmHypervisor({ qmp: { path: started.qmpSocket }, owner });
    return { guest: started, hypervisor: source };
  };

  it('is copied round by round while it writes, and is none the worse for it', async () => {
    const { guest, hypervisor } = await boot();
    expect(await startLaboratory({ ...optionsOf(directory), existingDisks: 'boot' })).toMatchObject({
      error: { type: 'InvalidOption', option: 'directory', detail: expect.stringContaining('already') },
    });
    const copies = await copyInRounds(guest, hypervisor, 2);
    const target = await save(directory, 'vda', copies);
    await expectSameContent(guest, target);
    const paused = guest.heartbeat();
    await expectFilesUpTo(paused, target);

    valueOf(await hypervisor.resume());
    expect(valueOf(await guest.heartbeatReached(paused + 2))).toBeGreaterThan(paused);
    valueOf(await hypervisor.release(owner));
    await hypervisor.close();

    await guest.stop();
    expect(await guest.ended).toContain('status 0');
    expect(await guest.heartbeatReached(Number.MAX_SAFE_INTEGER)).toMatchObject({ error: { type: 'GuestEnded' } });
    const left = await stat(guest.disks[0]?.path ?? '');
    expect(await startLaboratory(optionsOf(directory))).toMatchObject({ error: { type: 'DiskExists' } });
    expect(await stat(guest.disks[0]?.path ?? '')).toMatchObject({ mtimeMs: left.mtimeMs, size: left.size });
    await boot({ existingDisks: 'boot' });
  });

  it('is copied from two qcow2 disks all the same', async () => {
    const { guest, hypervisor } = await boot({ diskCount: 2, diskFormat: 'qcow2' });
    expect(guest.disks.map(({ id }) => id)).toEqual(['vda', 'vdb']);
    const copies = await copyInRounds(guest, hypervisor, 1);
    for (const { id } of guest.disks) await expectSameContent(guest, await save(directory, id, copies), id);
  });

  it('is called off with its QEMU when the caller changes their mind', async () => {
    const abort = new AbortController();
    const starting = startLaboratory({ ...optionsOf(directory), signal: abort.signal });
    abort.abort();
    expect(await starting).toMatchObject({ error: { type: 'BootFailed' } });
    const monitor = connect(join(directory, 'qmp'));
    const [refusal] = await once(monitor, 'error').catch((error: unknown) => [error]);
    expect(refusal).toBeInstanceOf(Error);
  });
});

const qemu = needs('qemu-system-x86_64');
describe.skipIf(!qemu.available)(qemu.title('a QEMU that a process started'), () => {
  it('does not outlive that process, however it ends', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sealift-'));
    const path = join(folder, 'qmp');
    const args = ['-accel', 'tcg', '-machine', 'none', '-display', 'none', '-qmp', `unix:${path},server=on,wait=off`];
    const command = JSON.stringify({ program: 'qemu-system-x86_64', args, qmpSocket: path });
    const script = `
      import { startQemuProcess } from '#replicator/connectors/laboratory/qemu-process';
      console.log((await startQemuProcess(${command})).ok);`;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    const monitor = connect(path);
    await once(monitor, 'data');
    parent.kill('SIGKILL');
    await once(monitor, 'close');
    await rm(folder, { recursive: true });
  });
});

const optionsOf = (directory: string): LaboratoryOptions => ({
  directory,
  diskSize,
  writer: { bytesPerSecond: bytesPerSecond(2 * MiB) },
  seed: 7,
});

/** A full sync, some delta syncs and a final sync of every disk; the guest is left paused. */
async function copyInRounds(
  guest: Laboratory,
  source: SourceHypervisor,
  deltas: number,
): Promise<ReadonlyMap<DiskId, Uint8Array>> {
  const copies = new Map(guest.disks.map(({ id }) => [id, new Uint8Array(diskSize)]));
  const copy = async (since?: ChangeMark, midway?: () => Promise<unknown>): Promise<void> => {
    for (const { id } of guest.disks) await copyDisk(source, id, copies, { since, midway });
    valueOf(await source.closeDisks());
  };
  valueOf(await source.beginMark(mark(0)));
  // The guest writes between the halves of the full copy, into what was read already and into what was not.
  await copy(undefined, async () => valueOf(await guest.heartbeatReached(guest.heartbeat() + 3)));
  for (let round = 1; round <= deltas; round += 1) {
    valueOf(await guest.heartbeatReached(guest.heartbeat() + 4)); // It writes, and what it counts is on the disk.
    valueOf(await source.advanceMark(mark(round - 1), mark(round)));
    const dirty = valueOf(await source.changes(mark(round - 1)));
    expect(dirty.every((disk) => disk.dirty > 0 && disk.dirty < diskSize)).toBe(true);
    await copy(mark(round - 1));
    valueOf(await source.dropMark(mark(round - 1)));
  }
  valueOf(await guest.heartbeatReached(guest.heartbeat() + 2));
  valueOf(await source.pause());
  valueOf(await source.advanceMark(mark(deltas), mark(deltas + 1)));
  await copy(mark(deltas));
  return copies;
}

async function save(directory: string, id: string, copies: ReadonlyMap<DiskId, Uint8Array>): Promise<string> {
  const path = join(directory, `${id}.target`);
  await writeFile(path, copies.get(id as DiskId) ?? '');
  return path;
}

async function expectSameContent(guest: Laboratory, target: string, id = 'vda'): Promise<void> {
  const disk = guest.disks.find((candidate) => candidate.id === id);
  // Shared by force: QEMU holds its disk's lock, and the guest is paused.
  const args = ['compare', '-U', '-f', disk?.format ?? '', '-F', 'raw', disk?.path ?? '', target];
  expect((await run('qemu-img', args)).stdout).toContain('Images are identical');
}

/** The file system as a crash would have left it: its journal is played back, then nothing is broken or missing. */
async function expectFilesUpTo(heartbeat: number, target: string): Promise<void> {
  const e2fsck = locate('e2fsck') ?? 'e2fsck';
  expect((await run(e2fsck, ['-E', 'journal_only', '-y', target])).stdout).toContain('recovering journal');
  expect((await run(e2fsck, ['-f', '-n', target])).stdout).toContain('Pass 5');
  const log = await run(locate('debugfs') ?? 'debugfs', ['-R', 'cat /work/log', target]);
  const heartbeats = [...log.stdout.matchAll(/^heartbeat (\d+), file \d+$/gm)].map(([, beat]) => Number(beat));
  expect(Math.max(...heartbeats)).toBeGreaterThanOrEqual(heartbeat);
}
