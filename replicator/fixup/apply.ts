import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path/posix';
import type { Edit, FixUpDisk, FixUpError, FixUpPlan } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { ownDisk } from '#replicator/disk/owner-lock';
import { editWindows } from '#replicator/fixup/windows/apply';
import { findWindows } from '#replicator/fixup/windows/volume';
import { guestDevices } from './guest-devices.ts';
import { fetchTexts, mountGuest } from './guest-tree.ts';
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
  const path = disks[0]?.path ?? '';
  const lock = await ownDisk(path);
  if (!lock.ok) {
    const why = lock.error.type === 'Busy' ? `is being fixed up by ${lock.error.owner}` : `: ${lock.error.detail}`;
    return err({ type: 'ImageUnusable', detail: `${path} ${why}` });
  }
  try {
    return await work();
  } finally {
    await lock.value.release();
  }
}

async function recover(disks: readonly FixUpDisk[]): Promise<Result<void, FixUpError>> {
  const phase = await readFile(runningMark(disks), 'utf8').catch(() => undefined);
  if (phase === undefined) return ok(undefined);
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
    return err({ type: 'ImageUnusable', detail: cause instanceof Error ? cause.message : String(cause) });
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
  const made = await editGuest(session, edits, onEdit);
  if (!made.ok) {
    await session.kill(); // What is half done is put back from outside; it need not reach the disk in order.
    return made;
  }
  return session.close();
}

async function editGuest(
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
  const current = await checkBefore(session, edits);
  if (!current.ok) return current;
  for (const [index, edit] of edits.entries()) {
    onEdit?.(edit, index);
    const made =
      edit.run === undefined ? await editText(session, edit, current.value) : await runInGuest(session, edit);
    if (!made.ok) return made;
  }
  return nothingOf(await session.run('umount-all'));
}

/** A plan is for what it was made from: a file that is neither as before nor as after the edit is somebody else's. */
async function checkBefore(
  session: GuestfishSession,
  edits: readonly Edit[],
): Promise<Result<ReadonlyMap<string, string>, FixUpError>> {
  const texts = edits.filter(({ run }) => run === undefined);
  const current = await fetchTexts(
    session,
    texts.map(({ path }) => path),
  );
  const changed = texts.find(({ path, before, after }) => {
    const text = current.get(path);
    // A masked unit may be a link to /dev/null, which is no file.
    return text !== before && text !== after && !(text === undefined && before === '');
  });
  if (changed === undefined) return ok(current);
  return err({
    type: 'ImageUnusable',
    detail: `${changed.path} is not what the plan was made from; make a new plan`,
  });
}

async function editText(
  session: GuestfishSession,
  { path, after, mode = 0o644, keeps }: Edit,
  current: ReadonlyMap<string, string>,
): Promise<Result<void, FixUpError>> {
  const text = current.get(path);
  if (text === after) return ok(undefined);
  if (text !== undefined && keeps !== undefined) {
    const kept = await keep(session, path, keeps);
    if (!kept.ok) return kept;
  }
  if (after === undefined) return nothingOf(await session.run('rm-f', path));
  const local = join(session.folder, 'edit');
  await writeFile(local, after);
  const part = `${path}.sealift-part`;
  const written = await all(session, [
    ['mkdir-p', dirname(path)],
    ['upload', local, part],
    ['chmod', `0${mode.toString(8)}`, part],
  ]);
  if (!written.ok) return written;
  // Owner, mode and labels stay. An EFI partition has none of them, and says so.
  if (text !== undefined) await session.run('copy-attributes', path, part, 'all:true');
  return nothingOf(await session.run('mv', part, path));
}

/** The first original is kept: what a later edit finds is already ours. */
async function keep(session: GuestfishSession, path: string, keeps: string): Promise<Result<void, FixUpError>> {
  const there = await session.run('exists', keeps);
  if (!there.ok) return there;
  if (there.value.trim() === 'true') return ok(undefined);
  return all(session, [
    ['mkdir-p', dirname(keeps)],
    ['cp-a', path, keeps],
  ]);
}

/**
 * Runs a command of the guest in its own tree, without a network. `cp` is done by libguestfs itself: it needs no
 * program of the guest.
 */
async function runInGuest(session: GuestfishSession, { run = [], path }: Edit): Promise<Result<void, FixUpError>> {
  const [program = '', ...args] = run;
  const odd = run.find((word) => !/^[A-Za-z0-9][A-Za-z0-9._+~:=@,/-]*$|^[-/][A-Za-z0-9._+~:=@,/-]*$/.test(word));
  if (odd !== undefined)
    return err({ type: 'Unsupported', what: `the command ${run.join(' ')}`, detail: `"${odd}" is no plain word` });
  if (program !== 'cp') return nothingOf(await session.run('command', run.join(' ')));
  return all(session, [
    ['mkdir-p', dirname(path)],
    ['cp', args[0] ?? '', args[1] ?? ''],
  ]);
}

async function all(
  session: GuestfishSession,
  commands: readonly (readonly [string, ...string[]])[],
): Promise<Result<void, FixUpError>> {
  for (const command of commands) {
    const answer = await session.run(...command);
    if (!answer.ok) return answer;
  }
  return ok(undefined);
}

const nothingOf = (result: Result<unknown, FixUpError>): Result<void, FixUpError> =>
  result.ok ? ok(undefined) : result;

const wordsOf = (error: FixUpError): string => ('detail' in error ? error.detail : `${error.program} is missing`);
