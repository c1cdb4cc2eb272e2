import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { extent, type Extent } from '#core/disk/extent';
import { diskId } from '#core/ids';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { MiB } from '#core/units';
import { alignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { openDiskReader, type DiskReader } from '#replicator/sentinel/disks/disk-reader';
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

/** A copy of `name`, in memory. */
export async function trackedCopy(tracker: Tracker, name: string): Promise<TrackedCopy> {
  const disk = (await tracker.disks()).find(({ id }) => id === name);
  if (disk === undefined) throw new Error(`${name} is not there`);
  const memory = alignedMemory(4, MiB);
  const flushCache = async (path: string) => (await sentinelRun('blockdev', ['--flushbufs', path])).status === 0;
  const reader = valueOf(await openDiskReader(disk, { memory, pace: readPace(wallClock), flushCache }));
  const copy = new Map<number, Buffer>();
  let deltaBytes = 0;
  const whole = extent(0, disk.size);
  const take = (start: number, content: Buffer): void => {
    for (let at = 0; at < content.length; at += grain)
      copy.set((start + at) / grain, Buffer.from(content.subarray(at, at + grain)));
  };
  return {
    get deltaBytes() {
      return deltaBytes;
    },
    copyAll: () => readExtent(reader, whole, take),
    copyChanges: async (number) => {
      const known = valueOf(await tracker.extents(testMark(number), diskId(name), whole, 1_000_000));
      for (const range of known.extents) {
        deltaBytes += range.length;
        await readExtent(reader, range, take);
      }
    },
    differences: async () => {
      const different: number[] = [];
      await readExtent(reader, whole, (start, content) => {
        for (let at = 0; at < content.length; at += grain) {
          const is = copy.get((start + at) / grain);
          if (is === undefined || !is.equals(content.subarray(at, at + grain))) different.push((start + at) / grain);
        }
      });
      return different;
    },
    close: () => reader.close(),
  };
}

const grain = 65_536;

async function readExtent(
  reader: DiskReader,
  { start, length }: Extent,
  take: (start: number, content: Buffer) => void,
): Promise<void> {
  for (let at: number = start; at < start + length; at += MiB) {
    const piece = valueOf(await reader.read(at, Math.min(MiB, start + length - at)));
    take(at, piece.bytes);
    piece.release();
  }
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
