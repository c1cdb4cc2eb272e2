import type { DiskId } from '#core/ids';
import type { Result } from '#core/result';
import type { Bytes, BytesPerSecond, Millis } from '#core/units';
import type { HeartbeatError } from './heartbeat.ts';

/** What the laboratory guest is and does. */
export interface LaboratoryOptions {
  /** A folder for the disks, the monitor socket and the console log. Made if it is not there; its path must be short. */
  readonly directory: string;
  /** Guest memory. 128 if not given; Debian's kernel does not start in much less. */
  readonly memoryMiB?: number;
  /** Size of each disk, whole MiB. The first half of a disk is an ext4 file system, the second half is written raw. */
  readonly diskSize: Bytes;
  /** How many disks, named `vda`, `vdb` ... One if not given. */
  readonly diskCount?: number;
  readonly diskFormat?: 'raw' | 'qcow2';
  /** Disks that are there already are refused if not said otherwise, and are never overwritten. */
  readonly existingDisks?: 'refuse' | 'boot';
  /** The most the guest writes, over all disks together. What ext4 adds for itself comes on top. */
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

/** A running guest that writes to its disks all the time. It does not outlive this process. */
export interface Laboratory {
  /** The QMP monitor's Unix socket. Nobody else uses it. */
  readonly qmpSocket: string;
  readonly disks: readonly LaboratoryDisk[];
  /** What the guest printed on its serial console, appended as it comes. */
  readonly consolePath: string;
  /** QEMU's process id. */
  readonly pid: number;
  /** Resolves with one sentence once QEMU has ended, whatever ended it. */
  readonly ended: Promise<string>;
  /** How many rounds of writing the guest has reported so far; standing still while it is paused. */
  heartbeat(): number;
  /** The heartbeat once it is at least `count`: what it counts is flushed to the disks. Never rejects. */
  heartbeatReached(count: number, signal?: AbortSignal): Promise<Result<number, HeartbeatError>>;
  /** Ends QEMU in an orderly way; its disks stay. Idempotent. */
  stop(): Promise<void>;
  /** Ends QEMU as a power cut would. Idempotent. */
  kill(): Promise<void>;
}

/** Why there is no laboratory. */
export type LaboratoryError =
  /** A program is not installed; `remedy` is the one command that installs everything the laboratory needs. */
  | { readonly type: 'ProgramMissing'; readonly program: string; readonly remedy: string }
  /** No Linux kernel was found at any of `searched`. */
  | { readonly type: 'KernelMissing'; readonly searched: readonly string[]; readonly remedy: string }
  /** The kernel's package could not be downloaded or unpacked. */
  | { readonly type: 'KernelFetchFailed'; readonly package: string; readonly detail: string }
  | { readonly type: 'InvalidOption'; readonly option: keyof LaboratoryOptions; readonly detail: string }
  /** There is a disk already; it may hold something. */
  | { readonly type: 'DiskExists'; readonly path: string }
  | { readonly type: 'DiskNotMade'; readonly path: string; readonly detail: string }
  /** QEMU or the guest did not come up. */
  | { readonly type: 'BootFailed'; readonly detail: string };

/** One sentence for a person, with the next step. */
export function describeLaboratoryError(error: LaboratoryError): string {
  switch (error.type) {
    case 'ProgramMissing':
      return `the laboratory needs ${error.program}, which is not installed; install it with: ${error.remedy}`;
    case 'KernelMissing':
      return `the laboratory needs a Linux kernel and found none at ${error.searched.join(' or ')}; install one with: ${error.remedy} (or set SEALIFT_KERNEL to a vmlinuz file)`;
    case 'KernelFetchFailed':
      return `the package ${error.package} could not be fetched: ${error.detail}`;
    case 'InvalidOption':
      return `laboratory option ${error.option}: ${error.detail}`;
    case 'DiskExists':
      return `the laboratory disk ${error.path} exists already and is not overwritten; choose another directory or remove it`;
    case 'DiskNotMade':
      return `the laboratory disk ${error.path} could not be made: ${error.detail}`;
    case 'BootFailed':
      return `the laboratory guest did not come up: ${error.detail}`;
  }
}
