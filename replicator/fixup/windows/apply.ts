import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dirname } from 'node:path/posix';
import type { Edit, FixUpError } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { fetchTexts } from '#replicator/fixup/guest-tree';
import type { GuestfishSession } from '#replicator/fixup/guestfish';
import { fetchHives } from './hive-edits.ts';
import { makePrivateFolder, mountWindows, volumeState, type WindowsPlace } from './volume.ts';

/**
 * Makes edits in a Windows guest, on which nothing is mounted yet. Files are written as they come; hives are edited here
 * and written back as a whole after the last edit.
 */
export async function editWindows(
  session: GuestfishSession,
  place: WindowsPlace,
  edits: readonly Edit[],
  onEdit?: (edit: Edit, index: number) => void,
): Promise<Result<void, FixUpError>> {
  const state = await volumeState(session, place);
  if (!state.ok) return state;
  if (state.value !== 'clean')
    return err({
      type: 'ImageUnusable',
      detail: `the volume of Windows, ${place.device.name}, is ${state.value}; make a new plan, which says what to do`,
    });
  const mounted = await mountWindows(session, place, true);
  if (!mounted.ok) return mounted;
  const current = await textsBefore(session, edits);
  if (!current.ok) return current;
  const hives = await fetchHives(session, edits);
  if (!hives.ok) return hives;
  for (const [index, edit] of edits.entries()) {
    onEdit?.(edit, index);
    const made = edit.hive === undefined ? await editFile(session, edit, current.value) : await hives.value.make(edit);
    if (!made.ok) return made;
  }
  const written = await hives.value.writeBack();
  if (!written.ok) return written;
  const ended = await session.run('umount-all');
  return ended.ok ? ok(undefined) : ended;
}

/** A plan is for what it was made from: a file that is neither as before nor as after the edit is somebody else's. */
async function textsBefore(
  session: GuestfishSession,
  edits: readonly Edit[],
): Promise<Result<ReadonlyMap<string, string>, FixUpError>> {
  const command = edits.find(({ run }) => run !== undefined);
  if (command !== undefined)
    return err({
      type: 'Unsupported',
      what: `the command ${command.run?.join(' ') ?? ''}`,
      detail: 'no program of Windows can be run here',
    });
  const files = edits.filter(({ hive }) => hive === undefined);
  const current = await fetchTexts(
    session,
    files.map(({ path }) => path),
  );
  const changed = files.find(({ path, before, after }) => {
    const text = current.get(path);
    return text !== before && text !== after;
  });
  return changed === undefined
    ? ok(current)
    : err({ type: 'ImageUnusable', detail: `${changed.path} is not what the plan was made from; make a new plan` });
}

async function editFile(
  session: GuestfishSession,
  { path, after, keeps }: Edit,
  current: ReadonlyMap<string, string>,
): Promise<Result<void, FixUpError>> {
  const before = current.get(path);
  if (before === after) return ok(undefined);
  const local = join(session.folder, 'edit');
  await writeFile(local, after ?? '');
  if (before !== undefined && keeps !== undefined) {
    const kept = await all(session, dirname(keeps), [
      ['cp', path, keeps],
      ['chmod', '0600', keeps],
    ]);
    if (!kept.ok) return kept;
  }
  const part = `${path}.sealift-part`;
  if (after === undefined) return all(session, dirname(path), [['rm-f', path]]);
  // A file that is there is written in place, and keeps who may read and write it. A new one may be run by the system.
  if (before !== undefined) return all(session, dirname(path), [['upload', local, path]]);
  return all(session, dirname(path), [
    ['upload', local, part],
    ['chmod', '0700', part],
    ['mv', part, path],
  ]);
}

async function all(
  session: GuestfishSession,
  folder: string,
  commands: readonly (readonly [string, ...string[]])[],
): Promise<Result<void, FixUpError>> {
  const made = await makePrivateFolder(session, folder);
  if (!made.ok) return made;
  for (const command of commands) {
    const answer = await session.run(...command);
    if (!answer.ok) return answer;
  }
  return ok(undefined);
}
