import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FixUpError, GuestDevice, GuestImage } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { bytes } from '#core/units';
import { deviceNamed } from './device-names.ts';
import { parseTable } from './file-system-table.ts';
import { linesOf } from './guest-devices.ts';
import type { GuestfishSession } from './guestfish.ts';
import { hiddenWindows } from '#replicator/fixup/windows/hidden';

/** File systems a root or a part of it can be on. */
const linuxTypes: ReadonlySet<string> = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs']);
const mountable: ReadonlySet<string> = new Set([...linuxTypes, 'vfat']);
const textBytesMax = 4 * 1024 * 1024;

/** Something that can be mounted: a device, or a subvolume of one. */
interface Candidate {
  readonly device: GuestDevice;
  /** As guestfish takes it: the device's name, or `btrfsvol:/dev/sda2/@`. */
  readonly name: string;
}

/** Mounts the guest's file systems as its own fstab says. The root is the one that has an fstab and says what it is. */
export async function mountGuest(
  session: GuestfishSession,
  devices: readonly GuestDevice[],
  writable: boolean,
): Promise<Result<GuestImage['mounts'], FixUpError>> {
  const candidates = await candidatesOf(session, devices);
  const root = await findRoot(session, devices, candidates);
  if (!root.ok) return root;
  const verb = writable ? 'mount' : 'mount-ro';
  const mounted = await session.run(verb, root.value.name, '/');
  if (!mounted.ok) return err({ type: 'ImageUnusable', detail: `the root file system: ${detailOf(mounted.error)}` });
  const table = (await fetchTexts(session, ['/etc/fstab'])).get('/etc/fstab') ?? '';
  const mounts = [{ ...root.value, mountpoint: '/' }];
  const entries = parseTable(table)
    .filter(
      ({ mountpoint, type, options }) =>
        mountpoint.startsWith('/') &&
        mountpoint !== '/' &&
        (mountable.has(type) || type === 'auto') &&
        !options.includes('bind'),
    )
    .toSorted((a, b) => a.mountpoint.length - b.mountpoint.length);
  for (const { device: name, mountpoint, options } of entries) {
    const device = deviceNamed(devices, name);
    const volume = options.find((option) => option.startsWith('subvol='))?.replace(/^subvol=\/?/, '');
    const candidate = candidates.find(
      (one) => one.device === device && (volume === undefined || one.name.endsWith(`/${volume}`)),
    );
    // What cannot be found here is a finding of the plan; what the guest itself can do without is not missed.
    if (candidate === undefined) continue;
    const answer = await session.run(verb, candidate.name, mountpoint);
    if (answer.ok) mounts.push({ ...candidate, mountpoint });
    else if (!options.includes('nofail'))
      return err({ type: 'ImageUnusable', detail: `${mountpoint}: ${detailOf(answer.error)}` });
  }
  const rooms = await session.runAll(mounts.map(({ mountpoint }) => ['statvfs', mountpoint]));
  return ok(
    mounts.map(({ device, mountpoint }, index) => ({
      device: device.name,
      mountpoint,
      type: device.type,
      free: bytes(freeIn(rooms[index])),
    })),
  );
}

async function candidatesOf(session: GuestfishSession, devices: readonly GuestDevice[]): Promise<readonly Candidate[]> {
  const plain = devices.filter(({ type }) => mountable.has(type)).map((device) => ({ device, name: device.name }));
  if (!devices.some(({ type }) => type === 'btrfs')) return plain;
  const listed = await session.run('list-filesystems');
  const volumes = (listed.ok ? linesOf(listed.value) : []).flatMap((line) => {
    const name = /^(btrfsvol:(\/dev\/[^/:]+(?:\/[^/:]+)?)\/.+): btrfs$/.exec(line);
    const device = devices.find((one) => name?.[1]?.startsWith(`btrfsvol:${one.name}/`));
    return name?.[1] === undefined || device === undefined ? [] : [{ device, name: name[1] }];
  });
  return [...plain, ...volumes];
}

async function findRoot(
  session: GuestfishSession,
  devices: readonly GuestDevice[],
  candidates: readonly Candidate[],
): Promise<Result<Candidate, FixUpError>> {
  const roots: Candidate[] = [];
  for (const candidate of candidates.filter(({ device }) => linuxTypes.has(device.type))) {
    const [mounted, table, ...releases] = await session.runAll([
      ['mount-ro', candidate.name, '/'],
      ['exists', '/etc/fstab'],
      ...['/etc/os-release', '/usr/lib/os-release', '/etc/redhat-release'].map((path) => ['exists', path]),
      ['umount-all'],
    ]);
    const isThere = (answer: typeof table): boolean => answer?.ok === true && answer.value.trim() === 'true';
    if (mounted?.ok && isThere(table) && releases.slice(0, 3).some(isThere)) roots.push(candidate);
  }
  const [root, ...others] = roots;
  if (root !== undefined && others.length === 0) return ok(root);
  if (root !== undefined)
    return err({
      type: 'Unsupported',
      what: 'a guest with several systems on its disks',
      detail: `roots were found on ${roots.map(({ name }) => name).join(', ')}; one guest has one`,
    });
  const locked = devices.filter(({ type }) => type === 'crypto_LUKS').map(({ name }) => name);
  if (locked.length > 0)
    return err({
      type: 'Unsupported',
      what: 'a guest whose root is encrypted',
      detail: `${locked.join(', ')} is locked by LUKS and no other device holds a root; fix the guest up from inside before its cutover`,
    });
  const hidden = hiddenWindows(devices);
  if (hidden !== undefined) return err(hidden);
  return err({
    type: 'ImageUnusable',
    detail: 'no file system on these disks has an fstab and says what system it is',
  });
}

/**
 * Texts of files in the guest, those that are there, are files, and are text. A path that is a link is followed inside
 * the guest's own tree.
 */
export async function fetchTexts(
  session: GuestfishSession,
  paths: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const kinds = await session.runAll(paths.map((path) => ['is-file', path, 'followsymlinks:true']));
  const files = paths.filter((_, index) => {
    const kind = kinds[index];
    return kind?.ok === true && kind.value.trim() === 'true';
  });
  const local = (index: number): string => join(session.folder, `text-${index}`);
  const fetched = await session.runAll(files.map((path, index) => ['download', path, local(index)]));
  const texts = new Map<string, string>();
  for (const [index, path] of files.entries()) {
    if (fetched[index]?.ok !== true) continue;
    const content = await readFile(local(index));
    const text = content.length > textBytesMax ? undefined : textOf(content);
    if (text !== undefined) texts.set(path, text);
  }
  return texts;
}

function textOf(content: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined; // Not text: nothing that is edited as one.
  }
}

const detailOf = (error: FixUpError): string => ('detail' in error ? error.detail : error.type);

/** Bytes left, by what `statvfs` said; 0 if it said nothing. */
export function freeIn(answer: Result<string, FixUpError> | undefined): number {
  if (answer === undefined || !answer.ok) return 0;
  const number = (key: string): number => Number(new RegExp(`^${key}: (\\d+)$`, 'm').exec(answer.value)?.[1] ?? 0);
  return number('bavail') * (number('frsize') || number('bsize'));
}
