import type { DiskId } from '#core/ids';
import type { Result } from '#core/result';
import type { Bytes, BytesPerSecond, Millis } from '#core/units';
import type { ChangeMark, Changes, DiskLocator } from './source-hypervisor.ts';

/** How fast an agent may read its disks. Zero stops it until it is changed. */
export type RateLimit = 'unlimited' | BytesPerSecond;

/** What an agent inside a source guest can be asked. Every call may be repeated: it looks before it changes anything. */
export interface GuestAgent {
  /** All there is to know of the guest, which takes some twenty programs: for readiness, and not while it is down. */
  inspect(): Promise<Result<GuestInventory, GuestAgentError>>;
  /** What may be otherwise at any moment. No program is run for it. */
  look(): Promise<Result<GuestGlance, GuestAgentError>>;
  /** Marks as in `SourceHypervisor`: from the return on every write to every trackable disk is in the mark. */
  beginMark(mark: ChangeMark): Promise<Result<void, GuestAgentError>>;
  /** Freezes `from` and begins `to`: no write falls between them. */
  advanceMark(from: ChangeMark, to: ChangeMark): Promise<Result<void, GuestAgentError>>;
  /** How much a mark has recorded. `TrackingLost` when events were overrun, the agent was restarted or the guest rebooted. */
  changes(mark: ChangeMark): Promise<Result<readonly Changes[], GuestAgentError>>;
  /** Forgets a mark. One that is not there is forgotten already. */
  dropMark(mark: ChangeMark): Promise<Result<void, GuestAgentError>>;
  /** Makes one disk readable: all of it, or with `since` also which of it a frozen mark recorded. */
  openDisk(disk: DiskId, since?: ChangeMark): Promise<Result<DiskLocator, GuestAgentError>>;
  closeDisks(): Promise<Result<void, GuestAgentError>>;
  /** Services stopped in order, file systems flushed and read-only. Says what it did and what was running. */
  quiesce(policy: QuiescePolicy): Promise<Result<QuiesceReport, GuestAgentError>>;
  /** Back to service after a quiesce that is given up. */
  resume(): Promise<Result<void, GuestAgentError>>;
  /** Begins to power the guest off. That it is off is proven elsewhere. */
  powerOff(): Promise<Result<void, GuestAgentError>>;
  /** Removes every mark `owner` ever made, and nothing else. */
  release(owner: string): Promise<Result<void, GuestAgentError>>;
  /** Holds reads to a rate, also those under way. */
  limit(rate: RateLimit): Promise<Result<void, GuestAgentError>>;
  /**
   * Takes the agent off the guest, without a trace. Its identity is of no use afterwards. One that was asked before, and
   * neither answered nor came again, may be off or not: that is `Unconfirmed`.
   */
  uninstall(): Promise<Result<void | Unconfirmed, GuestAgentError>>;
  /** Lets go. Changes nothing in the guest. */
  close(): Promise<void>;
}

/** What was asked may have been done, and nobody will ever say. */
export interface Unconfirmed {
  /** What is not known, and what to do about it, for a person. */
  readonly unconfirmed: string;
}

/** Why an agent did not do what was asked. */
export type GuestAgentError =
  /** It cannot be reached, or the answer was lost: whether the request was carried out is not known. */
  | { readonly type: 'Unreachable'; readonly operation: string; readonly detail: string }
  /** It answered no, in its own words. */
  | { readonly type: 'Refused'; readonly operation: string; readonly detail: string }
  | { readonly type: 'DiskNotFound'; readonly disk: DiskId }
  /** The mark is gone or reset: what changed since is not known, and must never be guessed. */
  | { readonly type: 'TrackingLost'; readonly disk: DiskId; readonly detail: string }
  | { readonly type: 'ProtocolViolation'; readonly detail: string };

/** What of a guest may change from one moment to the next. */
export interface GuestGlance {
  readonly hostname: string;
  /** Whole disks only. */
  readonly disks: readonly Pick<GuestDisk, 'id' | 'size' | 'tracking'>[];
  /** Whether nothing in the guest can write to its disks: no file system on them takes writes. */
  readonly isAtRest: boolean;
  readonly sentinel: GuestInventory['sentinel'];
}

/** A guest as it is seen from inside. Names are the guest's. */
export interface GuestInventory {
  readonly hostname: string;
  readonly os: { readonly id: string; readonly version: string; readonly name: string };
  /** Versions of all installed kernels. */
  readonly kernels: readonly string[];
  /** The version of the one that runs. */
  readonly kernel: string;
  /** The processor architecture: `x86_64`. */
  readonly machine: string;
  readonly firmware: 'bios' | 'uefi';
  readonly bootLoader: string;
  readonly memory: Bytes;
  readonly processors: number;
  /** Whole disks only. */
  readonly disks: readonly GuestDisk[];
  readonly volumes: readonly GuestVolume[];
  readonly fileSystems: readonly GuestFileSystem[];
  readonly swap: readonly string[];
  readonly networkShares: readonly { readonly type: string; readonly source: string; readonly mountpoint: string }[];
  readonly nics: readonly GuestNic[];
  readonly routes: readonly string[];
  readonly services: readonly { readonly name: string; readonly state: string }[];
  /** Agents of the hypervisor the guest is on, which have no use at the target. */
  readonly oldAgents: readonly string[];
  readonly sentinel: { readonly version: string; readonly bootId: string };
}

/** A whole disk of a guest. */
export interface GuestDisk {
  /** The kernel's name: `vda`. */
  readonly id: DiskId;
  readonly path: string;
  readonly size: Bytes;
  readonly logicalBlockSize: Bytes;
  /** Whether writes to it can be tracked, and why not. Untracked disks are compared by digest instead. */
  readonly tracking: { readonly possible: true } | { readonly possible: false; readonly why: string };
  readonly partitions: readonly {
    readonly path: string;
    readonly number: number;
    readonly start: Bytes;
    readonly size: Bytes;
    readonly type: string;
  }[];
}

/** What a guest has made of its disks: a logical volume, a RAID, an encrypted device. */
export interface GuestVolume {
  readonly kind: 'lvm' | 'md' | 'luks';
  readonly name: string;
  readonly path: string;
  /** The devices it is made of. */
  readonly parts: readonly string[];
}

/** A file system that is mounted. */
export interface GuestFileSystem {
  readonly device: string;
  readonly type: string;
  readonly uuid: string;
  readonly mountpoint: string;
  readonly size: Bytes;
  readonly used: Bytes;
  readonly options: string;
}

/** A network interface of a guest. */
export interface GuestNic {
  readonly name: string;
  readonly mac: string;
  /** With their prefix: `10.0.2.15/24`. */
  readonly addresses: readonly string[];
  readonly vlan?: number;
  readonly bond?: string;
  readonly driver: string;
}

/** How a guest is brought to rest. */
export interface QuiescePolicy {
  /** For all of it. What is not done by then is forced. */
  readonly timeout: Millis;
  /** Units that stay, beside those the agent itself needs. */
  readonly keep: readonly string[];
  /** Shell commands to run before services are stopped. */
  readonly before: readonly string[];
  /** Shell commands to run once they are. */
  readonly after: readonly string[];
}

/** What was done to bring a guest to rest. */
export interface QuiesceReport {
  readonly stopped: readonly {
    readonly unit: string;
    readonly took: Millis;
    readonly outcome: 'stopped' | 'killed';
  }[];
  readonly fileSystems: readonly {
    readonly mountpoint: string;
    readonly how: 'remounted' | 'frozen' | 'emergency' | 'unmounted';
  }[];
  readonly took: Millis;
}

/** One sentence for a person. */
export function describeGuestAgentError(error: GuestAgentError): string {
  switch (error.type) {
    case 'Unreachable':
      return `the sentinel could not be reached for ${error.operation}: ${error.detail}`;
    case 'Refused':
      return `the sentinel refused ${error.operation}: ${error.detail}`;
    case 'DiskNotFound':
      return `the guest has no disk ${error.disk}`;
    case 'TrackingLost':
      return `change tracking of disk ${error.disk} was lost: ${error.detail}`;
    case 'ProtocolViolation':
      return `the sentinel broke the protocol and was disconnected: ${error.detail}`;
  }
}
