import type { DiskId } from '#core/ids';
import type { SourceHypervisor } from '#core/ports/source-hypervisor';

/** A write as a guest does it. */
export interface GuestWrite {
  readonly at: number;
  readonly length: number;
  /** The value of every byte of it. */
  readonly fill: number;
}

/** A source VM, and around it everyone but Sealift: its guest, its operator, its rivals and its fate. */
export interface SourceWorld {
  readonly owner: string;
  readonly disks: readonly { readonly id: DiskId; readonly size: number }[];
  /** A connector as a new process would make it. The test closes it. */
  connect(): SourceHypervisor;
  /** Returns when the guest sees its write done. */
  write(disk: DiskId, write: GuestWrite): Promise<void>;
  /** Returns while the write may still be on its way. */
  beginWrite(disk: DiskId, write: GuestWrite): Promise<void>;
  /** Returns when all begun writes are done. */
  finishWrites(disk: DiskId): Promise<void>;
  /** What is on the disk, learned by another way than the hypervisor's. */
  content(disk: DiskId): Promise<Uint8Array>;
  /** Makes marks that belong to somebody else, one of them with a name close to ours. */
  plantForeign(): Promise<void>;
  /** The names of all marks and exports there are, whoever made them. */
  traces(): Promise<readonly string[]>;
  /** The hypervisor dies, and starts again with the same disks. */
  restart(): Promise<void>;
  /** The hypervisor dies. */
  kill(): Promise<void>;
  resize(disk: DiskId, size: number): Promise<void>;
  addDisk(): Promise<DiskId>;
  removeDisk(disk: DiskId): Promise<void>;
  dispose(): Promise<void>;
}
