import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FixUpError, GuestDevice } from '#core/ports/fix-up';
import type { WindowsVolume } from '#core/ports/windows-guest';
import { err, ok, type Result } from '#core/result';
import type { GuestfishSession } from '#replicator/fixup/guestfish';
import { holdsSession, isMarkedDirty, volumeRecordAt } from './ntfs.ts';

/** Where Windows is on the disks of a guest. */
export interface WindowsPlace {
  readonly device: GuestDevice;
  /** In the spelling of the tree: `/Windows`. */
  readonly folder: string;
  readonly hives: { readonly system: string; readonly software: string };
  /** Whether one of the guest's NTFS volumes has the loader that a BIOS starts. */
  readonly hasBootmgr: boolean;
}

const hivesOf = { system: '/Windows/System32/config/SYSTEM', software: '/Windows/System32/config/SOFTWARE' } as const;

/**
 * Finds the volume Windows is on by its registry; undefined if there is none. Nothing is mounted before and after.
 *
 * NTFS is mounted by one program in the appliance, and never by what else may know it: whether a volume may be written and
 * who may read what is made on it are that program's options.
 */
export async function findWindows(
  session: GuestfishSession,
  devices: readonly GuestDevice[],
): Promise<Result<WindowsPlace | undefined, FixUpError>> {
  const volumes = devices.filter(({ type }) => type === 'ntfs');
  if (volumes.length === 0) return ok(undefined);
  const able = await session.run('feature-available', 'ntfs3g');
  if (!able.ok) return able;
  if (able.value.trim() !== 'true')
    return err({
      type: 'ToolMissing',
      program: 'ntfs-3g',
      remedy: 'sudo apt-get install --yes --no-install-recommends ntfs-3g',
    });
  const places: Omit<WindowsPlace, 'hasBootmgr'>[] = [];
  const unreadable: string[] = [];
  let hasBootmgr = false;
  for (const device of volumes) {
    const looked = await lookOn(session, device);
    if (typeof looked === 'string') unreadable.push(`${device.name}: ${looked}`);
    else if (looked.hives !== undefined) places.push({ device, ...looked.hives });
    hasBootmgr ||= typeof looked !== 'string' && looked.hasBootmgr;
  }
  const [place, ...others] = places;
  if (others.length > 0) {
    const names = places.map(({ device }) => device.name).join(', ');
    return err({
      type: 'Unsupported',
      what: 'a guest with several systems on its disks',
      detail: `Windows was found on ${names}; one guest has one`,
    });
  }
  if (place !== undefined) return ok({ ...place, hasBootmgr });
  return unreadable.length === 0
    ? ok(undefined)
    : err({ type: 'ImageUnusable', detail: `NTFS cannot be read: ${unreadable.join('; ')}` });
}

/** What is on one volume, or why it cannot be read. */
async function lookOn(session: GuestfishSession, { name }: GuestDevice) {
  const [mounted, system, software, bootmgr] = await session.runAll([
    ['mount-vfs', 'ro', 'ntfs-3g', name, '/'],
    ...Object.values(hivesOf).map((path) => ['case-sensitive-path', path]),
    ['is-file', '/bootmgr'],
  ]);
  if (mounted?.ok !== true) return mounted === undefined ? 'no answer' : detailOf(mounted.error);
  const paths = [system, software].flatMap((answer) => (answer?.ok ? [answer.value.trim()] : []));
  const there = await session.runAll(paths.map((path) => ['is-file', path]));
  await session.run('umount-all');
  const [systemPath, softwarePath] = paths.filter((_, index) => isTrue(there[index]));
  const folder = systemPath?.split('/').slice(0, 2).join('/');
  return {
    hasBootmgr: isTrue(bootmgr),
    hives:
      systemPath === undefined || softwarePath === undefined || folder === undefined
        ? undefined
        : { folder, hives: { system: systemPath, software: softwarePath } },
  };
}

/**
 * Mounts the volume Windows is on as the tree of the guest. To write, permissions are in force: without, everybody may
 * read and write what is made, one of which is run by the system. See `makePrivateFolder`.
 */
export async function mountWindows(
  session: GuestfishSession,
  { device }: WindowsPlace,
  writable: boolean,
): Promise<Result<void, FixUpError>> {
  const options = writable ? 'permissions' : 'ro';
  const mounted = await session.run('mount-vfs', options, 'ntfs-3g', device.name, '/');
  return mounted.ok ? ok(undefined) : err({ type: 'ImageUnusable', detail: `Windows: ${detailOf(mounted.error)}` });
}

/**
 * Makes a folder that only administrators and the system may look into, unless it is there: who may look into one that is
 * there has been decided.
 */
export async function makePrivateFolder(session: GuestfishSession, path: string): Promise<Result<void, FixUpError>> {
  const there = await session.run('exists', path);
  if (!there.ok) return there;
  if (isTrue(there)) return ok(undefined);
  const made = await session.run('mkdir-p', path);
  if (!made.ok) return made;
  const closed = await session.run('chmod', '0700', path);
  return closed.ok ? ok(undefined) : closed;
}

// What `ntfs-3g.probe` ends with.
const hibernatedStatus = 14;
const uncleanStatus = 15;

/** Whether the volume may be written from outside. Nothing is mounted before and after. */
export async function volumeState(
  session: GuestfishSession,
  place: WindowsPlace,
): Promise<Result<WindowsVolume['state'], FixUpError>> {
  const { name } = place.device;
  const probed = await session.run('ntfs-3g-probe', 'true', name);
  if (!probed.ok) return probed;
  const status = Number(probed.value);
  const begin = await beginOfHibernation(session, place);
  if (!begin.ok) return begin;
  if (status === hibernatedStatus || holdsSession(begin.value)) return ok('hibernated');
  if (status === uncleanStatus) return ok('unclean');
  if (status !== 0) return ok('damaged');
  const boot = await bytesOf(session, name, 0, 512);
  if (!boot.ok) return boot;
  const at = volumeRecordAt(boot.value);
  if (at === undefined) return ok('damaged');
  const record = await bytesOf(session, name, at.offset, at.size);
  if (!record.ok) return record;
  const isDirty = isMarkedDirty(record.value);
  return ok(isDirty === undefined ? 'damaged' : isDirty ? 'dirty' : 'clean');
}

const signatureBytes = 4;

async function beginOfHibernation(
  session: GuestfishSession,
  place: WindowsPlace,
): Promise<Result<Uint8Array, FixUpError>> {
  const mounted = await mountWindows(session, place, false);
  if (!mounted.ok) return mounted;
  const path = await session.run('case-sensitive-path', '/hiberfil.sys');
  const size = path.ok ? await session.run('filesize', path.value.trim()) : path;
  const isLong = size.ok && Number(size.value) >= signatureBytes;
  const begin =
    path.ok && isLong ? await bytesOf(session, path.value.trim(), 0, signatureBytes) : ok<Uint8Array>(new Uint8Array());
  await session.run('umount-all');
  return begin;
}

async function bytesOf(
  session: GuestfishSession,
  path: string,
  offset: number,
  size: number,
): Promise<Result<Uint8Array, FixUpError>> {
  const local = join(session.folder, 'bytes');
  const fetched = await session.run('download-offset', path, local, String(offset), String(size));
  return fetched.ok ? ok(await readFile(local)) : fetched;
}

const isTrue = (answer: Result<string, FixUpError> | undefined): boolean =>
  answer?.ok === true && answer.value.trim() === 'true';

const detailOf = (error: FixUpError): string => ('detail' in error ? error.detail : error.type);
