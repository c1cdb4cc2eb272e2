import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FixUpDisk } from '#core/ports/fix-up';
import type { GuestfishSession } from '#replicator/fixup/guestfish';
import { mergeText } from '#replicator/fixup/windows/hivexregedit';
import { smallHive } from './small-hive.ts';
import { valueOf } from './value-of.ts';
import { keysText, type WindowsSample } from './windows-samples.ts';

const sizeBytes = 256 * 2 ** 20;
const roots = { SYSTEM: 'HKEY_LOCAL_MACHINE\\SYSTEM', SOFTWARE: 'HKEY_LOCAL_MACHINE\\SOFTWARE' } as const;

/** An empty disk for `installSmallWindows`. */
export function smallWindowsDisk(folder: string): FixUpDisk {
  const path = join(folder, 'windows.raw');
  writeFileSync(path, '');
  truncateSync(path, sizeBytes);
  return { path, format: 'raw' };
}

/**
 * Makes of the session's first disk a Windows as small as one can be that has all a fix-up looks at: GPT, an EFI partition,
 * NTFS with both hives of the registry, which are real, and drivers, which are not. The tree is spelled as some have it.
 */
export async function installSmallWindows(
  session: GuestfishSession,
  folder: string,
  sample: WindowsSample,
): Promise<void> {
  const local = (name: string): string => join(folder, name);
  mkdirSync(folder, { recursive: true });
  for (const [name, root] of Object.entries(roots)) {
    writeFileSync(local(name), smallHive());
    writeFileSync(local(`${name}.reg`), keysText(sample.keys, root));
    valueOf(await mergeText({ file: local(name), root }, local(`${name}.reg`)));
  }
  writeFileSync(local('some'), 'no program\n');
  const config = '/Windows/system32/config';
  const commands = [
    ['part-init', '/dev/sda', 'gpt'],
    ['part-add', '/dev/sda', 'p', '2048', '83967'],
    ['part-add', '/dev/sda', 'p', '83968', '-2048'],
    ['part-set-gpt-type', '/dev/sda', '1', 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'],
    ['part-set-gpt-type', '/dev/sda', '2', 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7'],
    ['mkfs', 'vfat', '/dev/sda1'],
    ['mount', '/dev/sda1', '/'],
    ...sample.loaders.flatMap((path) => [
      ['mkdir-p', path.replace(/\/[^/]+$/, '')],
      ['upload', local('some'), path],
    ]),
    ['umount-all'],
    ['mkfs', 'ntfs', '/dev/sda2'],
    ['mount-vfs', 'permissions', 'ntfs-3g', '/dev/sda2', '/'],
    ['mkdir-p', config],
    ['mkdir-p', '/Windows/system32/drivers'],
    ...Object.keys(roots).map((name) => ['upload', local(name), `${config}/${name}`]),
    // Windows lets nobody but itself and its administrators read them.
    ...Object.keys(roots).map((name) => ['chmod', '0600', `${config}/${name}`]),
    ...sample.drivers.map((name) => ['upload', local('some'), `/Windows/system32/drivers/${name}`]),
    ['umount-all'],
  ];
  for (const answer of await session.runAll(commands)) valueOf(answer);
}
