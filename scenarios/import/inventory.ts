import type { SourcePlatform } from '#core/migration/plan';

/** One file of an inventory, its text decoded. */
export interface InventoryFile {
  readonly name: string;
  readonly text: string;
}

/** Something about an inventory that its owner should know. */
export interface ImportProblem {
  /** `error`: cannot be read. `skipped`: was read and is left out. `warning`: was read and changed, or assumed. */
  readonly severity: 'error' | 'skipped' | 'warning';
  readonly file: string;
  /** From 1, where the format has lines. */
  readonly line?: number | undefined;
  /** The VM by its name in the file. */
  readonly vm?: string | undefined;
  /** Its name in the estate, where that is another. */
  readonly now?: string;
  /** What is to be said of the VM, or else of the file, after its name. It is the same for all VMs in the same case, so that a thousand of them are one line. */
  readonly message: string;
}

/** A VM as an inventory tells of it. What it does not say is not there. */
export interface InventoryVm {
  readonly file: string;
  readonly line?: number | undefined;
  readonly name: string;
  /** Nothing where a sheet does not say it. */
  readonly platform: SourcePlatform | undefined;
  readonly host?: string | undefined;
  /** The operating system in the words of the inventory. */
  readonly guest?: string | undefined;
  readonly power: 'on' | 'off' | 'unknown';
  readonly isTemplate: boolean;
  readonly disks: readonly InventoryDisk[];
  readonly application?: string | undefined;
  readonly tags: readonly string[];
}

/** A disk as an inventory tells of it. Bytes. */
export interface InventoryDisk {
  readonly name?: string | undefined;
  readonly size?: number | undefined;
  readonly used?: number | undefined;
  /** Why the platform cannot track writes to it, where that is known. */
  readonly untracked?: string | undefined;
  readonly isShared?: boolean;
}

/** What was found in the files of one format. */
export interface Inventory {
  readonly vms: readonly InventoryVm[];
  readonly problems: readonly ImportProblem[];
}
