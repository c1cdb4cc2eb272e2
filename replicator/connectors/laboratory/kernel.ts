import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { err, ok, type Result } from '#core/result';
import type { LaboratoryError } from './laboratory.ts';

/** A Linux kernel and the folder with its modules. */
export interface Kernel {
  readonly image: string;
  readonly modules: string;
}

/** Debian's kernel for virtual machines: smaller than the general one, with ext4 built in. */
export const kernelPackage = 'linux-image-cloud-amd64';

/** Where kernels are looked for, in this order. Each root holds `boot/vmlinuz-<version>` and `lib/modules/<version>`. */
const roots = (): readonly string[] => ['/', kernelCache()];

/** Where `fetchKernel` unpacks: the user's cache, so that nothing is installed and no root is needed. */
export const kernelCache = (): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sealift', 'kernel');

/**
 * Finds a kernel to boot: the image named by `SEALIFT_KERNEL`, else one of `/boot`, else the one `fetchKernel` unpacked.
 * Debian's cloud flavour is preferred, then the highest version. Modules are taken from `../lib/modules/<version>`.
 */
export async function findKernel(): Promise<Result<Kernel, LaboratoryError>> {
  const named = process.env['SEALIFT_KERNEL'];
  const images = named === undefined ? (await Promise.all(roots().map(imagesIn))).flat() : [named];
  for (const image of images) {
    const version = basename(image).replace(/^vmlinuz-/, '');
    const modules = join(dirname(dirname(image)), 'lib', 'modules', version);
    if ((await isReadable(image)) && (await isReadable(modules))) return ok({ image, modules });
  }
  return err({
    type: 'KernelMissing',
    searched: named === undefined ? roots().map((root) => join(root, 'boot', 'vmlinuz-*')) : [named],
    remedy: `sudo apt-get install --yes --no-install-recommends ${kernelPackage}`,
  });
}

/**
 * Downloads Debian's kernel package and unpacks it into the user's cache, without installing it: no hook runs and no
 * root is needed. Returns at once if a kernel is there. The error is apt's own sentence.
 */
export async function fetchKernel(): Promise<Result<Kernel, LaboratoryError>> {
  const found = await findKernel();
  if (found.ok) return found;
  const cache = kernelCache();
  await mkdir(dirname(cache), { recursive: true });
  // Unpacked aside and moved into place whole: half a kernel is never found.
  const folder = await mkdtemp(`${cache}-`);
  try {
    // apt's own unprivileged user must be able to write here, if it is to download as that.
    const unpacked = join(folder, 'root');
    await run('apt-get', ['download', await currentImage()], folder);
    const packages = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
    for (const name of packages) await run('dpkg-deb', ['-x', name, unpacked], folder);
    await rename(unpacked, cache);
    return await findKernel();
  } catch (cause) {
    const again = await findKernel(); // Someone else may have fetched it meanwhile: then `rename` failed.
    const detail = cause instanceof Error ? cause.message : String(cause);
    return again.ok ? again : err({ type: 'KernelFetchFailed', package: kernelPackage, detail });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * What libguestfs is told so that its appliance boots the kernel that is found here; nothing where none is. A kernel that
 * was fetched and never installed gets the table of its modules made (`depmod`), and the folder that modules are installed to:
 * supermin makes that of its appliance like the one here, and fails on a machine that never had a kernel.
 */
export async function applianceKernel(): Promise<Readonly<Record<string, string>>> {
  const kernel = await findKernel();
  if (!kernel.ok) return {};
  const { image, modules } = kernel.value;
  if (!(await isReadable(join(modules, 'modules.dep')))) {
    const [root, version] = [dirname(dirname(dirname(modules))), basename(modules)];
    // Without it libguestfs says itself what it lacks.
    await run('/usr/sbin/depmod', ['--basedir', root, version], '/').catch(() => undefined);
  }
  // Whoever may not make it hears of it from libguestfs as well.
  await mkdir('/lib/modules', { recursive: true }).catch(() => undefined);
  return { SUPERMIN_KERNEL: image, SUPERMIN_MODULES: modules };
}

// The package above is empty and depends on the one with the current version in its name.
async function currentImage(): Promise<string> {
  const listing = await run('apt-cache', ['depends', kernelPackage], '/');
  const name = /Depends: (linux-image-\S+)/.exec(listing)?.[1];
  if (name === undefined) throw new Error(`apt knows no ${kernelPackage}; run apt-get update`);
  return name;
}

async function imagesIn(root: string): Promise<readonly string[]> {
  const names = await readdir(join(root, 'boot')).catch(() => []);
  const newestFirst = new Intl.Collator('en', { numeric: true });
  return names
    .filter((name) => name.startsWith('vmlinuz-'))
    .toSorted((a, b) => Number(isCloud(b)) - Number(isCloud(a)) || newestFirst.compare(b, a))
    .map((name) => join(root, 'boot', name));
}

const isCloud = (name: string): boolean => name.includes('-cloud-');

const isReadable = (path: string): Promise<boolean> =>
  access(path, constants.R_OK).then(
    () => true,
    () => false,
  );

async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd, env: { ...process.env, LC_ALL: 'C' } });
  return stdout;
}
