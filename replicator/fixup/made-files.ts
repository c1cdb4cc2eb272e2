import { join } from 'node:path';
import type { Edit, EditsMade, FixUpError, FixUpPlan, GuestImage, MadeKept, PreparedUse } from '#core/ports/fix-up';
import { ok, type Result } from '#core/result';
import { allOf, runInGuest } from './edit-guest.ts';
import { differences, listGuest, unsettled, type GuestListing } from './guest-listing.ts';
import type { GuestfishSession } from './guestfish.ts';
import {
  changeSince,
  editedPaths,
  inputsOf,
  isMade,
  readPrepared,
  writePrepared,
  type MadeFile,
  type Prepared,
} from './prepared.ts';

/** Carries out the commands of one plan: runs them, or puts in place what was prepared. */
export interface MadeFiles {
  run(edit: Edit): Promise<Result<void, FixUpError>>;
  /** Called once after the last edit, while the guest is still mounted. */
  finish(): Promise<EditsMade>;
  /** Keeps what was made where it is to be kept. */
  keep(): Promise<MadeKept>;
}

interface Work {
  readonly session: GuestfishSession;
  readonly plan: FixUpPlan;
  readonly image: GuestImage;
  readonly use: PreparedUse | undefined;
}

/** For a guest that is mounted and may be written to, whose texts are edited before the first command comes. */
export function madeFiles(work: Work): MadeFiles {
  const { session, plan, use } = work;
  const made = plan.edits.filter(isMade).map(({ id }) => id);
  let looked: Promise<Look> | undefined;
  let fetched: Fetched = { files: [], whyNot: 'nothing is made by a command' };
  return {
    run: async (edit) => {
      if (!isMade(edit) || use === undefined) return runInGuest(session, edit);
      // The first one is where all texts have been edited and nothing has been made.
      looked ??= look(work, use);
      return (await looked).placed ? ok(undefined) : runInGuest(session, edit);
    },
    finish: async () => {
      const { placed = false, whyNot = '', before } = (await looked) ?? {};
      if (use?.type === 'make' && before !== undefined) fetched = await fetchMade(work, before, use);
      else if (use?.type === 'make' && whyNot !== '') fetched = { files: [], whyNot };
      return { made, prepared: placed, whyNot: use?.type === 'use' ? whyNot : '' };
    },
    keep: async () => {
      const { files, whyNot, prepared } = fetched;
      if (use?.type !== 'make' || prepared === undefined) return { files: [], whyNot };
      await writePrepared(use.folder, prepared);
      return { files: files.map(({ path }) => path), whyNot: '' };
    },
  };
}

/** What was found before the first command. */
interface Look {
  readonly placed?: boolean;
  readonly whyNot?: string;
  readonly before?: GuestListing;
}

async function look(work: Work, use: PreparedUse): Promise<Look> {
  const { session, plan, image } = work;
  const prepared = use.type === 'use' ? await readPrepared(use.folder) : ok(undefined);
  if (!prepared.ok) return { whyNot: prepared.error };
  if (use.type === 'use' && prepared.value === undefined) return {};
  const before = await listGuest(session);
  if (!before.ok) return { whyNot: notListed(before.error) };
  if (prepared.value === undefined) return { before: before.value };
  const now = { inputs: inputsOf(plan, image), listing: before.value.entries };
  const whyNot = changeSince(prepared.value, now, editedPaths(plan));
  if (whyNot !== undefined) return { whyNot };
  const placed = await place(session, prepared.value);
  // Half of it may be there; running the commands makes it whole.
  return placed.ok ? { placed: true } : { whyNot: `it could not be put in place` };
}

async function place(session: GuestfishSession, { files }: Prepared): Promise<Result<void, FixUpError>> {
  for (const { local, path, mode, owner, group } of files) {
    const part = `${path}.sealift-part`;
    const put = await allOf(session, [
      ['upload', local, part],
      ['chmod', `0${mode.toString(8)}`, part],
      ['chown', String(owner), String(group), part],
      ['mv', part, path],
    ]);
    if (put.ok) continue;
    await session.run('rm-f', part);
    return put;
  }
  return ok(undefined);
}

interface Fetched {
  readonly files: readonly MadeFile[];
  readonly whyNot: string;
  readonly prepared?: Prepared;
}

/** Brings out what commands made: all that is not as it was before them, and nothing if that cannot be relied on. */
async function fetchMade(
  { session, plan, image }: Work,
  before: GuestListing,
  { roundTook, of }: Extract<PreparedUse, { type: 'make' }>,
): Promise<Fetched> {
  const edited = editedPaths(plan);
  const fresh = unsettled(before, roundTook, edited);
  if (fresh !== undefined) return notKept(`${fresh} was changed while the replica was written, or shortly before`);
  const after = await listGuest(session);
  if (!after.ok) return notKept(notListed(after.error));
  // What texts were edited before the first listing, and labels may be given to them after it.
  const texts = new Set(plan.edits.filter(({ run }) => run === undefined).map(({ path }) => path));
  const paths = differences(before.entries, after.value.entries).filter((path) => !texts.has(path));
  const files: (MadeFile & { readonly local: string })[] = [];
  for (const [index, path] of paths.entries()) {
    const about = after.value.entries.get(path)?.split(' ') ?? [];
    const [kind, mode = '', owner = '', group = ''] = about;
    if (kind !== 'f') return notKept(`commands also changed ${path}, which is no file`);
    const local = join(session.folder, `made-${index}`);
    const brought = await session.run('download', path, local);
    if (!brought.ok) return notKept(`${path} could not be brought out`);
    files.push({ local, path, mode: Number.parseInt(mode, 8), owner: Number(owner), group: Number(group) });
  }
  const lacking = plan.edits.filter(isMade).find(({ path }) => !paths.includes(path));
  if (lacking !== undefined) return notKept(`${lacking.path} was not made`);
  return { files, whyNot: '', prepared: { of, inputs: inputsOf(plan, image), listing: before.entries, files } };
}

/** A guest whose programs cannot do it (busybox) is one that is not prepared. */
const notListed = (error: FixUpError): string =>
  `its files could not be listed: ${'detail' in error ? (error.detail.split('\n')[0] ?? '') : error.type}`;

const notKept = (whyNot: string): Fetched => ({ files: [], whyNot });
