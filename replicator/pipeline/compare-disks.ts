import type { BlockDevice } from '#core/disk/block-device';
import { extent, type Extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { bytes } from '#core/units';
import { digestBlockWith, grain, type DigestAlgorithm } from './digest.ts';
import { digestsPerPage, hashPage, rootOver } from './merkle.ts';
import { readDigests } from './read-digests.ts';
import type { Comparison, ReplicationError, RunOptions } from './replication.ts';

/** One side of a comparison: reads a range again and digests it. */
export type DigestRange = (range: Extent) => Promise<Result<BigUint64Array, ReplicationError>>;

/** A disk as one side of a comparison. `failed` says whose disk an error is of. */
export const digestRangeOf =
  (
    device: BlockDevice,
    digest: DigestAlgorithm,
    failed: (error: Parameters<typeof sourceFailed>[1]) => ReplicationError,
  ): DigestRange =>
  async (range) => {
    const digests = await readDigests(device, range, digestBlockWith(digest));
    return digests.ok ? digests : err(failed(digests.error));
  };

/** An error of a source, by its name. */
export const sourceFailed = (
  source: string,
  error: Extract<ReplicationError, { type: 'SourceFailed' }>['error'],
): ReplicationError => ({ type: 'SourceFailed', source, error });

/** An error of a target, by its name. */
export const targetFailed = (
  target: string,
  error: Extract<ReplicationError, { type: 'TargetFailed' }>['error'],
): ReplicationError => ({ type: 'TargetFailed', target, error });

/** Compares two disks on this machine by content: both are read again, holes excepted. */
export function compareDisks(
  source: BlockDevice,
  target: BlockDevice,
  options: RunOptions & { readonly sourceName: string; readonly targetName: string; readonly digest?: DigestAlgorithm },
): Promise<Result<Comparison, ReplicationError>> {
  const { sourceName, targetName, digest = 'xxh64' } = options;
  if (source.size !== target.size) {
    return Promise.resolve(err({ type: 'SizeMismatch', target: targetName, source: source.size, actual: target.size }));
  }
  return compareDigests(
    source.size,
    digestRangeOf(source, digest, (error) => sourceFailed(sourceName, error)),
    digestRangeOf(target, digest, (error) => targetFailed(targetName, error)),
    options,
  );
}

/** Compares two sides page by page, and stops at the first page that differs. */
export async function compareDigests(
  size: number,
  source: DigestRange,
  target: DigestRange,
  { onProgress, signal }: RunOptions,
): Promise<Result<Comparison, ReplicationError>> {
  const pages: Uint8Array[] = [];
  const length = digestsPerPage * grain;
  for (let start = 0; start < size; start += length) {
    if (signal?.aborted) return err({ type: 'Cancelled' });
    const range = extent(start, Math.min(length, size - start));
    const [ours, theirs] = await Promise.all([source(range), target(range)]);
    if (!ours.ok) return ours;
    if (!theirs.ok) return theirs;
    const difference = firstDifference(range, ours.value, theirs.value);
    if (difference) return ok({ equal: false, firstDifference: difference });
    const page = new BigUint64Array(digestsPerPage);
    page.set(ours.value);
    pages.push(hashPage(page));
    const done = bytes(range.start + range.length);
    onProgress?.({ done, total: bytes(size), read: done, sent: bytes(0) });
  }
  return ok({ equal: true, root: rootOver(pages, size), size: bytes(size) });
}

/** The first run of blocks with other digests on the other side. */
function firstDifference(range: Extent, ours: BigUint64Array, theirs: BigUint64Array): Extent | undefined {
  const first = ours.findIndex((digest, block) => digest !== theirs[block]);
  if (first < 0) return undefined;
  let end = first + 1;
  while (end < ours.length && ours[end] !== theirs[end]) end += 1;
  return extent(range.start + first * grain, Math.min(range.length, end * grain) - first * grain);
}
