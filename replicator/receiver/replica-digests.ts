import { basename, dirname, join } from 'node:path';
import type { BlockDevice } from '#core/disk/block-device';
import { extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { sometimes } from '#core/sometimes';
import type { Bytes } from '#core/units';
import { codeOf, detailOf } from '#replicator/disk/durable-file';
import type { Files } from '#replicator/disk/files';
import { pageFile } from '#replicator/disk/page-file';
import { digestBlockWith, grain } from '#replicator/pipeline/digest';
import { digestStore, type DigestStore } from '#replicator/pipeline/digest-store';
import { segmentsOf } from '#replicator/pipeline/plan';
import { readDigests } from '#replicator/pipeline/read-digests';
import type { ReplicationError } from '#replicator/pipeline/replication';
import type { DoubtRecord } from './doubt-record.ts';
import { journalPathOf } from './journal-file.ts';
import type { JournalState } from './journal-state.ts';

/*
 * The digests of a replica, in a file beside it. A file that is lost, or is not the one the journal knows, is made again from
 * the disk itself. It is made under another name and gets its own once all of it is there: whoever is started next would take
 * one that is only begun for whole.
 */

/** Whose digests they are. */
export interface DigestsPlace {
  readonly target: string;
  readonly records: string;
  readonly size: Bytes;
  readonly files: Files;
}

/** What tells which digests they should be, and who hears of it if nothing does. */
export interface DigestsGround {
  readonly device: BlockDevice;
  readonly state: JournalState;
  readonly doubts: DoubtRecord;
}

type Opened<T> = Result<T, ReplicationError>;

/** The file with the digests of what is kept under `records`. */
export const digestsPathOf = (records: string): string => `${records}.sealift-digests`;

/** Opens the digests of a replica as they are before those of its journal are applied. */
export async function openDigests(place: DigestsPlace, ground: DigestsGround): Promise<Opened<DigestStore>> {
  const { closed, entries } = ground.state;
  const isAnew = !closed && entries.length === 0;
  if (isAnew) return emptyDigestsIn(digestsPathOf(place.records), place);
  const found = await foundDigests(place, ground.state);
  if (!found.ok) return found;
  return found.value ? ok(found.value) : madeAgain(place, ground);
}

/** Undefined if they are lost: not there, or not those of the last round where nothing came after it. */
async function foundDigests(place: DigestsPlace, state: JournalState): Promise<Opened<DigestStore | undefined>> {
  const path = digestsPathOf(place.records);
  if (await isMissing(path, place.files)) return ok(undefined);
  const digests = digestsIn(path, place);
  if (!digests.ok || state.opened || !state.closed) return digests;
  const root = digests.value.root();
  if (root.ok && root.value === state.closed.root) return digests;
  digests.value.close();
  return root.ok ? ok(undefined) : unavailable(place, root.error.detail);
}

const isMissing = (path: string, files: Files): Promise<boolean> =>
  files.stat(path).then(
    () => false,
    (cause: unknown) => codeOf(cause) === 'ENOENT',
  );

function digestsIn(path: string, place: DigestsPlace): Opened<DigestStore> {
  const pages = pageFile(path, place.files);
  return pages.ok ? ok(digestStore(place.size, pages.value)) : unavailable(place, pages.error.detail);
}

function emptyDigestsIn(path: string, place: DigestsPlace): Opened<DigestStore> {
  const digests = digestsIn(path, place);
  if (!digests.ok) return digests;
  const cleared = digests.value.clear();
  if (cleared.ok) return digests;
  digests.value.close();
  return unavailable(place, cleared.error.detail);
}

async function madeAgain(place: DigestsPlace, ground: DigestsGround): Promise<Opened<DigestStore>> {
  sometimes('receiver: made lost digests again from the disk');
  const path = digestsPathOf(place.records);
  const beside = join(dirname(path), `.${basename(path)}.new`);
  const digests = emptyDigestsIn(beside, place);
  if (!digests.ok) return digests;
  const filled = await fillFromDisk(digests.value, place, ground);
  const done = filled.ok ? await giveName(place, digests.value, beside) : filled;
  if (done.ok) return digests;
  digests.value.close();
  return done;
}

/** The digests of what can be read of the disk, which need not be durable: without a root to compare with it is in doubt. */
async function fillFromDisk(
  digests: DigestStore,
  place: DigestsPlace,
  { device, state, doubts }: DigestsGround,
): Promise<Opened<void>> {
  const { target, size } = place;
  const digestBlock = digestBlockWith(state.header.digest);
  for (const range of segmentsOf(size)) {
    const read = await readDigests(device, range, digestBlock);
    if (!read.ok) return err({ type: 'TargetFailed', target, error: read.error });
    const put = digests.put(range.start / grain, read.value);
    if (!put.ok) return unavailable(place, put.error.detail);
  }
  if (state.opened || !state.closed) {
    // Before they count: from then on what was lost reads as it is on record.
    const isKept = await doubts.keep([extent(0, size)]);
    return isKept ? ok(undefined) : unavailable(place, 'that it is in doubt cannot be kept beside it');
  }
  const root = digests.root();
  if (root.ok && root.value === state.closed.root) return ok(undefined);
  const detail = `${target} is not the disk it describes: it was changed by someone else`;
  return err({ type: 'JournalCorrupt', journal: journalPathOf(place.records), detail });
}

async function giveName(place: DigestsPlace, digests: DigestStore, beside: string): Promise<Opened<void>> {
  const path = digestsPathOf(place.records);
  const flushed = digests.flush();
  if (!flushed.ok) return unavailable(place, flushed.error.detail);
  try {
    await place.files.rename(beside, path);
    await place.files.syncDirectory(dirname(path));
    return ok(undefined);
  } catch (cause) {
    return unavailable(place, detailOf(cause));
  }
}

const unavailable = ({ target }: DigestsPlace, detail: string): Result<never, ReplicationError> =>
  err({ type: 'TargetUnavailable', target, detail });
