import type { Check } from '#core/migration/facts';
import type { Result } from '#core/result';
import type { Bytes, Millis } from '#core/units';
import type { WindowsGuest } from './windows-guest.ts';

/**
 * Fix-up: what is changed on a replica so that its guest boots and talks on vSphere's virtual hardware. It is data
 * before it is done: a plan is a list of edits that a person can read, and nothing is changed that is not in it.
 */

/** One disk image of a replica. Disks are given in boot order, the boot disk first. */
export interface FixUpDisk {
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
}

/** The virtual hardware the guest is to boot on. */
export interface FixUpTarget {
  readonly controller: 'pvscsi' | 'lsisas';
  readonly nicModel: 'vmxnet3' | 'e1000e';
  /** Each NIC by the address it has on the target, with the name it had in the guest; `formerMac` if it had another address. */
  readonly nics: readonly { readonly mac: string; readonly name: string; readonly formerMac?: string }[];
  /** Content of `/var/lib/sealift/stage.json`, which tells the sentinel on the replica what it is there for. */
  readonly stage?: string;
}

/** The edits that fit one guest to one target, in the order they are made. */
export interface FixUpPlan {
  readonly version: 1;
  readonly guest: { readonly family: string; readonly name: string; readonly kernels: readonly string[] };
  /** Hardware the plan was made for: what `verify` holds the image against. */
  readonly target?: Pick<FixUpTarget, 'controller' | 'nicModel'> & Partial<Pick<FixUpTarget, 'nics'>>;
  readonly edits: readonly Edit[];
  /** What a person should know beside the edits. */
  readonly findings: readonly Check[];
}

/**
 * One edit: what, why, before, after. `before` and `after` are texts of a whole file (undefined: it is not there).
 * A command has `run`, its words, carried out inside the guest's own tree; `path` is then what it makes.
 */
export interface Edit {
  /** Stable name: `fstab:/etc/fstab`, `initramfs:6.1.0-25-amd64`. */
  readonly id: string;
  readonly what: string;
  readonly why: string;
  /** In the guest. */
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
  /** Permission bits of a file that is made new. */
  readonly mode?: number;
  readonly run?: readonly string[];
  /** Where in the guest the original is kept. */
  readonly keeps?: string;
  /**
   * An edit of a Windows registry: the key that `path`, a hive, is in the registry (`HKEY_LOCAL_MACHINE\SYSTEM`). `before`
   * and `after` are then registry text, as `.reg` files have it, of the values that change.
   */
  readonly hive?: string;
}

/** Something that holds a file system, swap or encrypted data: a partition, a logical volume, an md array. */
export interface GuestDevice {
  /** Its name while the image is open: `/dev/sda1`, `/dev/vg/root`, `/dev/md127`. Disks are sda, sdb ... in the given order. */
  readonly name: string;
  readonly kind: 'disk' | 'partition' | 'lvm' | 'md';
  /** As blkid says: ext4, xfs, swap, LVM2_member, crypto_LUKS ...; empty if nothing was recognized. */
  readonly type: string;
  readonly uuid: string;
  readonly label: string;
  readonly partUuid: string;
  /** Type of its partition: a GUID in lower case, or a number such as 0x83. Empty elsewhere. */
  readonly partType: string;
  /** Devices it is made of. */
  readonly parts: readonly string[];
}

/** One installed kernel. */
export interface GuestKernel {
  readonly version: string;
  /** The image that a boot loader loads, or empty if there is none: then nothing can boot it. */
  readonly image: string;
  /** Drivers that matter here and that it has, as a module or built in. */
  readonly drivers: Readonly<Record<string, 'module' | 'builtin'>>;
  /** Its initramfs, if it has one. `modules` are names without folder and suffix; `programs` are those that find a root. */
  readonly initramfs?: {
    readonly path: string;
    readonly size: Bytes;
    readonly modules: readonly string[];
    readonly programs: readonly string[];
  };
}

/** All that was found out about a guest from its disks alone. */
export interface GuestImage {
  readonly os: { readonly family: GuestFamily; readonly id: string; readonly version: string; readonly name: string };
  readonly firmware: 'bios' | 'uefi';
  readonly bootLoader: 'grub2' | 'grub-legacy' | 'systemd-boot' | 'bootmgr' | 'unknown';
  readonly initramfsSystem: 'initramfs-tools' | 'dracut' | 'mkinitcpio' | 'unknown';
  /** Highest version first: what a boot loader starts if nobody says otherwise. */
  readonly kernels: readonly GuestKernel[];
  readonly devices: readonly GuestDevice[];
  /** Where the guest's tree is, shortest mountpoint first. */
  readonly mounts: readonly {
    readonly device: string;
    readonly mountpoint: string;
    readonly type: string;
    readonly free: Bytes;
  }[];
  readonly networkSystems: readonly string[];
  readonly oldAgents: readonly string[];
  /** Encrypted devices nobody gave a key for. */
  readonly locked: readonly string[];
  /** Swap, or a volume of Windows, with the memory of a hibernated guest in it. */
  readonly hibernated: readonly string[];
  /** Texts of the files a plan looks at, by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Programs, units and folders that a plan asks about and that are there. */
  readonly present: readonly string[];
  /** What only Windows has. */
  readonly windows?: WindowsGuest;
}

/** Families of guests that are told apart. `unknown` is refused by name. */
export type GuestFamily = 'debian' | 'redhat' | 'suse' | 'windows' | 'unknown';

/** Fixes up the images it is given, and nothing else. Every call may be repeated. */
export interface FixUp {
  inspect(disks: readonly FixUpDisk[]): Promise<Result<GuestImage, FixUpError>>;
  /** Changes nothing. A plan for images that were fixed up already has no edits. */
  plan(disks: readonly FixUpDisk[], target: FixUpTarget): Promise<Result<FixUpPlan, FixUpError>>;
  /** All edits or none: one that fails, or that was interrupted, is undone. */
  apply(disks: readonly FixUpDisk[], plan: FixUpPlan): Promise<Result<void, FixUpError>>;
  /** Changes nothing. Looks at the images again, and not at what `apply` said. */
  verify(disks: readonly FixUpDisk[], plan: FixUpPlan): Promise<Result<readonly Check[], FixUpError>>;
  /** All of it at one go, on disks that are taken away if it does not end well: overlays, or copies. */
  open(disks: readonly FixUpDisk[], options?: FixUpSessionOptions): FixUpSession;
}

/** How one fix-up is carried out. */
export interface FixUpSessionOptions {
  /** What to do about files that commands make and that may be made before they are needed. */
  readonly prepared?: PreparedUse;
  /** Aborting it ends the session. */
  readonly signal?: AbortSignal;
}

/**
 * Files that commands make (an initramfs takes a minute where the guest is emulated) can be made on a copy, kept in a
 * folder, and put in place later: only where nothing that goes into them has changed since.
 */
export type PreparedUse =
  | { readonly type: 'use'; readonly folder: string }
  /**
   * `roundTook`: how long the round took that last wrote to the copied replica. What the guest changed while it ran may
   * be in the copy by half. `of`: the state of the guest it is made of, in whatever words; it is kept with it.
   */
  | { readonly type: 'make'; readonly folder: string; readonly roundTook: Millis; readonly of: string };

/**
 * One fix-up from the first look to the last, in one session of its tool. Disks have no restore point meanwhile. If any
 * of it fails, or nobody comes to its end, they are of no use and are taken away; nobody takes them for whole before
 * `close` returned well.
 */
export interface FixUpSession {
  plan(target: FixUpTarget): Promise<Result<FixUpPlan, FixUpError>>;
  /** Makes the edits of the plan that was made here. */
  apply(plan: FixUpPlan): Promise<Result<EditsMade, FixUpError>>;
  /** Looks at the disks again, with nothing left in memory of what was written to them. */
  verify(plan: FixUpPlan): Promise<Result<readonly Check[], FixUpError>>;
  /** Keeps what commands made here where `prepared` says. Nothing is kept that could be stale; the answer says why. */
  keepMade(): Promise<Result<MadeKept, FixUpError>>;
  /** Ends it. Only after it returned well is everything written. Idempotent. */
  close(): Promise<Result<void, FixUpError>>;
}

/** How the edits of a plan were made. */
export interface EditsMade {
  /** Edits whose command made a file, by id. */
  readonly made: readonly string[];
  /** Whether they were put in place as they had been prepared. */
  readonly prepared: boolean;
  /** Why what was prepared could not be used; empty if it was, or if nothing was prepared. */
  readonly whyNot: string;
}

/** What was kept of what commands made. */
export interface MadeKept {
  /** Files that were kept, by their path in the guest. */
  readonly files: readonly string[];
  /** Why none were kept; empty if they were. */
  readonly whyNot: string;
}

/** Why a fix-up was not done. */
export type FixUpError =
  /** This guest is not one that can be fixed up, or not as it is. */
  | { readonly type: 'Unsupported'; readonly what: string; readonly detail: string }
  | { readonly type: 'ToolMissing'; readonly program: string; readonly remedy: string }
  /** A program failed. What it had done is undone. */
  | { readonly type: 'ToolFailed'; readonly step: string; readonly detail: string }
  /** The images cannot be opened, or are not what the plan was made for. */
  | { readonly type: 'ImageUnusable'; readonly detail: string };

/** One sentence for a person. */
export function describeFixUpError(error: FixUpError): string {
  switch (error.type) {
    case 'Unsupported':
      return `${error.what} cannot be fixed up: ${error.detail}`;
    case 'ToolMissing':
      return `${error.program} is not installed; install it with: ${error.remedy}`;
    case 'ToolFailed':
      return `fix-up failed at "${error.step}": ${error.detail}`;
    case 'ImageUnusable':
      return `the images cannot be used: ${error.detail}`;
  }
}
