import { access, constants, mkdir, stat, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { DiskId, MigrationId } from '#core/ids';
import type { Check } from '#core/migration/facts';
import type { PlannedDisk } from '#core/migration/plan';
import { err, ok, type Result } from '#core/result';
import { formatBytes } from '#core/text/format';
import { MiB } from '#core/units';

/** Where the replicas of one migration are kept. */
export type ReplicaPlace =
  /** Raw files in a folder of this machine. */
  | { readonly type: 'directory'; readonly path: string }
  /** Below the folder of a receiver, which looks after room and ownership itself. */
  | { readonly type: 'receiver'; readonly migration: MigrationId };

/** The target of one disk: a file's path, or a name below the receiver's folder. */
export const targetOf = (place: ReplicaPlace, disk: DiskId): string =>
  place.type === 'directory' ? join(place.path, `${disk}.raw`) : `${place.migration}-${disk}.raw`;

/** Makes the folder if it is not there. The error is a sentence. */
export async function makePlace(place: ReplicaPlace): Promise<Result<void, string>> {
  if (place.type === 'receiver') return ok(undefined);
  try {
    await mkdir(place.path, { recursive: true });
    return ok(undefined);
  } catch (error) {
    return err(`the target folder ${place.path} cannot be made: ${messageOf(error)}`);
  }
}

/** Whether the folder can take the replicas of these disks, and has the room. Changes nothing. */
export async function checkPlace(place: ReplicaPlace, disks: readonly PlannedDisk[]): Promise<readonly Check[]> {
  if (place.type === 'receiver') return [];
  const existing = await nearestExisting(place.path);
  return [await checkWritable(place.path, existing), await checkRoom(existing, disks)];
}

async function checkWritable(path: string, existing: string): Promise<Check> {
  const id = 'target-writable';
  try {
    if (!(await stat(existing)).isDirectory())
      return failed(id, `${existing} is not a folder`, 'give the replica a folder of its own');
    await access(existing, constants.W_OK | constants.X_OK);
    return passed(id, `the replica is kept in ${path}`);
  } catch (error) {
    return failed(
      id,
      `${existing} cannot be written to: ${messageOf(error)}`,
      'let this user write there, or give another folder',
    );
  }
}

// Below this not even a replica of holes and its journal have room.
const roomMin = 16 * MiB;

async function checkRoom(existing: string, disks: readonly PlannedDisk[]): Promise<Check> {
  const id = 'target-room';
  const wanted = disks.reduce((sum, { size }) => sum + size, 0);
  let free: number;
  try {
    const { bavail, bsize } = await statfs(existing);
    free = bavail * bsize;
  } catch (error) {
    return failed(id, `the room in ${existing} cannot be told: ${messageOf(error)}`, 'give another folder');
  }
  const found = `${existing} has ${formatBytes(free)} free, the disks are ${formatBytes(wanted)} together`;
  if (free < roomMin) return failed(id, found, 'free some room, or give another folder');
  if (free >= wanted) return passed(id, found);
  // A replica takes what is allocated at the source, which is not known before it has been read.
  return {
    id,
    verdict: 'warning',
    message: `${found}: enough only if that much of them is empty`,
    remedy: 'free some room, or go on if you know that the disks are mostly empty',
  };
}

/** Whether something is at a target that is not a disk of ours. A file without a byte in it is nobody's. */
export async function isTaken(place: ReplicaPlace, disk: DiskId): Promise<boolean> {
  if (place.type === 'receiver') return false;
  try {
    const found = await stat(targetOf(place, disk));
    return !found.isFile() || found.blocks > 0;
  } catch {
    return false; // Not there, or not to be looked at: the check of the folder says why.
  }
}

/** The folder itself, or the nearest above it that is there. */
async function nearestExisting(path: string): Promise<string> {
  let at = resolve(path);
  while (dirname(at) !== at) {
    try {
      await stat(at);
      return at;
    } catch {
      at = dirname(at); // Not there, or not to be looked at: then the one above says why.
    }
  }
  return at;
}

const passed = (id: string, message: string): Check => ({ id, verdict: 'passed', message, remedy: '' });
const failed = (id: string, message: string, remedy: string): Check => ({ id, verdict: 'failed', message, remedy });
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
