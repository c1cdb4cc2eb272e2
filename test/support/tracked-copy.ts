import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { extent, type Extent } from '#core/disk/extent';
import { diskId } from '#core/ids';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { MiB, offset } from '#core/units';
import type { DataConnection } from '#replicator/sentinel/data-connection/remote-disk';
import { alignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { openDiskReader } from '#replicator/sentinel/disks/disk-reader';
import { nodeDevices } from '#replicator/sentinel/disks/node-devices';
import { readPace } from '#replicator/sentinel/disks/read-pace';
import type { Tracker } from '#replicator/sentinel/tracking/tracker';
import { wallClock } from '#replicator/wall-clock';
import type { DiskWriting } from './disk-writer-process.ts';
import { sentinelRun } from './loop-disks.ts';
import { valueOf } from './value-of.ts';

/** The mark of a round, as tests name it. */
export const testMark = (number: number): ChangeMark => ({ owner: 'test', number });

/** A copy of one tracked disk, made as rounds make it: everything once, and then what marks recorded. */
export interface TrackedCopy {
  /** Bytes copied in deltas so far. */
  readonly deltaBytes: number;
  copyAll(): Promise<void>;
  /** Copies what mark `number` recorded. */
  copyChanges(number: number): Promise<void>;
  /** Grains of 64 KiB in which the copy differs from the disk. Nobody may write meanwhile. */
  differences(): Promise<readonly number[]>;
  close(): Promise<void>;
}

/** Where a copy comes from: the disk itself, or whatever reads it from afar. */
export interface CopySource {
  readonly size: number;
  /** Hands out `length` bytes at `start`. They are the source's again when `take` returns. */
  read(start: number, length: number, take: (content: Buffer) => void): Promise<void>;
  dirty(mark: number): Promise<readonly Extent[]>;
  close(): Promise<void>;
}

/** A tracked disk of this machine, read where it is. */
export async function trackedSource(tracker: Tracker, name: string): Promise<CopySource> {
  const disk = (await tracker.disks()).find(({ id }) => id === name);
  if (disk === undefined) throw new Error(`${name} is not there`);
  const memory = alignedMemory(4, MiB);
  const pace = readPace(wallClock);
  const reader = valueOf(await openDiskReader(disk, { devices: nodeDevices, memory, pace, flushCache }));
  const whole = extent(0, disk.size);
  return {
    size: disk.size,
    read: async (start, length, take) => {
      const piece = valueOf(await reader.read(start, length));
      take(piece.bytes);
      piece.release();
    },
    dirty: async (mark) => valueOf(await tracker.extents(testMark(mark), disk.id, whole, 1_000_000)).extents,
    close: () => reader.close(),
  };
}

/** Drops what the kernel keeps of a disk. */
export const flushCache = async (path: string): Promise<boolean> =>
  (await sentinelRun('blockdev', ['--flushbufs', path])).status === 0;

/** A disk of a guest, read through its data connection. */
export async function remoteSource(connection: DataConnection, name: string): Promise<CopySource> {
  const disk = valueOf(await connection.openDisk(diskId(name)));
  const whole = extent(0, disk.size);
  return {
    size: disk.size,
    read: async (start, length, take) => {
      const into = Buffer.alloc(length);
      valueOf(await disk.read(offset(start), into));
      take(into);
    },
    dirty: async (mark) => valueOf(await disk.dirtyExtents(testMark(mark), whole)),
    close: () => disk.close(),
  };
}

/** A copy of a disk, in memory. */
export function trackedCopy(source: CopySource): TrackedCopy {
  const copy = new Map<number, Buffer>();
  let deltaBytes = 0;
  const whole = extent(0, source.size);
  const copyExtent = (range: Extent): Promise<void> =>
    eachGrain(source, range, (at, content) => copy.set(at, Buffer.from(content)));
  return {
    get deltaBytes() {
      return deltaBytes;
    },
    copyAll: () => copyExtent(whole),
    copyChanges: async (mark) => {
      for (const range of await source.dirty(mark)) {
        deltaBytes += range.length;
        await copyExtent(range);
      }
    },
    differences: async () => {
      const different: number[] = [];
      await eachGrain(source, whole, (at, content) => {
        if (copy.get(at)?.equals(content) !== true) different.push(at);
      });
      return different;
    },
    close: () => source.close(),
  };
}

const grain = 65_536;

async function eachGrain(
  source: CopySource,
  { start, length }: Extent,
  take: (grain: number, content: Buffer) => void,
): Promise<void> {
  for (let at: number = start; at < start + length; at += MiB)
    await source.read(at, Math.min(MiB, start + length - at), (content) => {
      for (let from = 0; from < content.length; from += grain)
        take((at + from) / grain, content.subarray(from, from + grain));
    });
}

/** A process that writes. */
export interface DiskWriter {
  /** Lets it finish what it is at. Answers how often it wrote. */
  stop(): Promise<number>;
  kill(): void;
}

/** Starts writing; resolves once the first write is done. */
export async function startDiskWriter(writing: DiskWriting): Promise<DiskWriter> {
  const args = ['--import', 'tsx', 'test/support/disk-writer-process.ts', JSON.stringify(writing)];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close');
  while (!said.includes('ready')) {
    await Promise.race([once(child.stdout ?? child, 'data'), ended]);
    if (child.exitCode !== null) throw new Error(`the writer ended with ${child.exitCode}`);
  }
  return {
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      return Number(/"writes":(\d+)/.exec(said)?.[1]);
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
