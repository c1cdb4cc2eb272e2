import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Edit, FixUpPlan, GuestImage } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { firstDifference, parseListing, type GuestListing } from './guest-listing.ts';

/*
 * Files that commands made on a copy of the replica, kept beside it with all that went into them:
 *
 *     vda.raw.fixup-prepared/manifest.json   what they are, and what went in beside files
 *     vda.raw.fixup-prepared/listing         files of the guest at the time
 *     vda.raw.fixup-prepared/made-0 ...      what was made
 *
 * They are put in place later if the same would be made again, and left where they are otherwise: a wrong guess costs the
 * minute that was to be saved, and never a wrong file.
 */

/** Whether an edit is a command that makes a file out of what is in the guest, which takes long. */
export const isMade = ({ id, run }: Edit): boolean => run !== undefined && id.startsWith('initramfs:');

/** What goes into what commands make, beside the files that are listed. */
export interface Inputs {
  /** The words of each command, by the id of its edit. */
  readonly commands: Readonly<Record<string, readonly string[]>>;
  /** The digest of what each edited file was made to be, by path: these are new, so their times say nothing. */
  readonly texts: Readonly<Record<string, string>>;
  /** Devices by what is on them, and where they are mounted. */
  readonly devices: string;
}

/** What the plan's commands depend on, of a guest as it was found. */
export function inputsOf({ edits }: FixUpPlan, { devices, mounts }: GuestImage): Inputs {
  const texts = edits.filter(({ run, path }) => run === undefined && isListed(path));
  return {
    commands: Object.fromEntries(edits.filter(isMade).map(({ id, run = [] }) => [id, run])),
    texts: Object.fromEntries(
      texts.map(({ path, after, mode }) => [
        path,
        after === undefined ? 'not there' : digestOf(`${mode ?? ''} ${after}`),
      ]),
    ),
    devices: JSON.stringify([devices, mounts.map(({ device, mountpoint, type }) => [device, mountpoint, type])]),
  };
}

// What the sentinel is told differs between a test and a cutover, and goes into nothing that is made.
const isListed = (path: string): boolean => !path.startsWith('/var/');

/** Paths whose listing says nothing: what the plan itself edits and makes. */
export const editedPaths = ({ edits }: FixUpPlan): ReadonlySet<string> => new Set(edits.map(({ path }) => path));

/** One file that was made. */
export interface MadeFile {
  /** In the guest. */
  readonly path: string;
  /** Permission bits, owner and group by number. */
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
}

/** What was prepared, as it is kept. */
export interface Prepared {
  /** The state of the guest that it was made of, in the words of whoever asked for it. */
  readonly of: string;
  readonly inputs: Inputs;
  readonly listing: GuestListing['entries'];
  readonly files: readonly (MadeFile & { readonly local: string })[];
}

const digestWord = z.string().regex(/^[0-9a-f]{64}$/);
const manifestShape = z.strictObject({
  version: z.literal(1),
  of: z.string(),
  inputs: z.strictObject({
    commands: z.record(z.string(), z.array(z.string())),
    texts: z.record(z.string(), z.string()),
    devices: z.string(),
  }),
  listing: digestWord,
  files: z
    .array(
      z.strictObject({
        path: z.string().startsWith('/'),
        mode: z.int().min(0).max(0o7777),
        owner: z.int().min(0),
        group: z.int().min(0),
        digest: digestWord,
      }),
    )
    .min(1),
});

const manifestIn = (folder: string): string => join(folder, 'manifest.json');
const listingIn = (folder: string): string => join(folder, 'listing');
const madeIn = (folder: string, index: number): string => join(folder, `made-${index}`);

/** Keeps what was made, in place of what was kept before: all of it or nothing. */
export async function writePrepared(folder: string, { of, inputs, listing, files }: Prepared): Promise<void> {
  const part = `${folder}.part`;
  await rm(part, { recursive: true, force: true });
  await mkdir(part, { recursive: true, mode: 0o700 });
  const lines = Buffer.from([...listing].map(([path, about]) => `${path}\0${about}\0`).join(''), 'latin1');
  await writeFile(listingIn(part), lines);
  const kept: unknown[] = [];
  for (const [index, { local, path, mode, owner, group }] of files.entries()) {
    await copyFile(local, madeIn(part, index));
    kept.push({ path, mode, owner, group, digest: await digestOfFile(madeIn(part, index)) });
  }
  const manifest = { version: 1, of, inputs, listing: digestOf(lines), files: kept };
  await writeFile(manifestIn(part), `${JSON.stringify(manifest, undefined, 2)}\n`);
  await rm(folder, { recursive: true, force: true });
  await rename(part, folder);
}

/** Takes it away, whole or half. */
export async function dropPrepared(folder: string): Promise<void> {
  for (const path of [folder, `${folder}.part`]) await rm(path, { recursive: true, force: true });
}

/** Reads what was prepared; undefined if nothing was. The error says what is wrong with it. */
export async function readPrepared(folder: string): Promise<Result<Prepared | undefined, string>> {
  const text = await readFile(manifestIn(folder), 'utf8').catch(() => undefined);
  if (text === undefined) return ok(undefined);
  try {
    const { of, inputs, listing, files } = manifestShape.parse(JSON.parse(text));
    const lines = await readFile(listingIn(folder));
    const digests = [[digestOf(lines), listing] as const];
    for (const [index, { digest }] of files.entries())
      digests.push([await digestOfFile(madeIn(folder, index)), digest]);
    if (digests.some(([found, wanted]) => found !== wanted)) return err(`${folder} is not as it was written`);
    const { entries } = parseListing(lines.toString('latin1'));
    const found = files.map((file, index) => ({ ...file, local: madeIn(folder, index) }));
    return ok({ of, inputs, listing: entries, files: found });
  } catch {
    return err(`${folder} cannot be read`);
  }
}

/** The state of the guest that what was prepared was made of; undefined if nothing was. */
export async function preparedOf(folder: string): Promise<string | undefined> {
  const prepared = await readPrepared(folder);
  return prepared.ok ? prepared.value?.of : undefined;
}

/** What has changed since, if anything has that goes into what was made: a short sentence. */
export function changeSince(
  { inputs: before, listing: then }: Pick<Prepared, 'inputs' | 'listing'>,
  { inputs: after, listing: now }: Pick<Prepared, 'inputs' | 'listing'>,
  edited: ReadonlySet<string>,
): string | undefined {
  if (JSON.stringify(before.commands) !== JSON.stringify(after.commands)) return 'other commands are to be run';
  if (before.devices !== after.devices) return 'the disks are laid out differently';
  const texts = new Set([...Object.keys(before.texts), ...Object.keys(after.texts)]);
  const text = [...texts].find((path) => before.texts[path] !== after.texts[path]);
  const path = text ?? firstDifference(then, now, edited);
  return path === undefined ? undefined : `${path} has changed`;
}

const digestOf = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}
