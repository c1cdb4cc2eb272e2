import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Edit, FixUpDisk, FixUpError, FixUpPlan } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { detailOf } from '#replicator/disk/durable-file';
import { ownDisk, type OwnerLock } from '#replicator/disk/owner-lock';
import { editWindows } from '#replicator/fixup/windows/apply';
import { findWindows } from '#replicator/fixup/windows/volume';
import { editGuest } from './edit-guest.ts';
import { guestDevices } from './guest-devices.ts';
import { mountGuest } from './guest-tree.ts';
import { openSession, type GuestfishSession, type SessionOptions } from './guestfish.ts';
import { dropRestorePoint, hasRestorePoint, restore, takeRestorePoint } from './restore-point.ts';

/** How edits are made. */
export interface ApplyOptions extends Omit<SessionOptions, 'writable'> {
  /** Whether the images as they were are kept with them after it went well. */
  readonly keepRestorePoint: boolean;
  /** Called before each edit. */
  readonly onEdit?: ((edit: Edit, index: number) => void) | undefined;
}

/**
 * Makes all edits of a plan or none.
 *
 * While edits are made there is a file `<first disk>.fixup-running`, and a restore point of every disk. Whoever finds that
 * file after a crash puts the disks back before anything else; so does an edit that fails. One process at a time does any
 * of this to the same disks.
 */
export const applyPlan = (
  disks: readonly FixUpDisk[],
  plan: FixUpPlan,
  options: ApplyOptions,
): Promise<Result<void, FixUpError>> =>
  alone(disks, async () => {
    const recovered = await recover(disks);
    if (!recovered.ok) return recovered;
    if (plan.edits.length === 0) return ok(undefined);
    const begun = await begin(disks);
    if (!begun.ok) return begun;
    const made = await makeEdits(disks, plan.edits, options);
    if (!made.ok) {
      const undone = await recover(disks);
      const detail = undone.ok ? '' : `${wordsOf(undone.error)}; before that: ${wordsOf(made.error)}`;
      return undone.ok ? made : err({ type: 'ToolFailed', step: 'undo', detail });
    }
    await rm(runningMark(disks), { force: true });
    return options.keepRestorePoint ? ok(undefined) : dropAll(disks);
  });

/** Whether edits were begun on these disks and neither finished nor undone. */
export const isInterrupted = (disks: readonly FixUpDisk[]): Promise<boolean> =>
  readFile(runningMark(disks)).then(
    () => true,
    () => false,
  );

/** Puts disks back whose edits were begun and not finished. Does nothing otherwise. */
export async function undoInterrupted(disks: readonly FixUpDisk[]): Promise<Result<void, FixUpError>> {
  return (await isInterrupted(disks)) ? alone(disks, () => recover(disks)) : ok(undefined);
}

/** Puts all disks back to their restore points, and forgets those. */
export const undoAll = (disks: readonly FixUpDisk[]): Promise<Result<void, FixUpError>> =>
  alone(disks, async () => ((await isInterrupted(disks)) ? recover(disks) : putBack(disks)));

/** Does something that nobody else may do to these disks meanwhile. */
async function alone(
  disks: readonly FixUpDisk[],
  work: () => Promise<Result<void, FixUpError>>,
): Promise<Result<void, FixUpError>> {
  const lock = await own(disks);
  if (!lock.ok) return lock;
  try {
    return await work();
  } finally {
    await lock.value.release();
  }
}

async function own(disks: readonly FixUpDisk[]): Promise<Result<OwnerLock, FixUpError>> {
  const path = disks[0]?.path ?? '';
  const lock = await ownDisk(path);
  if (lock.ok) return lock;
  const why = lock.error.type === 'Busy' ? `is being fixed up by ${lock.error.owner}` : `: ${lock.error.detail}`;
  return err({ type: 'ImageUnusable', detail: `${path} ${why}` });
}

async function recover(disks: readonly FixUpDisk[]): Promise<Result<void, FixUpError>> {
  const phase = await readFile(runningMark(disks), 'utf8').catch(() => undefined);
  if (phase === undefined) return ok(undefined);
  if (phase === disposable) return err(thrownAway(disks));
  if (phase !== taking) return putBack(disks);
  // No edit was made yet. What the disks hold now is right, and they may have gone on since.
  const dropped = await dropAll(disks);
  if (dropped.ok) await rm(runningMark(disks), { force: true });
  return dropped;
}

async function putBack(disks: readonly FixUpDisk[]): Promise<Result<void, FixUpError>> {
  // All are put back before the first is forgotten: an undo that is interrupted can be done again.
  for (const disk of disks) {
    const back = await restore(disk);
    if (!back.ok) return back;
  }
  await rm(runningMark(disks), { force: true });
  return dropAll(disks);
}

async function dropAll(disks: readonly FixUpDisk[]): Promise<Result<void, FixUpError>> {
  for (const disk of disks) {
    const dropped = await dropRestorePoint(disk);
    if (!dropped.ok) return dropped;
  }
  return ok(undefined);
}

const runningMark = (disks: readonly FixUpDisk[]): string => `${disks[0]?.path ?? ''}.fixup-running`;
/** What the mark says while restore points are taken, and from then on. */
const taking = 'taking restore points\n';
const editing = 'editing\n';
/** What it says while disks are edited that have no restore point: overlays and copies, which are taken away instead. */
const disposable = 'editing what is taken away if it fails\n';

const thrownAway = (disks: readonly FixUpDisk[]): FixUpError => ({
  type: 'ImageUnusable',
  detail: `${disks[0]?.path ?? ''} was being edited and that did not come to its end; take it away and make it anew`,
});

/** What is held while disks without a restore point are edited. */
export interface Disposable {
  /** Says that edits begin: from now on nobody takes these disks for whole until they are done. */
  begin(): Promise<Result<void, FixUpError>>;
  /** Says that all of it is on the disks. */
  done(): Promise<void>;
  /** Lets others have them. */
  release(): Promise<void>;
}

/**
 * Takes disks to edit that are taken away if that fails, so that nothing has to be kept of them. Refused while somebody
 * else has them, and if they were begun to be edited before: what is in them then is nothing anybody has seen.
 */
export async function takeDisposable(disks: readonly FixUpDisk[]): Promise<Result<Disposable, FixUpError>> {
  const lock = await own(disks);
  if (!lock.ok) return lock;
  const { release } = lock.value;
  if (await isInterrupted(disks)) {
    await release();
    return err(thrownAway(disks));
  }
  return ok({
    begin: () => writeMark(disks),
    done: () => rm(runningMark(disks), { force: true }),
    release,
  });
}

async function writeMark(disks: readonly FixUpDisk[]): Promise<Result<void, FixUpError>> {
  try {
    await writeFile(runningMark(disks), disposable);
    return ok(undefined);
  } catch (cause) {
    return err({ type: 'ImageUnusable', detail: detailOf(cause) });
  }
}

async function begin(disks: readonly FixUpDisk[]): Promise<Result<void, FixUpError>> {
  for (const disk of disks) {
    const has = await hasRestorePoint(disk);
    if (!has.ok) return has;
    if (has.value)
      return err({
        type: 'ImageUnusable',
        detail: `${disk.path} has a restore point of an earlier fix-up; undo that first`,
      });
  }
  const mark = runningMark(disks);
  try {
    await writeFile(mark, taking, { flag: 'wx' });
    for (const disk of disks) {
      const taken = await takeRestorePoint(disk);
      if (taken.ok) continue;
      await recover(disks);
      return taken;
    }
    // Only now that every disk can be put back may an interruption mean that they are to be.
    await writeFile(`${mark}.part`, editing);
    await rename(`${mark}.part`, mark);
    return ok(undefined);
  } catch (cause) {
    await recover(disks);
    return err({ type: 'ImageUnusable', detail: detailOf(cause) });
  }
}

async function makeEdits(
  disks: readonly FixUpDisk[],
  edits: readonly Edit[],
  { onEdit, ...options }: ApplyOptions,
): Promise<Result<void, FixUpError>> {
  const opened = await openSession(disks, { ...options, writable: true });
  if (!opened.ok) return opened;
  const session = opened.value;
  const made = await editMounted(session, edits, onEdit);
  if (!made.ok) {
    await session.kill(); // What is half done is put back from outside; it need not reach the disk in order.
    return made;
  }
  return session.close();
}

async function editMounted(
  session: GuestfishSession,
  edits: readonly Edit[],
  onEdit: ApplyOptions['onEdit'],
): Promise<Result<void, FixUpError>> {
  const devices = await guestDevices(session);
  if (!devices.ok) return devices;
  const windows = await findWindows(session, devices.value);
  if (!windows.ok) return windows;
  if (windows.value !== undefined) return editWindows(session, windows.value, edits, onEdit);
  const mounts = await mountGuest(session, devices.value, true);
  if (!mounts.ok) return mounts;
  const made = await editGuest(session, edits, { onEdit });
  if (!made.ok) return made;
  const unmounted = await session.run('umount-all');
  return unmounted.ok ? ok(undefined) : unmounted;
}

const wordsOf = (error: FixUpError): string => ('detail' in error ? error.detail : `${error.program} is missing`);
