import { basename, dirname, join } from 'node:path';
import { err, ok, type Result } from '#core/result';
import { codeOf, detailOf } from './durable-file.ts';
import type { Files, Processes } from './files.ts';
import { nodeFiles } from './node-files.ts';

/*
 * One owner per disk, also between processes.
 *
 * Node has no flock, and a file that says "locked" outlives its owner. So each contender first puts down a mark that
 * carries its identity in its name, and then looks who else has one: whoever sees another living mark takes its own away.
 * Of two that come at once, at least one sees the other, because both looked after they had put theirs down; both may
 * withdraw, and never both stay. A mark whose process is gone is dead and is swept away.
 */

/** Held while the disk is ours. */
export interface OwnerLock {
  release(): Promise<void>;
}

/** Why a disk is not ours. `owner` is for people: who has it, or what to look at. */
export type LockError =
  { readonly type: 'Busy'; readonly owner: string } | { readonly type: 'LockFailed'; readonly detail: string };

interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the process started, in ticks since boot: a process id alone is used again. */
  readonly started: string;
  /** Tells two owners in one process apart. */
  readonly serial: number;
}

/** Takes the disk at `path` for this caller. The directory must exist; the disk need not. */
export async function ownDisk(path: string, files: Files = nodeFiles): Promise<Result<OwnerLock, LockError>> {
  const { host, pid, startOf, serial } = files.processes;
  const mine: Owner = { host: hostWord(host), pid, started: startOf(pid) ?? '0', serial: serial() };
  const mark = markOf(path, mine);
  try {
    await (await files.open(mark, 'create')).close();
    const other = await otherOwner(files, path, mine);
    if (other === undefined) return ok({ release: () => files.unlink(mark).catch(() => undefined) });
    await files.unlink(mark);
    return err({ type: 'Busy', owner: other });
  } catch (cause) {
    return err({ type: 'LockFailed', detail: detailOf(cause) });
  }
}

const prefixOf = (path: string): string => `${basename(path)}.sealift-lock.`;
const markOf = (path: string, { host, pid, started, serial: number }: Owner): string =>
  join(dirname(path), `${prefixOf(path)}${host}.${pid}.${started}.${number}`);

async function otherOwner(files: Files, path: string, mine: Owner): Promise<string | undefined> {
  const prefix = prefixOf(path);
  for (const name of await files.readdir(dirname(path))) {
    if (!name.startsWith(prefix)) continue;
    const owner = ownerIn(name.slice(prefix.length));
    // Not one of our marks: a disk whose name begins with ours and has a lock of its own.
    if (!owner || join(dirname(path), name) === markOf(path, mine)) continue;
    const fate = fateOf(owner, mine, files.processes);
    if (fate === 'alive') return `process ${owner.pid}`;
    if (fate === 'unknown')
      return `a process on host ${owner.host} (if it is gone, remove ${join(dirname(path), name)})`;
    await files.unlink(join(dirname(path), name)).catch((cause: unknown) => {
      // Someone else swept it away first.
      if (codeOf(cause) !== 'ENOENT') throw cause;
    });
  }
  return undefined;
}

function ownerIn(text: string): Owner | undefined {
  const found = /^([a-z0-9-]+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (!found) return undefined;
  const [, host = '', pid = '', started = '', number = ''] = found;
  return { host, pid: Number(pid), started, serial: Number(number) };
}

function fateOf(owner: Owner, mine: Owner, processes: Processes): 'alive' | 'dead' | 'unknown' {
  if (owner.host !== mine.host) return 'unknown';
  if (owner.pid === mine.pid && owner.started === mine.started) return 'alive';
  const started = processes.startOf(owner.pid);
  if (started === undefined) return 'dead';
  return started === owner.started ? 'alive' : 'dead';
}

const hostWord = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-') || 'localhost';
