import type { Result } from '#core/result';
import { err, ok } from '#core/result';
import { locateProgram } from '#replicator/connectors/laboratory/programs';

/** The built disks of the laboratory guest, raw and never to be written: a VM gets an overlay over each. */
export interface GuestImage {
  /** The boot disk: MBR, BIOS GRUB, ext4. */
  readonly root: string;
  /** The data disk: LVM with xfs. */
  readonly data: string;
}

/** Why there is no guest image. */
export type GuestImageError =
  /** A program is not installed; `remedy` is the one command that installs all that building needs. */
  | { readonly type: 'ProgramMissing'; readonly program: string; readonly remedy: string }
  /** Building needs root: files of the guest belong to the guest's users. */
  | { readonly type: 'NotRoot'; readonly cache: string }
  /** A step of building failed; `detail` is the last of what its program said. */
  | { readonly type: 'BuildFailed'; readonly step: string; readonly detail: string };

/** The programs that building and running the guest takes, and the Debian package that brings each. */
export const guestPackages = {
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
  sfdisk: 'fdisk',
  guestfish: 'libguestfs-tools',
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
} as const satisfies Record<string, string>;

/** The paths of the programs building takes. */
export type GuestTools = Readonly<Record<keyof typeof guestPackages, string>>;

/** Installs every program the laboratory guest needs. */
export const installGuestPackages = `sudo apt-get install --yes --no-install-recommends ${Object.values(guestPackages).join(' ')}`;

/** Finds all programs, or names the first that is missing. */
export function guestTools(): Result<GuestTools, GuestImageError> {
  const found: Record<string, string> = {};
  for (const program of Object.keys(guestPackages)) {
    const path = locateProgram(program);
    if (path === undefined) return err({ type: 'ProgramMissing', program, remedy: installGuestPackages });
    found[program] = path;
  }
  return ok(found as GuestTools);
}

/** One sentence for a person, with the next step. */
export function describeGuestImageError(error: GuestImageError): string {
  switch (error.type) {
    case 'ProgramMissing':
      return `the laboratory guest needs ${error.program}, which is not installed; install it with: ${error.remedy}`;
    case 'NotRoot':
      return `the laboratory guest is not in ${error.cache} yet, and building it needs root; run this once as root with the same cache`;
    case 'BuildFailed':
      return `the laboratory guest could not be built, ${error.step} failed: ${error.detail}`;
  }
}
