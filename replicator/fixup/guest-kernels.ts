import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FixUpError, GuestKernel } from '#core/ports/fix-up';
import { ok, type Result } from '#core/result';
import { bytes } from '#core/units';
import { linesOf } from './guest-devices.ts';
import { fetchTexts } from './guest-tree.ts';
import type { GuestfishSession } from './guestfish.ts';
import { initramfsPaths, moduleName, modulesAmong, rootProgramsAmong } from './initramfs-archive.ts';

/** Drivers that a plan or a check asks about. */
const driversThatMatter: ReadonlySet<string> = new Set([
  ...['vmw_pvscsi', 'mptsas', 'mptspi', 'mpt3sas', 'ahci', 'nvme', 'sd_mod', 'vmxnet3', 'e1000e'],
  ...['ext4', 'xfs', 'btrfs', 'dm_mod', 'dm_crypt', 'md_mod', 'raid0', 'raid1', 'raid10', 'raid456', 'virtio_blk'],
]);

// What a version may look like: it becomes a word of a command that runs in the guest.
const versionWord = /^[A-Za-z0-9][A-Za-z0-9._+~-]*$/;

/** The kernels that are installed, the highest version first, with what is in their initramfs. */
export async function guestKernels(session: GuestfishSession): Promise<Result<readonly GuestKernel[], FixUpError>> {
  const listed = await session.runAll([
    ['ls', '/lib/modules'],
    ['ls', '/boot'],
  ]);
  const [versions, boot] = listed.map((answer) => (answer.ok ? linesOf(answer.value) : []));
  const inBoot = new Set(boot ?? []);
  const kernels: GuestKernel[] = [];
  for (const version of (versions ?? []).filter((word) => versionWord.test(word)).toSorted(versionsDown)) {
    const folder = `/lib/modules/${version}`;
    const lists = await fetchTexts(session, [`${folder}/modules.dep`, `${folder}/modules.builtin`]);
    const modules = lists.get(`${folder}/modules.dep`);
    // A removed kernel may leave a folder behind; without this list nothing in it can be loaded.
    if (modules === undefined) continue;
    const image = imageNames(version).find((name) => inBoot.has(name));
    const packed = initramfsNames(version).find((name) => inBoot.has(name));
    const initramfs = packed === undefined ? ok(undefined) : await readInitramfs(session, `/boot/${packed}`);
    if (!initramfs.ok) return initramfs;
    kernels.push({
      version,
      image: image === undefined ? '' : `/boot/${image}`,
      drivers: {
        ...driversIn(modules, 'module'),
        ...driversIn(lists.get(`${folder}/modules.builtin`) ?? '', 'builtin'),
      },
      ...(initramfs.value !== undefined && { initramfs: initramfs.value }),
    });
  }
  return ok(kernels);
}

const imageNames = (version: string): readonly string[] =>
  ['vmlinuz', 'vmlinux', 'bzImage', 'Image'].map((name) => `${name}-${version}`);
const initramfsNames = (version: string): readonly string[] => [
  `initrd.img-${version}`,
  `initramfs-${version}.img`,
  `initrd-${version}`,
];

/** An initramfs that cannot be read has nothing in it that could be relied on. */
async function readInitramfs(
  session: GuestfishSession,
  path: string,
): Promise<Result<NonNullable<GuestKernel['initramfs']> | undefined, FixUpError>> {
  const local = join(session.folder, 'initramfs');
  const fetched = await session.run('download', path, local);
  if (!fetched.ok) return fetched;
  const paths = await initramfsPaths(local);
  if (!paths.ok && paths.error.type === 'ToolMissing') return paths;
  const found = paths.ok ? paths.value : [];
  const { size } = await stat(local);
  return ok({
    path,
    size: bytes(size),
    modules: modulesAmong(found).filter((name) => driversThatMatter.has(name)),
    programs: rootProgramsAmong(found),
  });
}

const driversIn = (list: string, how: 'module' | 'builtin'): GuestKernel['drivers'] =>
  Object.fromEntries(
    linesOf(list).flatMap((line) => {
      const name = /([^/:]+)\.ko(?:\.(?:gz|xz|zst))?(?::|$)/.exec(line)?.[1];
      return name !== undefined && driversThatMatter.has(moduleName(name)) ? [[moduleName(name), how] as const] : [];
    }),
  );

/** Orders versions as boot loaders do, the highest first: 6.10 before 6.9. */
export function versionsDown(one: string, other: string): number {
  const split = (version: string): readonly string[] => version.match(/\d+|\D+/g) ?? [];
  const [a, b] = [split(one), split(other)];
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [left = '', right = ''] = [a[index], b[index]];
    if (left === right) continue;
    const numbers = /^\d+$/.test(left) && /^\d+$/.test(right);
    return numbers ? Number(right) - Number(left) : left < right ? 1 : -1;
  }
  return 0;
}
