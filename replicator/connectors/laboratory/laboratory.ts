import type { DiskId } from '#core/ids';
import type { Bytes, BytesPerSecond, Millis } from '#core/units';

/** What the laboratory guest is and does. */
export interface LaboratoryOptions {
  /** A folder for the disks, sockets and the console log. Made if it is not there; existing disks are never overwritten. */
  readonly directory: string;
  /** Guest memory. */
  readonly memoryMiB?: number;
  /** Size of each disk. The first half of a disk is an ext4 file system, the second half is written raw. */
  readonly diskSize: Bytes;
  /** Disks are named `vda`, `vdb` ... */
  readonly diskCount?: number;
  readonly diskFormat?: 'raw' | 'qcow2';
  /** What the guest writes all the time, over all disks together. */
  readonly writer: { readonly bytesPerSecond: BytesPerSecond };
  /** Decides where and what the guest writes. */
  readonly seed: number;
  /** Aborting it kills the guest. */
  readonly signal?: AbortSignal;
  /** How long the guest may take until its first heartbeat. */
  readonly bootTimeout?: Millis;
}

/** One disk of the laboratory guest, as a file of the host. */
export interface LaboratoryDisk {
  readonly id: DiskId;
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
}

/** A running guest that writes to its disks all the time. */
export interface Laboratory {
  /** The QMP monitor's Unix socket. Nobody else uses it. */
  readonly qmpSocket: string;
  readonly disks: readonly LaboratoryDisk[];
  /** What the guest printed on its serial console, appended as it comes. */
  readonly consolePath: string;
  /** QEMU's process id. */
  readonly pid: number;
  /** How many rounds of writing the guest has reported so far: 0 before it began, standing still while it is paused. */
  heartbeat(): number;
  /** Resolves with the heartbeat once it is at least `count`; rejects with the signal's reason, or when the guest ends. */
  heartbeatReached(count: number, signal?: AbortSignal): Promise<number>;
  /** Ends QEMU in an orderly way; its disks stay. Idempotent. */
  stop(): Promise<void>;
  /** Ends QEMU as a power cut would. Idempotent. */
  kill(): Promise<void>;
}

/** Why there is no laboratory. */
export type LaboratoryError =
  /** A program is not installed; `remedy` is the one command that installs it. */
  | { readonly type: 'ProgramMissing'; readonly program: string; readonly remedy: string }
  /** No Linux kernel was found in any of `searched`. */
  | { readonly type: 'KernelMissing'; readonly searched: readonly string[]; readonly remedy: string }
  | { readonly type: 'InvalidOption'; readonly option: string; readonly detail: string }
  /** There is a disk already; it may hold something. */
  | { readonly type: 'DiskExists'; readonly path: string }
  /** QEMU or the guest did not come up. `detail` has the last lines it said. */
  | { readonly type: 'BootFailed'; readonly detail: string };
