import type { DiskId } from '#core/ids';
import type { SourcePlatform } from '#core/migration/plan';
import type { Bytes, BytesPerSecond, Millis, Ratio } from '#core/units';
import type { GuestName } from './guest.ts';
import type { WriteModel } from './write-model.ts';

/** What is to be moved and what it moves over: the part of the world that is there before anything happens. */
export interface Estate {
  readonly hosts: readonly EstateHost[];
  readonly links: readonly EstateLink[];
  readonly gateway: EstateAppliance;
  readonly receiver: EstateAppliance;
  /** Where replicas are written. None given: target storage is never the bottleneck, and never full. */
  readonly datastores?: readonly EstateDatastore[] | undefined;
  /** Not given: it does everything at once that it is asked for. */
  readonly vcenter?: EstateVcenter | undefined;
  readonly vms: readonly EstateVm[];
}

/** A hypervisor host at the source. Everything that is read from its VMs shares `read`. */
export interface EstateHost {
  readonly name: string;
  readonly platform: SourcePlatform;
  readonly read: BytesPerSecond;
  /** Cores that reading and digests may use. Not given: enough of them. */
  readonly cores?: number | undefined;
}

/** A datastore at the target: what all replicas on it are written with, and what they may take up together. */
export interface EstateDatastore {
  readonly name: string;
  readonly write: BytesPerSecond;
  readonly capacity: Bytes;
}

/** The management of the target platform: the tasks that it works on at a time, the others wait in line. */
export interface EstateVcenter {
  readonly tasks: number;
}

/** The network between source and target site, shared by all that crosses it. `latency` is one way. */
export interface EstateLink {
  readonly name: string;
  readonly bandwidth: BytesPerSecond;
  readonly latency: Millis;
  readonly loss: Ratio;
}

/** A gateway or a receiver: `bandwidth` for all that passes, `flow` for one VM's stream. */
export interface EstateAppliance {
  readonly bandwidth: BytesPerSecond;
  readonly flow: BytesPerSecond;
  /** Cores for TLS and frames; one stream uses one of them. Not given: enough of them. */
  readonly cores?: number | undefined;
}

/** One VM at the source. */
export interface EstateVm {
  readonly name: string;
  readonly host: string;
  readonly link: string;
  readonly guest: GuestName;
  /** Where its replica is written; must be one of the estate's if that has any. */
  readonly datastore?: string | undefined;
  /** Services beyond those of a plain guest: each makes coming to rest take longer. */
  readonly services?: number | undefined;
  readonly disks: readonly EstateDisk[];
  readonly writes: WriteModel;
}

/** One disk of a VM: what it could hold, and what it does. */
export interface EstateDisk {
  readonly id: DiskId;
  readonly size: Bytes;
  /** Allocated bytes: what a full sync carries. */
  readonly used: Bytes;
  /** Whether the platform can track writes to it. */
  readonly tracked: boolean;
}
