import type { DeviceError } from '#core/disk/block-device';
import { extent, extentEnd, type Extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { MiB } from '#core/units';
import type { DigestBlock } from '#replicator/pipeline/digest';
import type { TargetDisk } from './target-disk.ts';

// Looked at in one step.
const stepLength = 64 * MiB;

/** What tells of a replica what its disk should have. */
export interface KnownBlocks<E> {
  /** The digests on record. */
  readonly recorded: (range: Extent) => Result<BigUint64Array, E>;
  readonly digestBlock: DigestBlock;
  readonly failed: (error: DeviceError) => E;
}

/**
 * Writes again and flushes what is still in doubt at the end of a round that did not touch it: otherwise the round would
 * end with what a power loss may take. Answers what is not as it is on record, if anything: then nothing is sure.
 */
export async function settleDoubts<E>(
  disk: TargetDisk,
  { recorded, digestBlock, failed }: KnownBlocks<E>,
): Promise<Result<DeviceError | undefined, E>> {
  const doubtful = disk.doubtful();
  for (const all of doubtful)
    for (let at: number = all.start; at < extentEnd(all); at += stepLength) {
      const range = extent(at, Math.min(stepLength, extentEnd(all) - at));
      const known = recorded(range);
      if (!known.ok) return known;
      const found = await disk.reread(range, known.value, digestBlock);
      if (!found.ok) return err(failed(found.error));
      if (found.value.every((digest, block) => digest === known.value[block])) continue;
      const detail = 'a flush of it failed, and it is not what it was before; it has to be rescanned';
      return ok({ type: 'IoError', at: range.start, length: range.length, detail });
    }
  if (doubtful.length === 0) return ok(undefined);
  const flushed = await disk.flush();
  return flushed.ok ? ok(undefined) : err(failed(flushed.error));
}
