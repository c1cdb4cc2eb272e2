import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, bytesPerSecond, KiB, MiB, millis } from '#core/units';
import { alignedMemory, type AlignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { openDiskReader, type DiskReader } from '#replicator/sentinel/disks/disk-reader';
import { readAtIdlePriority } from '#replicator/sentinel/disks/idle-priority';
import { nodeDevices } from '#replicator/sentinel/disks/node-devices';
import { readPace, type ReadPace } from '#replicator/sentinel/disks/read-pace';
import { wallClock } from '#replicator/wall-clock';
import { attachLoop, runProgram, sentinelRun, type LoopDisk } from '#test/support/loop-disks';
import { needs, tracingNeed } from '#test/support/programs';
import { valueOf } from '#test/support/value-of';

const programs = needs(tracingNeed, 'losetup', 'ionice');

describe.skipIf(!programs.available)(programs.title('reading disks that are in use'), () => {
  const size = 2 * MiB + 512;
  let folder = '';
  let disk: LoopDisk;
  let file = '';
  beforeEach(async () => {
    folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sealift-reads-'));
    file = join(folder, 'disk');
    writeFileSync(file, Buffer.alloc(size, 'old '));
    disk = await attachLoop(file, size);
  });
  afterEach(async () => {
    await disk.detach();
    rmSync(folder, { recursive: true });
  });

  const flushCache = async (path: string) => (await sentinelRun('blockdev', ['--flushbufs', path])).status === 0;
  const open = async (memory: AlignedMemory, pace: ReadPace = readPace(wallClock)): Promise<DiskReader> =>
    valueOf(
      await openDiskReader(
        { path: disk.path, size: bytes(size), logicalBlockSize: bytes(512) },
        { devices: nodeDevices, memory, pace, flushCache },
      ),
    );
  const textAt = async (reader: DiskReader, at: number): Promise<string> => {
    const piece = valueOf(await reader.read(at, 512));
    const text = piece.bytes.subarray(0, 4).toString();
    piece.release();
    return text;
  };
  /** What the cache of the disk has: a change that goes past it is not seen. */
  const cachedAt = (at: number): string => {
    const handle = openSync(disk.path, 'r');
    const into = Buffer.alloc(4);
    readSync(handle, into, 0, 4, at);
    closeSync(handle);
    return into.toString();
  };
  const changeBeneath = (at: number): void => {
    const handle = openSync(file, 'r+');
    writeSync(handle, 'new ', at);
    closeSync(handle);
  };
  it.each([
    ['directly', 512, 'direct'],
    // A disk of larger blocks than it is opened with refuses to read a small one directly.
    ['with its cache dropped before each read, where direct reads are refused', 4_096, 'flushed'],
  ] as const)('sees what its cache does not: %s', async (_, blocks, how) => {
    await disk.detach();
    disk = await attachLoop(file, 2 * MiB + 4 * KiB, blocks);
    const reader = await open(alignedMemory(2, MiB));
    expect(reader.how.type).toBe(how);
    for (const at of [0, 512 * KiB, MiB + 512]) {
      expect(await textAt(reader, at)).toBe('old ');
      expect(cachedAt(at)).toBe('old ');
      changeBeneath(at);
      expect(cachedAt(at)).toBe('old ');
      expect(await textAt(reader, at)).toBe('new ');
    }
    await reader.close();
  });

  it('reads whole blocks only, to the last one, and no more at a time than its memory has', async () => {
    const memory = alignedMemory(2, MiB);
    const reader = await open(memory);
    expect((await reader.read(size - 512, 512)).ok).toBe(true);
    expect(memory.lent).toBe(1);
    for (const [at, length] of [
      [size - 512, 1_024],
      [1, 512],
      [0, 513],
      [0, MiB + 512],
    ] as const)
      expect(await reader.read(at, length)).toMatchObject({ ok: false, error: { type: 'InvalidRange' } });
    await reader.close();
    expect(await reader.read(0, 512)).toMatchObject({ ok: false, error: { type: 'Closed' } });
  });

  it('a disk that is made smaller while in use fails its reads, and gives their memory back', async () => {
    const memory = alignedMemory(2, MiB);
    const reader = await open(memory);
    await disk.resize(MiB);
    expect(await reader.read(MiB, 512)).toMatchObject({ ok: false, error: { type: 'IoError', at: MiB } });
    expect(memory.lent).toBe(0);
    await reader.close();
  });

  it('has no more reads under way than its memory has pieces', async () => {
    const memory = alignedMemory(2, MiB);
    const reader = await open(memory);
    const first = await Promise.all([reader.read(0, MiB), reader.read(0, MiB)]);
    let third = 0;
    const waiting = reader.read(MiB, 512).then((piece) => {
      third += 1;
      return valueOf(piece).release();
    });
    await wallClock.wait(millis(20));
    expect(third).toBe(0);
    for (const piece of first) valueOf(piece).release();
    await waiting;
    expect(memory.lent).toBe(0);
    await reader.close();
  });

  it('stands still at rate zero until the rate is changed', async () => {
    const pace = readPace(wallClock, bytesPerSecond(0));
    const reader = await open(alignedMemory(2, MiB), pace);
    let done = false;
    const read = reader.read(0, MiB).then((piece) => {
      done = true;
      return valueOf(piece).release();
    });
    await wallClock.wait(millis(20));
    expect(done).toBe(false);
    pace.set('unlimited');
    await read;
    await reader.close();
  });

  it('goes behind all other I/O of the guest', async () => {
    const classOf = async (thread: string): Promise<string> => (await runProgram('ionice', '-p', thread)).trim();
    const threads = readdirSync('/proc/self/task');
    try {
      expect(await readAtIdlePriority(sentinelRun)).toBe(true);
      expect(new Set(await Promise.all(threads.map(classOf)))).toEqual(new Set(['idle']));
    } finally {
      await runProgram('ionice', '-c', '0', '-p', ...readdirSync('/proc/self/task'));
    }
  });
});
