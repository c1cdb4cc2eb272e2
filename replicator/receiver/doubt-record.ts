import { dirname } from 'node:path';
import { extent, extentEnd, type Extent } from '#core/disk/extent';
import { codeOf, replaceFile } from '#replicator/disk/durable-file';
import type { Files } from '#replicator/disk/files';
import { grain } from '#replicator/pipeline/digest';
import type { ReplicationError } from '#replicator/pipeline/replication';

/*
 * What is not known to be on the disk of a target although it can be read, kept beside it: `.sealift-doubt`.
 *
 * Whoever finds it was perhaps started after the process that saw a flush fail was killed, and has no other way to know.
 * The disk may refuse the record for the same reason for which the flush failed, so the process remembers it as well.
 */

/** Where the doubt about one target is kept. */
export interface DoubtRecord {
  /** What is in doubt. All of the disk if a record is there that cannot be read. */
  read(size: number): Promise<readonly Extent[]>;
  /** Replaces what is kept. Nothing in doubt takes the record away. Answers whether it is durable; never rejects. */
  keep(ranges: readonly Extent[]): Promise<boolean>;
}

/** The file with what is in doubt of what is kept under `records`. */
export const doubtPathOf = (records: string): string => `${records}.sealift-doubt`;

// By machine, and by process of a simulated one: what one process remembers another does not.
const remembered = new WeakMap<Files, Map<string, readonly Extent[]>>();

/** The record of the target whose journal is kept under `records`. */
export function doubtRecordAt(records: string, files: Files): DoubtRecord {
  const path = doubtPathOf(records);
  const memory = remembered.get(files) ?? new Map<string, readonly Extent[]>();
  remembered.set(files, memory);
  return {
    read: async (size) => [...(memory.get(path) ?? []), ...(await rangesIn(path, files, size))],
    keep: async (ranges) => {
      if (ranges.length > 0) memory.set(path, ranges);
      else memory.delete(path);
      try {
        if (ranges.length > 0) await replaceFile(path, Buffer.from(textOf(ranges)), files);
        else await removed(path, files);
        return true;
      } catch {
        // A record too many costs writing a few blocks again. One too few is why it is in memory as well.
        return false;
      }
    },
  };
}

/** Why a target cannot be compared with its source; undefined if it can. `size` in bytes. */
export async function refuseDoubtful(
  { records, target, size }: { readonly records: string; readonly target: string; readonly size: number },
  files: Files,
): Promise<ReplicationError | undefined> {
  const doubtful = await doubtRecordAt(records, files).read(size);
  if (doubtful.length === 0) return undefined;
  const detail = 'a flush of it failed, and what can be read of it may not be on its disk until a round is complete';
  return { type: 'TargetUnavailable', target, detail };
}

const textOf = (ranges: readonly Extent[]): string =>
  `${JSON.stringify({ format: 1, ranges: ranges.map(({ start, length }) => [start, length]) })}\n`;

async function removed(path: string, files: Files): Promise<void> {
  try {
    await files.unlink(path);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return;
    throw cause;
  }
  await files.syncDirectory(dirname(path));
}

async function rangesIn(path: string, files: Files, size: number): Promise<readonly Extent[]> {
  try {
    return parsed(Buffer.from(await files.readFile(path)).toString(), size) ?? [extent(0, size)];
  } catch (cause) {
    return codeOf(cause) === 'ENOENT' ? [] : [extent(0, size)];
  }
}

function parsed(text: string, size: number): readonly Extent[] | undefined {
  try {
    const { format, ranges } = JSON.parse(text) as { readonly format?: unknown; readonly ranges?: unknown };
    if (format !== 1 || !Array.isArray(ranges)) return undefined;
    const found = ranges.map(([start, length]: readonly number[]) => extent(start ?? -1, length ?? -1));
    const isWhole = (range: Extent): boolean =>
      range.start % grain === 0 &&
      extentEnd(range) <= size &&
      (extentEnd(range) % grain === 0 || extentEnd(range) === size);
    return found.every(isWhole) ? found : undefined;
  } catch {
    // Not JSON, or not numbers that make an extent.
    return undefined;
  }
}
