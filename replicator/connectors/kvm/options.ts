import type { Millis } from '#core/units';
import type { QmpAddress } from '#replicator/qmp/address';

/** How to reach one QEMU and how its disks become readable. */
export interface KvmOptions {
  /** The QMP monitor. QEMU serves one client at a time on it, so give Sealift a monitor of its own. */
  readonly qmp: QmpAddress;
  /**
   * Whose migration this is: the migration id. Exports made by `openDisk` carry it, as marks do, so that `release`
   * finds them after a crash.
   */
  readonly owner: string;
  /** Where QEMU's NBD server listens. A Unix socket next to the system's temporary files if not given. */
  readonly exports?: ExportAddress;
  /**
   * Which block nodes are the VM's disks, for a QEMU without guest devices (a storage daemon). If not given: every
   * block device of the VM with a fixed medium.
   */
  readonly disks?: readonly { readonly id: string; readonly node: string }[];
  /** How long one command may take before its outcome counts as unknown. */
  readonly commandTimeout?: Millis;
}

/** Where QEMU's NBD server listens: a Unix socket on QEMU's host, or TCP (plain: loopback or a trusted network only). */
export type ExportAddress =
  | { readonly type: 'unix'; readonly path: string }
  | { readonly type: 'inet'; readonly host: string; readonly port: number };
