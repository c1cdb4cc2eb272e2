import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { err, ok, type Result } from '#core/result';

/** Runs a program and tells how it ended; a null status where it could not be started. */
export type RunProgram = (
  program: string,
  args: readonly string[],
) => Promise<{ readonly status: number | null; readonly stderr: string }>;

/** The kernel's tracing, as files. */
export interface Tracing {
  readonly path: string;
  /** Takes away what was mounted for it, if anything was. */
  release(): Promise<void>;
}

/** Where to look for tracefs, and where to mount it if it is nowhere. */
export interface TracingPlaces {
  readonly usual?: readonly string[];
  /** A folder of our own: made, used as a mount point, and removed again. */
  readonly ours: string;
}

const usualPlaces = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** Finds tracefs or mounts it. The error is a sentence: why writes cannot be tracked in this guest. */
export async function findTracing(
  run: RunProgram,
  { usual = usualPlaces, ours }: TracingPlaces,
): Promise<Result<Tracing, string>> {
  if (endianness() !== 'LE') return err('the buffers of its kernel are big-endian, which is not supported');
  const there = usual.find(isTracing);
  if (there !== undefined) return ok({ path: there, release: () => Promise.resolve() });
  const mounted = await mount(run, ours);
  if (mounted !== undefined) return err(mounted);
  const release = async (): Promise<void> => {
    await run('umount', [ours]);
    removeEmpty(ours);
  };
  if (isTracing(ours)) return ok({ path: ours, release });
  await release();
  return err('its kernel has tracing without events of block devices');
}

const isTracing = (path: string): boolean =>
  existsSync(join(path, 'instances')) && existsSync(join(path, 'events/block/block_rq_complete/format'));

/** What stood in the way, or undefined. One that an earlier process left behind is as good as a new one. */
async function mount(run: RunProgram, ours: string): Promise<string | undefined> {
  if (isTracing(ours)) return undefined;
  try {
    mkdirSync(ours, { recursive: true, mode: 0o700 });
  } catch (cause) {
    return `tracefs is not mounted, and ${ours} could not be made for it: ${String(cause)}`;
  }
  const { status, stderr } = await run('mount', ['-t', 'tracefs', '-o', 'mode=700', 'tracefs', ours]);
  if (status === 0) return undefined;
  removeEmpty(ours);
  return `tracefs is not there and cannot be mounted: ${stderr.trim() || 'mount could not be run'}`;
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Still mounted or in use: an empty folder in /run is all that stays, until the next boot.
  }
}
