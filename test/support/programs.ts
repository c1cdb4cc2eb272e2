import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { kernelCache, kernelPackage } from '#replicator/connectors/laboratory/kernel';

/** The Debian package that brings each program our tests may ask for. A program without a row here is a mistake of the test. */
export const packageOf = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-storage-daemon': 'qemu-system-common',
  'qemu-img': 'qemu-utils',
  'qemu-io': 'qemu-utils',
  'qemu-nbd': 'qemu-utils',
  nbdkit: 'nbdkit',
  nbdcopy: 'libnbd-bin',
  nbdinfo: 'libnbd-bin',
  chromium: 'chromium',
  busybox: 'busybox-static',
  'mkfs.xfs': 'xfsprogs',
  xz: 'xz-utils',
  zstd: 'zstd',
  lz4: 'lz4',
  bzip2: 'bzip2',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.btrfs': 'btrfs-progs',
  losetup: 'mount',
  blkdiscard: 'util-linux',
  ionice: 'util-linux',
  mmdebstrap: 'mmdebstrap',
  guestfish: 'libguestfs-tools',
  hivexregedit: 'libwin-hivex-perl',
  'ntfs-3g': 'ntfs-3g',
  sfdisk: 'fdisk',
  useradd: 'passwd',
} as const satisfies Record<string, string>;

/** A kernel for the laboratory guest: no program in `PATH`, and in CI fetched rather than installed. */
export const kernelNeed = 'linux-kernel';

/** The rights to attach disks and to trace the kernel, and a kernel that can be traced. */
export const tracingNeed = 'root with tracefs';

/**
 * A system program, by the name it has in `PATH`; the laboratory's kernel; the right to trace the one that runs; or an
 * environment variable (`UPPER_CASE`) that points to a real service.
 */
export type Need = keyof typeof packageOf | typeof kernelNeed | typeof tracingNeed | Uppercase<string>;

/** The Debian package that brings a need, or undefined when none does. */
export const packageFor = (need: string): string | undefined =>
  need === kernelNeed ? kernelPackage : (packageOf as Readonly<Record<string, string>>)[need];

/** What a test needs of the machine, and whether it is there. */
export interface Needs {
  readonly available: boolean;
  readonly missing: readonly Need[];
  /** `text`, with `(needs a, b)` appended when something is missing: a skipped test says why in its name. */
  title(text: string): string;
}

/**
 * Looks for programs in `PATH` and for variables in the environment.
 *
 * A test that cannot run here is skipped by name and never passes silently:
 * `const programs = needs('qemu-img'); describe.skipIf(!programs.available)(programs.title('...'), ...)`.
 */
export function needs(...wanted: readonly Need[]): Needs {
  const missing = wanted.filter((need) => !present(need));
  return {
    available: missing.length === 0,
    missing,
    title: (text) => (missing.length === 0 ? text : `${text} (needs ${missing.join(', ')})`),
  };
}

/** Whether a need is a variable to set, and not a program to install. */
export const isVariable = (need: string): boolean => /^[A-Z][A-Z0-9_]*$/.test(need);

/** The names that `title` appended to a test's name, or none. */
export const needsIn = (title: string): readonly string[] =>
  [...title.matchAll(/\(needs ([^)]+)\)/g)].flatMap(([, names]) => (names ?? '').split(', '));

/** The path of a program, or undefined when it is not installed. */
export const locate = (program: string): string | undefined =>
  folders()
    .map((folder) => join(folder, program))
    .find(isExecutable);

function present(need: Need): boolean {
  if (isVariable(need)) return (process.env[need] ?? '') !== '';
  if (need === tracingNeed) return canTrace();
  return need === kernelNeed ? hasKernel() : locate(need) !== undefined;
}

// A container may have a root that can neither mount nor trace: the kernel says what it may, in bits.
function canTrace(): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/proc/self/status') || !existsSync('/dev/loop-control')) return false;
  const capabilities = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const mayAdministrate = (BigInt(`0x${capabilities}`) >> 21n) & 1n;
  return mayAdministrate === 1n && readFileSync('/proc/filesystems', 'utf8').includes('\ttracefs\n');
}

// Where the laboratory looks; see `findKernel`, which is asynchronous and so no use in the title of a suite.
function hasKernel(): boolean {
  const named = process.env['SEALIFT_KERNEL'];
  if (named !== undefined) return existsSync(named);
  return ['/boot', join(kernelCache(), 'boot')].some(
    (folder) => existsSync(folder) && readdirSync(folder).some((name) => name.startsWith('vmlinuz-')),
  );
}

// Debian keeps mke2fs and its like where an ordinary user's PATH does not look.
const folders = (): readonly string[] => [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // Not there, or not ours to run: the same to a test.
  }
}
