import { dirname } from 'node:path';
import type { DiskId } from '#core/ids';
import type { BlockDevice } from '#core/disk/block-device';
import { err, ok, type Result } from '#core/result';
import { sometimes } from '#core/sometimes';
import { bytes, offset, type Bytes } from '#core/units';
import { detailOf, replaceFile } from '#replicator/disk/durable-file';
import {
  createFileDevice,
  describeFileError,
  openFileDevice,
  openFileDeviceAt,
  type FileDevice,
  type FileError,
} from '#replicator/disk/file-device';
import type { Files } from '#replicator/disk/files';
import { nodeFiles } from '#replicator/disk/node-files';
import { ownDisk, type OwnerLock } from '#replicator/disk/owner-lock';
import { connectNbd } from '#replicator/nbd/client';
import { describeNbdError } from '#replicator/nbd/nbd-error';
import { grain, isZero, type DigestAlgorithm } from '#replicator/pipeline/digest';
import { segmentsOf } from '#replicator/pipeline/plan';
import type { ReplicationError } from '#replicator/pipeline/replication';
import { doubtRecordAt } from './doubt-record.ts';
import { createJournalFile, journalPathOf, openJournalFile, readJournalFile } from './journal-file.ts';
import { foldJournal, type JournalState } from './journal-state.ts';
import { emptyJournal, encodeRecord, readJournal } from './journal.ts';
import type { JournalHeader } from './journal-shapes.ts';
import { openDigests } from './replica-digests.ts';
import { openReplica, type Replica } from './replica.ts';

/*
 * Where replicas are: a raw file with its journal and digests beside it, or an NBD export with them in a folder.
 *
 *     disk.raw   disk.raw.sealift-journal   disk.raw.sealift-digests   disk.raw.sealift-doubt, after a flush that failed
 *
 * Whose a target is stands in its journal, and the journal is there before the target is. A target without a journal
 * was not made by us and is not touched.
 */

/** A replica to open or make. */
export interface ReplicaPlace {
  /** The path of the raw file, or an NBD URI. */
  readonly target: string;
  /** Where journal and digests are: this with `.sealift-journal` and `.sealift-digests` behind. */
  readonly records: string;
  readonly session: string;
  readonly disk: DiskId;
  readonly size: Bytes;
  readonly digest: DigestAlgorithm;
  /** Permission to lose whatever is at the target, ours or not, and to start anew. */
  readonly overwrite: boolean;
  /** Where all of it is. */
  readonly files: Files;
}

/** How far a replica is, by its journal alone. */
export type ReplicaState = Pick<JournalState, 'header' | 'closed' | 'opened'>;

/** Opens the replica at a place, making it if nothing is there. It is locked until it is closed. */
export async function openReplicaAt(place: ReplicaPlace): Promise<Result<Replica, ReplicationError>> {
  const lock = await ownDisk(place.records, place.files);
  if (!lock.ok) {
    const { target } = place;
    if (lock.error.type === 'Busy') return err({ type: 'TargetBusy', target, owner: lock.error.owner });
    return err({ type: 'TargetUnavailable', target, detail: lock.error.detail });
  }
  const opened = await openOwned(place, lock.value);
  if (!opened.ok) await lock.value.release();
  return opened;
}

/** Reads how far a replica is; undefined if there is none. Takes no lock and changes nothing. */
export async function readReplicaState(
  records: string,
  files: Files = nodeFiles,
): Promise<Result<ReplicaState | undefined, ReplicationError>> {
  const found = await readState({ records, target: records, files });
  return found.ok ? ok(found.value?.state) : found;
}

interface FoundState {
  readonly state: JournalState;
  readonly length: number;
}

async function readState({
  records,
  target,
  files,
}: Pick<ReplicaPlace, 'records' | 'target' | 'files'>): Promise<Result<FoundState | undefined, ReplicationError>> {
  const journal = journalPathOf(records);
  const content = await readJournalFile(journal, files);
  if (!content.ok) return err({ type: 'TargetUnavailable', target, detail: content.error.detail });
  if (content.value === undefined) return ok(undefined);
  const read = readJournal(content.value);
  if (read.ok && read.value.length < content.value.length) sometimes('receiver: left out the torn end of a journal');
  if (read.ok) return ok({ state: foldJournal(read.value.records), length: read.value.length });
  if (read.error.type === 'Unsupported') {
    return err({ type: 'JournalUnsupported', journal, version: read.error.version });
  }
  return err({ type: 'JournalCorrupt', journal, detail: read.error.detail });
}

/** The device under a replica, what its journal says, and from where on it was never written. */
interface Ground {
  readonly device: BlockDevice;
  readonly state: JournalState;
  readonly length: number;
  readonly freshFrom: number;
}

async function openOwned(place: ReplicaPlace, lock: OwnerLock): Promise<Result<Replica, ReplicationError>> {
  const found = place.overwrite ? ok(undefined) : await readState(place);
  if (!found.ok) return found;
  const refused = found.value && refuseForeign(place, found.value.state.header);
  if (refused) return err(refused);
  const ground = found.value ? await findGround(place, found.value) : await makeGround(place);
  if (!ground.ok) return ground;
  const replica = await assemble(place, ground.value, lock);
  if (!replica.ok) await ground.value.device.close();
  return replica;
}

function refuseForeign(place: ReplicaPlace, header: JournalHeader): ReplicationError | undefined {
  const { target, session, disk, size } = place;
  if (header.session !== session || header.disk !== disk) {
    return { type: 'TargetForeign', target, owner: `session ${header.session}, disk ${header.disk}` };
  }
  if (header.size !== size) return { type: 'SizeMismatch', target, source: size, actual: bytes(header.size) };
  return undefined;
}

const headerOf = ({ session, disk, size, digest }: ReplicaPlace): JournalHeader => ({
  format: 1,
  session,
  disk,
  size,
  grain,
  digest,
});

const isNbd = (target: string): boolean => /^nbds?(\+unix)?:/i.test(target);

const fileFailed = ({ target }: ReplicaPlace, error: FileError): ReplicationError => ({
  type: 'TargetUnavailable',
  target,
  detail: describeFileError(error),
});

/** A target where there was no journal, or whose journal may be lost. */
async function makeGround(place: ReplicaPlace): Promise<Result<Ground, ReplicationError>> {
  const { records, target, overwrite, files } = place;
  const content = emptyJournal(headerOf(place));
  const journal = journalPathOf(records);
  if (overwrite) {
    // From here on a crash leaves a journal that does not claim the target: the next run asks again before it overwrites.
    const replaced = await attempt(place, () => replaceFile(journal, content, files));
    if (!replaced.ok) return replaced;
  } else {
    const created = await createJournalFile(journal, content, files);
    if (!created.ok) return err({ type: 'TargetUnavailable', target, detail: created.error.detail });
    if (created.value === 'taken') return err({ type: 'TargetBusy', target, owner: 'another process' });
  }
  const device = isNbd(target) ? await takeExport(place) : await takeFile(place);
  if (device.ok) return claim(place, device.value, content.length);
  // A journal beside a target that is not ours would be a false claim.
  if (!overwrite) await files.unlink(journal).catch(() => undefined);
  return device;
}

async function claim(
  place: ReplicaPlace,
  { device, freshFrom }: Pick<Ground, 'device' | 'freshFrom'>,
  length: number,
): Promise<Result<Ground, ReplicationError>> {
  const { records, target, files } = place;
  const journal = await openJournalFile(journalPathOf(records), length, files);
  if (!journal.ok) return err({ type: 'TargetUnavailable', target, detail: journal.error.detail });
  const appended = await journal.value.append(encodeRecord({ type: 'TargetCreated' }));
  const claimed = { device, freshFrom, length: journal.value.length };
  await journal.value.close();
  if (!appended.ok) return err({ type: 'TargetUnavailable', target, detail: appended.error.detail });
  const state = { header: headerOf(place), created: true, closed: undefined, opened: undefined, entries: [] };
  return ok({ ...claimed, state });
}

async function takeFile(place: ReplicaPlace): Promise<Result<Pick<Ground, 'device' | 'freshFrom'>, ReplicationError>> {
  const { target, size, overwrite, files } = place;
  const created = await createFileDevice(target, size, files);
  if (created.ok) {
    const synced = await attempt(place, () => files.syncDirectory(dirname(target)));
    return synced.ok ? ok({ device: created.value, freshFrom: 0 }) : synced;
  }
  if (created.error.type !== 'Exists') return err(fileFailed(place, created.error));
  const found = overwrite ? undefined : await takenBy(place);
  if (found) return err(found);
  const opened = await openFileDeviceAt(target, size, files);
  if (!opened.ok) return err(fileFailed(place, opened.error));
  return dropTail(place, opened.value, 0);
}

/** What is in the way of making a target; nothing if it is an empty file, which a crash or a person left there. */
async function takenBy({ target, size, files }: ReplicaPlace): Promise<ReplicationError | undefined> {
  try {
    const found = await files.stat(target);
    if (found.kind !== 'file') return { type: 'TargetUnavailable', target, detail: 'it is not a regular file' };
    // Nothing allocated is a hint, and reading is the proof: some file systems allocate late.
    if (found.allocated > 0 || !(await isAllZero(target, files))) return { type: 'TargetExists', target };
    const fits = found.size === 0 || found.size === size;
    return fits ? undefined : { type: 'SizeMismatch', target, source: size, actual: bytes(found.size) };
  } catch (cause) {
    return { type: 'TargetUnavailable', target, detail: detailOf(cause) };
  }
}

async function isAllZero(path: string, files: Files): Promise<boolean> {
  const opened = await openFileDevice(path, { files });
  if (!opened.ok) return false;
  const device = opened.value;
  const piece = Buffer.alloc(Math.min(grain, device.size));
  let zero = true;
  for (let at = 0; zero && at < device.size; at += grain) {
    const part = piece.subarray(0, Math.min(grain, device.size - at));
    zero = (await device.read(offset(at), part)).ok && isZero(part);
  }
  await device.close();
  return zero;
}

async function dropTail(
  place: ReplicaPlace,
  device: FileDevice,
  from: number,
): Promise<Result<Pick<Ground, 'device' | 'freshFrom'>, ReplicationError>> {
  const dropped = await device.dropFrom(offset(from));
  if (dropped.ok) return ok({ device, freshFrom: from });
  await device.close();
  return err({ type: 'TargetFailed', target: place.target, error: dropped.error });
}

async function takeExport(
  place: ReplicaPlace,
): Promise<Result<Pick<Ground, 'device' | 'freshFrom'>, ReplicationError>> {
  const { target, overwrite } = place;
  const opened = await openExport(place);
  if (!opened.ok) return opened;
  const device = opened.value;
  if (overwrite) return ok({ device, freshFrom: device.size });
  for (const range of segmentsOf(device.size)) {
    const mapped = device.can.extents ? await device.extents(range) : ok([{ ...range, kind: 'data' as const }]);
    if (mapped.ok && mapped.value.every(({ kind }) => kind === 'zero')) continue;
    await device.close();
    return err(mapped.ok ? { type: 'TargetExists', target } : { type: 'TargetFailed', target, error: mapped.error });
  }
  return ok({ device, freshFrom: 0 });
}

async function openExport(place: ReplicaPlace): Promise<Result<BlockDevice, ReplicationError>> {
  const { target, size } = place;
  const opened = await connectNbd(target);
  if (!opened.ok) return err({ type: 'TargetUnavailable', target, detail: describeNbdError(opened.error) });
  const device = opened.value;
  const refused: ReplicationError | undefined = !device.can.write
    ? { type: 'TargetFailed', target, error: { type: 'ReadOnly', detail: 'the server exports it for reading' } }
    : device.size === size
      ? undefined
      : { type: 'SizeMismatch', target, source: size, actual: device.size };
  if (!refused) return ok(device);
  await device.close();
  return err(refused);
}

/** A target that has a journal of ours. */
async function findGround(place: ReplicaPlace, found: FoundState): Promise<Result<Ground, ReplicationError>> {
  const { target, size, files } = place;
  const { state, length } = found;
  const empty = !state.closed && state.entries.length === 0;
  if (!state.created) {
    const made = isNbd(target) ? await takeExport(place) : await takeFile(place);
    return made.ok ? claim(place, made.value, length) : made;
  }
  if (isNbd(target)) {
    const device = await openExport(place);
    return device.ok ? ok({ ...found, device: device.value, freshFrom: size }) : device;
  }
  const opened = await openFileDevice(target, { writable: true, files });
  if (!opened.ok && opened.error.type !== 'Missing') return err(fileFailed(place, opened.error));
  if (!opened.ok) {
    if (!empty) return err({ type: 'TargetMissing', target });
    const made = await takeFile(place);
    return made.ok ? ok({ ...found, ...made.value }) : made;
  }
  const settledEnd = Math.max(0, ...state.entries.map(({ start, length: run }) => start + run));
  // Nothing but this full sync ever wrote here, so what is behind its last durable block was never acknowledged.
  const only = !state.closed && (!state.opened || state.opened.mode === 'full');
  if (opened.value.size !== size && !(only && opened.value.size >= settledEnd)) {
    await opened.value.close();
    return err({ type: 'SizeMismatch', target, source: size, actual: opened.value.size });
  }
  if (!only) return ok({ ...found, device: opened.value, freshFrom: size });
  await opened.value.close();
  const writable = await openFileDeviceAt(target, size, files);
  if (!writable.ok) return err(fileFailed(place, writable.error));
  const dropped = await dropTail(place, writable.value, settledEnd);
  return dropped.ok ? ok({ ...found, ...dropped.value }) : dropped;
}

async function assemble(
  place: ReplicaPlace,
  { device, state, length, freshFrom }: Ground,
  lock: OwnerLock,
): Promise<Result<Replica, ReplicationError>> {
  const { target, records, size, files } = place;
  const doubts = doubtRecordAt(records, files);
  const known = await openDigests(place, { device, state, doubts });
  if (!known.ok) return known;
  const digests = known.value;
  const journal = await openJournalFile(journalPathOf(records), length, files);
  if (!journal.ok) {
    digests.close();
    return err({ type: 'TargetUnavailable', target, detail: journal.error.detail });
  }
  const doubtful = await doubts.read(size);
  const parts = { target, device, zeroReads: !isNbd(target), journal: journal.value, digests, state, freshFrom };
  const replica = openReplica({ ...parts, doubts, doubtful });
  if (replica.ok) return ok({ ...replica.value, close: () => replica.value.close().then(() => lock.release()) });
  digests.close();
  await journal.value.close();
  return replica;
}

async function attempt(place: ReplicaPlace, work: () => Promise<void>): Promise<Result<void, ReplicationError>> {
  try {
    return ok(await work());
  } catch (cause) {
    return err({ type: 'TargetUnavailable', target: place.target, detail: detailOf(cause) });
  }
}
