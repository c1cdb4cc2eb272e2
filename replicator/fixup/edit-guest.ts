import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path/posix';
import type { Edit, FixUpError } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { fetchTexts } from './guest-tree.ts';
import type { GuestfishSession } from './guestfish.ts';

/** How edits are made in a guest that is mounted and may be written to. */
export interface EditOptions {
  /** Called before each edit. */
  readonly onEdit?: ((edit: Edit, index: number) => void) | undefined;
  /** Carries out an edit that is a command; `runInGuest` if left out. */
  readonly run?: ((edit: Edit) => Promise<Result<void, FixUpError>>) | undefined;
}

/** Makes edits one after the other, and stops at the first that fails. */
export async function editGuest(
  session: GuestfishSession,
  edits: readonly Edit[],
  { onEdit, run = (edit) => runInGuest(session, edit) }: EditOptions,
): Promise<Result<void, FixUpError>> {
  const current = await checkBefore(session, edits);
  if (!current.ok) return current;
  for (const [index, edit] of edits.entries()) {
    onEdit?.(edit, index);
    const made = edit.run === undefined ? await editText(session, edit, current.value) : await run(edit);
    if (!made.ok) return made;
  }
  return ok(undefined);
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
  const written = await allOf(session, [
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
  return allOf(session, [
    ['mkdir-p', dirname(keeps)],
    ['cp-a', path, keeps],
  ]);
}

/**
 * Runs a command of the guest in its own tree, without a network. `cp` is done by libguestfs itself: it needs no
 * program of the guest.
 */
export async function runInGuest(
  session: GuestfishSession,
  { run = [], path }: Edit,
): Promise<Result<void, FixUpError>> {
  const [program = '', ...args] = run;
  const odd = run.find((word) => !/^[A-Za-z0-9][A-Za-z0-9._+~:=@,/-]*$|^[-/][A-Za-z0-9._+~:=@,/-]*$/.test(word));
  if (odd !== undefined)
    return err({ type: 'Unsupported', what: `the command ${run.join(' ')}`, detail: `"${odd}" is no plain word` });
  if (program !== 'cp') return nothingOf(await session.run('command', run.join(' ')));
  return allOf(session, [
    ['mkdir-p', dirname(path)],
    ['cp', args[0] ?? '', args[1] ?? ''],
  ]);
}

/** Commands one after the other, up to the first that fails. */
export async function allOf(
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
