import type { Millis } from '#core/units';
import type { QmpAddress } from '#replicator/qmp/address';

/** How to reach one QEMU and how its disks become readable. */
export interface KvmOptions {
  /** The monitor. QEMU serves one client per monitor: give Sealift one of its own. */
  readonly qmp: QmpAddress;
  /**
   * Whose migration this is: the migration id. Exports made by `openDisk` carry it, as marks do, so that `release`
   * finds them after a crash.
   */
  readonly owner: string;
  /** Where QEMU's NBD server listens. If not given: beside the monitor, see `exportAddress`. */
  readonly exports?: ExportAddress;
  /**
   * Which block nodes are the VM's disks, for a QEMU without guest devices. If not given: every block device of the VM
   * with a fixed medium.
   */
  readonly disks?: readonly NamedNode[];
  /** How long one command may take before its outcome counts as unknown. */
  readonly commandTimeout?: Millis;
}

/** A block node by the name a person gave the disk on it. */
export interface NamedNode {
  readonly id: string;
  readonly node: string;
}

/** Where QEMU's NBD server listens: a Unix socket on QEMU's host, or TCP, which is neither encrypted nor authenticated. */
export type ExportAddress =
  | { readonly type: 'unix'; readonly path: string }
  | { readonly type: 'inet'; readonly host: string; readonly port: number };

/** NBD's own port. */
const nbdPort = 10809;

/**
 * The address the NBD server is to listen on. By default it is reached the way the monitor is: a Unix socket with the
 * same path and `.nbd` after it, or the same host at NBD's own port. Derived from the monitor and nothing else, so that
 * it is the same after a crash of this process.
 */
export function exportAddress({ qmp, exports }: Pick<KvmOptions, 'qmp' | 'exports'>): ExportAddress {
  if (exports !== undefined) return exports;
  return 'path' in qmp ? { type: 'unix', path: `${qmp.path}.nbd` } : { type: 'inet', host: qmp.host, port: nbdPort };
}
