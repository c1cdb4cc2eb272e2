import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, mkdir, mkdtemp, open, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { err, ok, type Result } from '#core/result';
import { KiB, MiB } from '#core/units';
import { applianceKernel } from '#replicator/connectors/laboratory/kernel';
import { guestTools, type GuestImage, type GuestImageError, type GuestTools } from './guest-image.ts';
import { guestRecipe, type GuestRecipe } from './recipe.ts';

/** Where built guests are kept, and who is told of each step. */
export interface GuestImageOptions {
  /** The user's cache, `~/.cache/sealift/guest`, if not given. */
  readonly cache?: string;
  readonly onStep?: (step: string) => void;
}

/** The key of a recipe: another recipe, other disks. */
export const recipeKey = (recipe: GuestRecipe): string =>
  createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 16);

/** The folder of the user's cache in which guests are kept. */
export const guestCache = (): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sealift', 'guest');

/**
 * The disks of the laboratory guest: from the cache, or built, which takes root, a Debian mirror and about one minute of
 * processor time. Built aside and moved into place whole: half a guest is never found, and of two that build at once the
 * first wins.
 */
export async function guestImage(options: GuestImageOptions = {}): Promise<Result<GuestImage, GuestImageError>> {
  const { cache = guestCache(), onStep = () => {} } = options;
  const folder = join(cache, recipeKey(guestRecipe));
  const image = { root: join(folder, 'root.raw'), data: join(folder, 'data.raw') };
  if (await exists(folder)) return ok(image);
  const tools = guestTools();
  if (!tools.ok) return tools;
  if (process.getuid?.() !== 0) return err({ type: 'NotRoot', cache });
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'building-'));
  try {
    const built = await build(guestRecipe, { work, tools: tools.value, onStep });
    if (!built.ok) return built;
    await rename(join(work, 'disks'), folder).catch(async (cause: unknown) => {
      if (!(await exists(folder))) throw cause; // Else somebody was faster, with the same recipe.
    });
    return ok(image);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface Site {
  readonly work: string;
  readonly tools: GuestTools;
  readonly onStep: (step: string) => void;
}

async function build(recipe: GuestRecipe, site: Site): Promise<Result<void, GuestImageError>> {
  const { work, tools, onStep } = site;
  const tree = join(work, 'tree');
  const disks = join(work, 'disks');
  const root = join(disks, 'root.raw');
  const data = join(disks, 'data.raw');
  const steps: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['installing Debian', () => run(tools.mmdebstrap, bootstrapArguments(recipe, tree))],
    ['adding files', () => addFiles(recipe, tree)],
    ['building the initramfs', () => run('/usr/sbin/chroot', [tree, 'update-initramfs', '-u', '-k', 'all'])],
    ['making the disks', () => makeDisks(recipe, { root, data })],
    ['writing the partition table', () => run(tools.sfdisk, ['--quiet', root], { input: partitionTable })],
    ['writing the root file system', () => run(tools.mke2fs, rootFileSystem(recipe, { tree, disk: root }))],
    ['making LVM and installing GRUB', () => appliance(tools.guestfish, { root, data })],
  ];
  for (const [step, doIt] of steps) {
    onStep(step);
    try {
      await doIt();
    } catch (cause) {
      return err({ type: 'BuildFailed', step, detail: lastOf(cause) });
    }
  }
  return ok(undefined);
}

const bootstrapArguments = (recipe: GuestRecipe, tree: string): readonly string[] => [
  ...['--quiet', '--mode=root', '--variant=minbase', '--format=directory', `--include=${recipe.packages.join(',')}`],
  ...recipe.excluded.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
  ...['--aptopt=APT::Sandbox::User "root"', '--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::Retries "3"'],
  // As Debian's installer leaves it when "only drivers for this system" is chosen. Before the kernel comes, so that no
  // large initramfs is built first.
  '--essential-hook=mkdir -p "$1/etc/initramfs-tools/conf.d"; echo MODULES=list >"$1/etc/initramfs-tools/conf.d/driver-policy"',
  ...[recipe.suite, tree, recipe.mirror],
];

async function addFiles(recipe: GuestRecipe, tree: string): Promise<void> {
  for (const { path, content, mode } of recipe.files) {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), content);
    await chmod(join(tree, path), mode ?? 0o644);
  }
  const units = join(tree, 'etc/systemd/system');
  for (const unit of recipe.masked) await link('/dev/null', join(units, unit));
  await mkdir(join(units, 'multi-user.target.wants'), { recursive: true });
  for (const unit of recipe.enabled) {
    const own = recipe.files.some(({ path }) => path.endsWith(`/${unit}`));
    await link(`${own ? '/etc' : '/lib'}/systemd/system/${unit}`, join(units, 'multi-user.target.wants', unit));
  }
}

async function link(target: string, path: string): Promise<void> {
  await rm(path, { force: true });
  await symlink(target, path);
}

async function makeDisks(recipe: GuestRecipe, disks: GuestImage): Promise<void> {
  await mkdir(dirname(disks.root), { recursive: true });
  for (const [path, size] of [
    [disks.root, recipe.rootSize],
    [disks.data, recipe.dataSize],
  ] as const) {
    const file = await open(path, 'wx');
    await file.truncate(size);
    await file.close();
  }
}

// The first partition begins after 1 MiB, as everybody's does: GRUB's second stage lies in between.
const partitionTable = 'label: dos\nlabel-id: 0x5ea11f70\nstart=2048, type=83, bootable\n';

const rootFileSystem = (recipe: GuestRecipe, { tree, disk }: { tree: string; disk: string }): readonly string[] => [
  ...['-q', '-F', '-t', 'ext4', '-m', '1', '-L', 'root', '-U', recipe.rootUuid, '-d', tree],
  ...['-E', `offset=${MiB},lazy_itable_init=0,lazy_journal_init=0`],
  ...[disk, `${recipe.rootSize / KiB - 1024}k`],
];

// The guest's own programs do it, in libguestfs's appliance: so it needs neither loop devices nor the host's LVM, and
// what comes out is what Debian would have made.
const applianceScript = `run
pvcreate /dev/sdb
vgcreate data /dev/sdb
lvcreate-free srv data 100
mount /dev/sda1 /
command "mkfs.xfs -q -L srv /dev/data/srv"
command "grub-install --target=i386-pc /dev/sda"
command "update-grub"
umount-all
`;

async function appliance(guestfish: string, { root, data }: GuestImage): Promise<void> {
  const drives = ['--format=raw', '--add', root, '--add', data];
  await run(guestfish, drives, { input: applianceScript, env: await applianceEnvironment() });
}

/** What libguestfs must be told here: software emulation, and where a kernel is when none is installed. */
async function applianceEnvironment(): Promise<NodeJS.ProcessEnv> {
  const emulated = { LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' };
  const installed = await readdir('/boot').catch(() => []);
  if (installed.some((name) => name.startsWith('vmlinuz-'))) return emulated;
  return { ...emulated, ...(await applianceKernel()) };
}

async function run(
  program: string,
  args: readonly string[],
  { input = '', env = {} }: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<void> {
  const running = promisify(execFile)(program, args, {
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', ...env },
    maxBuffer: 64 * MiB,
  });
  // A program that ends before it has read everything says why by its status.
  running.child.stdin?.on('error', () => undefined);
  running.child.stdin?.end(input);
  await running;
}

/** The last of what a program said: there stands why. */
function lastOf(cause: unknown): string {
  const said = cause instanceof Error && 'stderr' in cause && typeof cause.stderr === 'string' ? cause.stderr : '';
  const lines = (said.trim() || String(cause)).split('\n');
  return lines.slice(-5).join(' | ');
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
