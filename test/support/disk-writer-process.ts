/**
 * Writes to a disk until it is told to stop, as a process of its own: what it was told is done before its last line.
 *
 * `node --import tsx test/support/disk-writer-process.ts '<JSON>'`. Prints `ready` when it has begun, and `{ writes }` at
 * the end, after SIGTERM. On a device it writes past the cache, in pieces that fit no grain; in a folder it makes, changes
 * and removes files, and syncs some of them.
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, constants, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { alignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { KiB } from '#core/units';

/** What to write where. */
export type DiskWriting = { readonly seed: number; readonly pauseMs: number } & (
  { readonly device: string; readonly size: number; readonly block: number } | { readonly folder: string }
);

const asked = JSON.parse(process.argv[2] ?? '{}') as DiskWriting;
const rng = seededRng(asked.seed);
const piece = await alignedMemory(1, 256 * KiB).take();
let stopped = false;
process.once('SIGTERM', () => (stopped = true));
const step = 'device' in asked ? deviceWriter(asked) : folderWriter(asked.folder);
let writes = 0;
for (; !stopped; writes += 1) {
  step();
  if (writes === 0) process.stdout.write('ready\n');
  await (asked.pauseMs > 0 ? pause(asked.pauseMs) : turn());
}
process.stdout.write(`${JSON.stringify({ writes })}\n`);

function deviceWriter({ device, size, block }: { device: string; size: number; block: number }): () => void {
  const file = openSync(device, constants.O_WRONLY | constants.O_DIRECT);
  return () => {
    const length = rng.between(1, 40) * block;
    const at = rng.between(0, (size - length) / block) * block;
    randomFillSync(piece, 0, length);
    writeSync(file, piece, 0, length, at);
  };
}

function folderWriter(folder: string): () => void {
  return () => {
    const path = join(folder, `file-${rng.between(0, 60)}`);
    if (rng.between(0, 5) === 0) return rmSync(path, { force: true });
    const length = rng.between(1, 200_000);
    randomFillSync(piece, 0, length);
    const file = openSync(path, constants.O_WRONLY | constants.O_CREAT);
    writeSync(file, piece, 0, length, rng.between(0, 400_000));
    if (rng.between(0, 3) === 0) fsyncSync(file);
    closeSync(file);
  };
}
