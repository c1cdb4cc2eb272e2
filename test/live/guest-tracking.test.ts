import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { diskId } from '#core/ids';
import { MiB, offset } from '#core/units';
import { openDisks } from '#replicator/sentinel/data-connection/open-disks';
import { dataConnection } from '#replicator/sentinel/data-connection/remote-disk';
import { serveDisks } from '#replicator/sentinel/data-connection/serve-disks';
import { alignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { nodeDevices } from '#replicator/sentinel/disks/node-devices';
import { readPace } from '#replicator/sentinel/disks/read-pace';
import { openTracker, type LiveTrackerOptions } from '#replicator/sentinel/tracking/open-tracker';
import type { Tracker } from '#replicator/sentinel/tracking/tracker';
import { wallClock } from '#replicator/wall-clock';
import { attachLoop, runProgram, sentinelRun, type LoopDisk } from '#test/support/loop-disks';
import { needs, tracingNeed } from '#test/support/programs';
import {
  flushCache,
  remoteSource,
  startDiskWriter,
  testMark,
  trackedCopy,
  trackedSource,
  type DiskWriter,
  type TrackedCopy,
} from '#test/support/tracked-copy';
import { socketPair } from '#test/support/socket-pair';
import { valueOf } from '#test/support/value-of';

const programs = needs(tracingNeed, 'losetup', 'mkfs.ext4', 'mkfs.xfs', 'mkfs.btrfs', 'blkdiscard');

describe.skipIf(!programs.available)(programs.title('tracking of disks that are in use'), () => {
  let folder = '';
  let undo: (() => unknown)[] = [];
  let ids = 0;

  beforeEach(() => {
    folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sealift-tracking-'));
    undo = [];
  });
  afterEach(async () => {
    for (const work of undo.reverse()) await work();
    rmSync(folder, { recursive: true });
  });

  const attach = async (size: number, logicalBlockSize?: number): Promise<LoopDisk> => {
    const disk = await attachLoop(join(folder, `disk-${undo.length}`), size, logicalBlockSize);
    undo.push(() => disk.detach());
    return disk;
  };
  const track = async (disks: readonly LoopDisk[], options: Partial<LiveTrackerOptions> = {}): Promise<Tracker> => {
    const id = `test-${process.pid}-${(ids += 1)}`;
    const choice = { loops: disks.map(({ name }) => name) };
    const tracker = await openTracker({
      run: sentinelRun,
      clock: wallClock,
      id,
      choice,
      mountPoint: join(folder, 'tracing'),
      ...options,
    });
    undo.push(() => tracker.close());
    return tracker;
  };
  const copyOf = async (tracker: Tracker, disk: LoopDisk): Promise<TrackedCopy> => {
    const copy = trackedCopy(await trackedSource(tracker, disk.name));
    undo.push(() => copy.close());
    return copy;
  };
  const write = async (writing: Parameters<typeof startDiskWriter>[0]): Promise<DiskWriter> => {
    const writer = await startDiskWriter(writing);
    undo.push(() => writer.kill());
    return writer;
  };
  const mount = async (
    path: string,
    ...options: readonly string[]
  ): Promise<{ at: string; unmount(): Promise<void> }> => {
    const at = join(folder, `mounted-${undo.length}`);
    mkdirSync(at);
    await runProgram('mount', ...options, path, at);
    let isMounted = true;
    const unmount = async (): Promise<void> => {
      if (isMounted) await runProgram('umount', at);
      isMounted = false;
    };
    undo.push(unmount);
    return { at, unmount };
  };

  /** Everything once and three deltas while `writers` write, then a last delta: as a migration does it. */
  const replicateWhile = async (
    tracker: Tracker,
    disks: readonly LoopDisk[],
    end: () => Promise<void>,
    copies: readonly TrackedCopy[] = [],
  ): Promise<number> => {
    if (copies.length === 0) copies = await Promise.all(disks.map((disk) => copyOf(tracker, disk)));
    valueOf(await tracker.begin(testMark(0)));
    for (const copy of copies) await copy.copyAll();
    for (let round = 1; round <= 4; round += 1) {
      if (round === 4) await end();
      valueOf(await tracker.advance(testMark(round - 1), testMark(round)));
      for (const copy of copies) await copy.copyChanges(round - 1);
      await tracker.drop(testMark(round - 1));
    }
    for (const copy of copies) expect(await copy.differences()).toEqual([]);
    return copies.reduce((sum, { deltaBytes }) => sum + deltaBytes, 0);
  };

  it.each([512, 4_096])(
    'full sync and deltas give the same bytes as the disk has, in blocks of %i bytes',
    async (block) => {
      const size = 48 * MiB + 5 * block;
      const disk = await attach(size, block);
      const tracker = await track([disk]);
      const writer = await write({ device: disk.path, size, block, seed: inject('seed'), pauseMs: 1 });
      const sent = await replicateWhile(tracker, [disk], async () => {
        expect(await writer.stop()).toBeGreaterThan(10);
      });
      expect(sent).toBeGreaterThan(0);
    },
  );

  it.each([
    ['mkfs.ext4', ['-q', '-F'], ['-o', 'discard']],
    ['mkfs.xfs', ['-q', '-f'], ['-o', 'discard']],
  ] as const)(
    'a file system of %s that is written, synced and trimmed arrives whole',
    async (program, making, options) => {
      const disk = await attach(320 * MiB);
      await runProgram(program, ...making, disk.path);
      const { at, unmount } = await mount(disk.path, ...options);
      const tracker = await track([disk]);
      const writer = await write({ folder: at, seed: inject('seed'), pauseMs: 2 });
      await replicateWhile(tracker, [disk], async () => {
        await writer.stop();
        await runProgram('fstrim', at);
        await unmount();
      });
    },
  );

  it('one file system over two disks arrives whole on both', async () => {
    const disks = [await attach(128 * MiB), await attach(128 * MiB)];
    await runProgram('mkfs.btrfs', '-q', '-f', '-d', 'raid1', '-m', 'raid1', ...disks.map(({ path }) => path));
    await runProgram('btrfs', 'device', 'scan', ...disks.map(({ path }) => path));
    const { at, unmount } = await mount(disks[0]?.path ?? '', '-t', 'btrfs');
    const tracker = await track(disks);
    const writer = await write({ folder: at, seed: inject('seed'), pauseMs: 2 });
    await replicateWhile(tracker, disks, async () => {
      await writer.stop();
      await unmount();
    });
  });

  it('a gateway copies it over the data connection as if it were its own', async () => {
    const size = 24 * MiB;
    const disk = await attach(size);
    const tracker = await track([disk]);
    const served = openDisks(tracker, {
      devices: nodeDevices,
      memory: alignedMemory(4, MiB),
      pace: readPace(wallClock),
      flushCache,
    });
    undo.push(() => served.closeAll());
    const [near, far] = await socketPair();
    const service = serveDisks(near, served, { clock: wallClock });
    const connection = dataConnection(far, { clock: wallClock });
    undo.push(() => connection.close());
    const writer = await write({ device: disk.path, size, block: 512, seed: inject('seed'), pauseMs: 1 });
    const copy = trackedCopy(await remoteSource(connection, disk.name));
    await replicateWhile(tracker, [disk], async () => void (await writer.stop()), [copy]);
    // The connection has the disk as it was when it was opened; opened again, as it is.
    await disk.resize(size + MiB);
    const again = valueOf(await connection.openDisk(diskId(disk.name)));
    expect(again.size).toBe(size + MiB);
    valueOf(await again.read(offset(size), Buffer.alloc(MiB)));
    connection.close();
    expect((await service.ended).type).toBe('ConnectionLost');
  });

  it('records of what was written, zeroed and discarded name exactly the grains that were', async () => {
    const disk = await attach(16 * MiB);
    const tracker = await track([disk]);
    valueOf(await tracker.begin(testMark(0)));
    await runProgram(
      'dd',
      'if=/dev/urandom',
      `of=${disk.path}`,
      'bs=4k',
      'seek=17',
      'count=1',
      'oflag=direct',
      'status=none',
    );
    await runProgram('blkdiscard', '--offset', String(2 * MiB), '--length', String(MiB), disk.path);
    await runProgram('blkdiscard', '--zeroout', '--offset', String(5 * MiB), '--length', String(MiB), disk.path);
    await runProgram('dd', `if=${disk.path}`, 'of=/dev/null', 'bs=1M', 'iflag=direct', 'status=none');
    valueOf(await tracker.advance(testMark(0), testMark(1)));
    expect(valueOf(await tracker.extents(testMark(0), diskId(disk.name), extent(0, 16 * MiB), 9)).extents).toEqual([
      { start: 65_536, length: 65_536 },
      { start: 2 * MiB, length: MiB },
      { start: 5 * MiB, length: MiB },
    ]);
  });

  it('a buffer that overflows loses the mark, and the next one is whole again', async () => {
    const disk = await attach(48 * MiB);
    const tracker = await track([disk], { bufferKiB: 4, lookEveryMs: 60_000 });
    valueOf(await tracker.begin(testMark(0)));
    await runProgram('dd', 'if=/dev/zero', `of=${disk.path}`, 'bs=4k', 'count=4000', 'oflag=direct', 'status=none');
    expect(tracker.backlog().lost).toBeGreaterThan(0);
    for (const asked of [tracker.changes(testMark(0)), tracker.advance(testMark(0), testMark(1))])
      expect(await asked).toMatchObject({ ok: false, error: { type: 'TrackingLost' } });
    expect(await tracker.changes(testMark(1))).toMatchObject({ ok: false, error: { type: 'TrackingLost' } });
    await tracker.release('test');
    valueOf(await tracker.begin(testMark(2)));
    expect((await tracker.changes(testMark(2))).ok).toBe(true);
  });

  it('a restart loses every mark of before, and finds what was left behind in the kernel', async () => {
    const disk = await attach(MiB);
    const id = `test-${process.pid}-restart`;
    const before = await track([disk], { id });
    valueOf(await before.begin(testMark(0)));
    // While it lives nobody takes its place: two would each have half of the records.
    const besides = await track([disk], { id });
    expect((await besides.disks())[0]?.tracking).toMatchObject({ possible: false });
    await before.close();
    // As a process leaves it that was killed.
    const tracing = join(folder, 'traced');
    mkdirSync(tracing);
    await runProgram('mount', '-t', 'tracefs', 'tracefs', tracing);
    undo.push(() => runProgram('umount', tracing));
    mkdirSync(join(tracing, 'instances', `sealift-${id}`));
    const after = await track([disk], { id });
    for (const asked of [after.changes(testMark(0)), after.advance(testMark(0), testMark(1))])
      expect(await asked).toMatchObject({ ok: false, error: { type: 'TrackingLost' } });
    expect((await after.begin(testMark(1))).ok).toBe(true);
  });

  it('a disk that grows, is exchanged, appears or vanishes loses the mark and is named', async () => {
    const disk = await attach(8 * MiB);
    const loops: string[] = [disk.name];
    const tracker = await track([disk], { choice: { loops } });
    const lostFor = async (number: number): Promise<unknown> => {
      const changes = await tracker.changes(testMark(number));
      return changes.ok ? 'whole' : changes.error;
    };
    valueOf(await tracker.begin(testMark(0)));
    expect(await lostFor(0)).toBe('whole');
    await disk.resize(9 * MiB);
    expect(await lostFor(0)).toMatchObject({
      type: 'TrackingLost',
      disk: disk.name,
      detail: expect.stringContaining(`now has ${9 * MiB}`),
    });
    valueOf(await tracker.begin(testMark(1)));
    const another = await attach(MiB);
    loops.push(another.name);
    expect(await lostFor(1)).toMatchObject({ disk: another.name, detail: expect.stringContaining('appeared') });
    valueOf(await tracker.begin(testMark(2)));
    loops.pop();
    expect(await lostFor(2)).toMatchObject({
      disk: another.name,
      detail: expect.stringContaining('not there any more'),
    });
    valueOf(await tracker.begin(testMark(3)));
    // Another file under the same name, of the same size: the kernel tells them apart by their sequence.
    await disk.detach();
    await runProgram('losetup', disk.path, join(folder, 'disk-0'));
    expect(await lostFor(3)).toMatchObject({ disk: disk.name, detail: expect.stringContaining('another disk') });
  });

  it('nothing is left in the kernel once the last mark is gone', async () => {
    const disk = await attach(MiB);
    const tracker = await track([disk]);
    valueOf(await tracker.begin(testMark(0)));
    valueOf(await tracker.begin({ owner: 'another', number: 0 }));
    await tracker.release('test');
    expect(tracker.backlog().recording).toBe(true);
    await tracker.release('another');
    expect(tracker.backlog()).toEqual({ recording: false, unread: 0, read: 0, lost: 0, memory: 0 });
    expect(await tracker.changes({ owner: 'another', number: 0 })).toMatchObject({ ok: false });
  });
});
