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
  readonly vms: readonly EstateVm[];
}

/** A hypervisor host at the source. Everything that is read from its VMs shares `read`. */
export interface EstateHost {
  readonly name: string;
  readonly platform: SourcePlatform;
  readonly read: BytesPerSecond;
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
}

/** One VM at the source. */
export interface EstateVm {
  readonly name: string;
  readonly host: string;
  readonly link: string;
  readonly guest: GuestName;
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
