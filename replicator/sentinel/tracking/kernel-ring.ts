import type { Result } from '#core/result';
import type { BlockEventFormat, PageFormat } from './trace-format.ts';

/** What the kernel counted for one CPU. */
export interface CpuStats {
  /** Records that are in the buffer. */
  readonly entries: number;
  /** Records that were read out of it. */
  readonly read: number;
  /** Records that were dropped or overwritten. */
  readonly lost: number;
}

/** The buffer of one CPU. */
export interface CpuBuffer {
  /** @throws Error that says why: what is not counted is not proven. */
  stats(): CpuStats;
  /** Takes the oldest page out of the buffer, into `page`. Answers its bytes, 0 if nothing can be read just now. */
  readPage(page: Uint8Array): number;
}

/** A record of the kernel of its own: whatever disks are told to it, their completed requests are in its buffers. */
export interface KernelRing {
  readonly page: PageFormat;
  /** Layouts of the records, by the event's number. */
  readonly events: ReadonlyMap<number, BlockEventFormat>;
  /** Of every CPU that this machine can have. */
  readonly cpus: readonly CpuBuffer[];
  /** How many pages fit in the buffer of one CPU. */
  readonly pagesMax: number;
  /** Whether it still records: others in the guest can turn it off. */
  isOn(): boolean;
  /** Whose requests are recorded, by the kernel's numbers of whole disks. At no moment is less recorded than both of old and new. */
  setDisks(devs: readonly number[]): Result<void, string>;
  /** Removes it from the kernel. */
  close(): void;
}

/** The kernel's tracing of block devices, found and known to work. */
export interface KernelTracing {
  /**
   * Begins to record requests of disks, in place of a record that a process which is gone has left. The error is a
   * sentence.
   */
  open(devs: readonly number[]): Result<KernelRing, string>;
  /** Takes away what was set up for it, if anything was. */
  release(): Promise<void>;
}
