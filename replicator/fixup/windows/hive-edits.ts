import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dirname } from 'node:path/posix';
import type { Edit, FixUpError } from '#core/ports/fix-up';
import type { RegistryValues } from '#core/ports/windows-guest';
import { err, ok, type Result } from '#core/result';
import type { GuestfishSession } from '#replicator/fixup/guestfish';
import { hiveState } from './hive-header.ts';
import { hiveTree } from './hive-tree.ts';
import { mergeText, type LocalHive } from './hivexregedit.ts';
import { parseRegistryText, registryText, type KeyState } from './registry-text.ts';
import { holds } from './registry.ts';
import { makePrivateFolder } from './volume.ts';

/** The hives that edits are for, fetched from a guest that is mounted. They are edited here and written back as a whole. */
export interface HiveEdits {
  /** Makes one edit in the copy that was fetched. */
  make(edit: Edit): Promise<Result<void, FixUpError>>;
  /** Keeps what was edited as it was, and writes the copies back. */
  writeBack(): Promise<Result<void, FixUpError>>;
}

interface Fetched extends LocalHive {
  readonly path: string;
  readonly keeps: string | undefined;
  isEdited: boolean;
}

/** Fetches the hives of these edits, and sees that each key is as before its edit or as after it. */
export async function fetchHives(
  session: GuestfishSession,
  edits: readonly Edit[],
): Promise<Result<HiveEdits, FixUpError>> {
  const hives = new Map<string, Fetched>();
  for (const { path, hive: root, keeps } of edits) {
    if (root === undefined || hives.has(path)) continue;
    const fetched = await fetch(session, { path, root, keeps, file: join(session.folder, `edit-${hives.size}.hive`) });
    if (!fetched.ok) return fetched;
    hives.set(path, fetched.value);
  }
  const checked = await checkBefore(hives, edits);
  if (!checked.ok) return checked;
  return ok({
    make: async (edit) => {
      const hive = hives.get(edit.path);
      if (hive === undefined) return err({ type: 'ToolFailed', step: edit.id, detail: `${edit.path} was not fetched` });
      const states = statesOf(edit, edit.after);
      if (!states.ok) return states;
      const text = join(session.folder, 'edit.reg');
      await writeFile(text, registryText(states.value));
      hive.isEdited = true;
      return mergeText(hive, text);
    },
    writeBack: async () => {
      for (const hive of hives.values()) {
        const written = hive.isEdited ? await write(session, hive) : ok(undefined);
        if (!written.ok) return written;
      }
      return ok(undefined);
    },
  });
}

async function fetch(session: GuestfishSession, hive: Omit<Fetched, 'isEdited'>): Promise<Result<Fetched, FixUpError>> {
  const fetched = await session.run('download', hive.path, hive.file);
  if (!fetched.ok) return fetched;
  // What is not in it but in its logs would be lost: Windows reads the logs of a hive only while it is unfinished.
  if ((await hiveState(hive.file)) === 'clean') return ok({ ...hive, isEdited: false });
  return err({ type: 'ImageUnusable', detail: `${hive.path} was not written in full by Windows; make a new plan` });
}

async function checkBefore(
  hives: ReadonlyMap<string, Fetched>,
  edits: readonly Edit[],
): Promise<Result<void, FixUpError>> {
  const trees = new Map([...hives].map(([path, hive]) => [path, hiveTree(hive)]));
  for (const edit of edits) {
    const tree = trees.get(edit.path);
    if (edit.hive === undefined || tree === undefined) continue;
    const [before, after] = [statesOf(edit, edit.before), statesOf(edit, edit.after)];
    if (!before.ok) return before;
    if (!after.ok) return after;
    const values = new Map<string, RegistryValues | null>();
    for (const { key } of [...before.value, ...after.value]) {
      const found = await tree.values(key);
      if (!found.ok) return found;
      values.set(key, found.value ?? null);
    }
    const isSo = (states: readonly KeyState[]): boolean =>
      states.every((state) => holds((key) => values.get(key), state));
    if (!isSo(before.value) && !isSo(after.value))
      return err({
        type: 'ImageUnusable',
        detail: `${edit.path}: ${edit.id} is not what the plan was made from; make a new plan`,
      });
  }
  return ok(undefined);
}

/** What an edit says of its hive. A plan may have been written by a person: nothing but this hive is named. */
function statesOf({ id, hive = '' }: Edit, text = ''): Result<readonly KeyState[], FixUpError> {
  const states = parseRegistryText(text);
  if (!states.ok) return err({ type: 'ImageUnusable', detail: `the plan's edit ${id}: ${states.error}` });
  const foreign = states.value.find(({ key }) => !key.toLowerCase().startsWith(`${hive.toLowerCase()}\\`));
  return foreign === undefined && states.value.length > 0
    ? states
    : err({ type: 'ImageUnusable', detail: `the plan's edit ${id} says nothing of keys in ${hive}` });
}

async function write(session: GuestfishSession, { file, path, keeps }: Fetched): Promise<Result<void, FixUpError>> {
  if (keeps !== undefined) {
    const kept = await keep(session, path, keeps);
    if (!kept.ok) return kept;
  }
  // Into the same file, which keeps who may read it: one moved to its place would not have the same permissions. That this
  // is not one step costs nothing, since a fix-up that stops in it is put back from outside.
  const written = await session.run('upload', file, path);
  if (!written.ok) return written;
  const sum = await session.run('checksum', 'sha256', path);
  if (!sum.ok) return sum;
  return sum.value.trim() === (await digestOf(file))
    ? ok(undefined)
    : err({ type: 'ToolFailed', step: `upload ${path}`, detail: 'what is in the guest is not what was written' });
}

/** The first original is kept: what a later fix-up finds is already ours. */
async function keep(session: GuestfishSession, path: string, keeps: string): Promise<Result<void, FixUpError>> {
  const there = await session.run('exists', keeps);
  if (!there.ok) return there;
  if (there.value.trim() === 'true') return ok(undefined);
  // Keys of the system are in it: who may not read the hive may not read its copy.
  const made = await makePrivateFolder(session, dirname(keeps));
  if (!made.ok) return made;
  const copied = await session.run('cp', path, keeps);
  if (!copied.ok) return copied;
  const closed = await session.run('chmod', '0600', keeps);
  return closed.ok ? ok(undefined) : closed;
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}
