import type { DiskId, SentinelId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import type { Bytes } from '#core/units';

/**
 * A point that changes can be asked since. Everything written after a mark was begun is in it; nothing is ever taken
 * out of it. Marks of one migration are numbered and named by their owner, so that beginning the same one twice is
 * beginning it once, and so that foreign ones are never touched.
 */
export interface ChangeMark {
  /** The owner, a migration id: `dropMarks` takes only what carries it. */
  readonly owner: string;
  readonly number: number;
}

/** Where the content of one disk can be read from, as data: it may be handed to another process. Carries no secret. */
export type DiskLocator =
  | {
      readonly type: 'nbd';
      /** `nbd://host:port/export`, `nbds://...` or `nbd+unix:///export?socket=/path`. */
      readonly uri: string;
      /** The NBD metadata context with the changed extents, if only changes were asked for. */
      readonly changesContext?: string;
    }
  | { readonly type: 'file'; readonly path: string }
  /** A disk of a guest whose sentinel is connected to the gateway that opens it. */
  | {
      readonly type: 'sentinel';
      readonly sentinel: SentinelId;
      readonly disk: DiskId;
      /** The frozen mark whose changes can be asked for, if only changes were. */
      readonly changesOf?: ChangeMark;
    };

/** One disk as its hypervisor describes it. */
export interface SourceDisk {
  readonly id: DiskId;
  readonly size: Bytes;
  /** Whether writes to it can be tracked, and why not. Untracked disks are compared by digest instead. */
  readonly tracking: { readonly possible: true } | { readonly possible: false; readonly why: string };
}

/** What a source VM is doing, as its hypervisor sees it. */
export type PowerState = 'running' | 'paused' | 'off' | 'crashed';

/** A source VM as its hypervisor describes it. */
export interface SourceInventory {
  readonly name: string;
  readonly power: PowerState;
  /** Undefined where only the guest could name them, and it is off. */
  readonly disks: readonly SourceDisk[] | undefined;
  /** Product and version, for the log: `QEMU 7.2.22`. */
  readonly hypervisor: string;
}

/** Why the hypervisor did not do what was asked. */
export type HypervisorError =
  /** It cannot be reached, or the answer was lost: whether the request was carried out is not known. */
  | { readonly type: 'Unreachable'; readonly operation: string; readonly detail: string }
  /** It answered no, in its own words. Nothing was changed. */
  | { readonly type: 'Refused'; readonly operation: string; readonly detail: string }
  | { readonly type: 'DiskNotFound'; readonly disk: DiskId }
  /** The mark is gone or reset: what changed since is not known, and must never be guessed. */
  | { readonly type: 'TrackingLost'; readonly disk: DiskId; readonly detail: string }
  | { readonly type: 'ProtocolViolation'; readonly detail: string };

/** What a mark has recorded so far on one disk. */
export interface Changes {
  readonly disk: DiskId;
  readonly dirty: Bytes;
}

/**
 * The hypervisor one source VM runs on. Every call may be repeated: it looks at the world before changing it.
 *
 * Rounds use it so: `beginMark(0)`, then read everything (round 0). For round n: `advanceMark(n-1, n)` freezes mark n-1
 * and begins mark n at one instant on all disks, then what mark n-1 recorded is read, and once it is durable at the
 * target `dropMark(n-1)`. A round that failed is read again from the same frozen mark.
 */
export interface SourceHypervisor {
  inspect(): Promise<Result<SourceInventory, HypervisorError>>;
  /** From the moment this returns, every write to every trackable disk is in the mark. */
  beginMark(mark: ChangeMark): Promise<Result<void, HypervisorError>>;
  /** Freezes `from` and begins `to` at one instant over all disks: no write falls between them. */
  advanceMark(from: ChangeMark, to: ChangeMark): Promise<Result<void, HypervisorError>>;
  /** How much a mark has recorded, disk by disk. `TrackingLost` if it is not there any more on one of them. */
  changes(mark: ChangeMark): Promise<Result<readonly Changes[], HypervisorError>>;
  /** Forgets a mark. One that is not there is forgotten already. */
  dropMark(mark: ChangeMark): Promise<Result<void, HypervisorError>>;
  /** Makes one disk readable: all of it, or with `since` also which of it a frozen mark recorded. */
  openDisk(disk: DiskId, since?: ChangeMark): Promise<Result<DiskLocator, HypervisorError>>;
  /** Ends what `openDisk` began on all disks. */
  closeDisks(): Promise<Result<void, HypervisorError>>;
  /** Stops the guest at an instant, its writes flushed to the disk as the hypervisor sees it. */
  pause(): Promise<Result<void, HypervisorError>>;
  /** Lets a paused guest go on. */
  resume(): Promise<Result<void, HypervisorError>>;
  /** Removes every mark and export `owner` ever made, and nothing else. */
  release(owner: string): Promise<Result<void, HypervisorError>>;
  /** Lets go of the connection. Changes nothing at the source. */
  close(): Promise<void>;
}

/** The disks of a source that could name them; that it cannot is told as whoever asks a guest that is away is told. */
export function disksNamed({ disks }: Pick<SourceInventory, 'disks'>): Result<readonly SourceDisk[], HypervisorError> {
  if (disks) return ok(disks);
  const detail = 'the guest is switched off, and nobody else can name its disks; start it';
  return err({ type: 'Unreachable', operation: 'inspect', detail });
}

/** One sentence for a person. */
export function describeHypervisorError(error: HypervisorError): string {
  switch (error.type) {
    case 'Unreachable':
      return `the source hypervisor could not be reached for ${error.operation}: ${error.detail}`;
    case 'Refused':
      return `the source hypervisor refused ${error.operation}: ${error.detail}`;
    case 'DiskNotFound':
      return `the source has no disk ${error.disk}`;
    case 'TrackingLost':
      return `change tracking of disk ${error.disk} was lost: ${error.detail}`;
    case 'ProtocolViolation':
      return `the source hypervisor broke its protocol and was disconnected: ${error.detail}`;
  }
}

// What QEMU takes for the id of an export, and what stays readable in the words of every hypervisor.
const ownerShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Why a mark is none that a hypervisor could be asked for; undefined if it is one. */
export function invalidMark(operation: string, { owner, number }: ChangeMark): HypervisorError | undefined {
  if (!ownerShape.test(owner))
    return {
      type: 'Refused',
      operation,
      detail: `an owner is 1 to 100 letters, digits, dots, dashes or underscores, got ${JSON.stringify(owner)}`,
    };
  if (!Number.isSafeInteger(number) || number < 0)
    return { type: 'Refused', operation, detail: `the number of a mark is a natural number, got ${number}` };
  return undefined;
}
