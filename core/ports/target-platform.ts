import type { DiskId } from '#core/ids';
import type { Result } from '#core/result';
import type { Bytes } from '#core/units';

/** The VM a target platform is to make. Everything in it is decided before: asked twice with the same plan, it is made once. */
export interface TargetVmPlan {
  readonly name: string;
  readonly firmware: 'bios' | 'uefi';
  readonly memory: Bytes;
  readonly processors: number;
  /** In boot order, boot disk first: scsi0:0, scsi0:1, ... (7 is the controller's). Path and format of the image. */
  readonly disks: readonly { readonly id: DiskId; readonly path: string; readonly format: 'raw' | 'qcow2' }[];
  /** In slot order. `network` is the platform's name of the network the NIC is on once it is connected. */
  readonly nics: readonly { readonly mac: string; readonly network: string }[];
  readonly controller: 'pvscsi' | 'lsisas';
  readonly nicModel: 'vmxnet3' | 'e1000e';
}

/** What the NICs of a target VM are connected to. `isolated`: link up, but nothing beyond the VM can be reached. */
export type LinkState = 'disconnected' | 'isolated' | 'connected';

/** A VM of the target platform, as the platform sees it now. */
export interface TargetVm {
  readonly name: string;
  readonly power: 'running' | 'off';
  readonly links: LinkState;
}

/** Where target VMs run. Every call may be repeated: it looks at the world before changing it. */
export interface TargetPlatform {
  /** The VM of that name, or undefined if there is none. */
  find(name: string): Promise<Result<TargetVm | undefined, TargetError>>;
  /**
   * Makes the VM if there is none of that name, and starts it. Asked again it is done once. `Refused` if there is one of
   * that name from another plan: somebody else's VM is never taken for ours.
   */
  launch(plan: TargetVmPlan, links: 'disconnected' | 'isolated'): Promise<Result<TargetVm, TargetError>>;
  /** `NotFound` if there is none of that name. */
  setLinks(name: string, links: LinkState): Promise<Result<void, TargetError>>;
  /** Off, whatever the guest thinks of it. Returns once it is proven off. */
  powerOff(name: string): Promise<Result<void, TargetError>>;
  /** Takes the VM away, running or not. Its disks stay where they are. One that is not there is taken away already. */
  remove(name: string): Promise<Result<void, TargetError>>;
  /** What it said on its serial console since it was started. */
  console(name: string): Promise<Result<string, TargetError>>;
  /** Lets go of the platform. Changes no VM. */
  close(): Promise<void>;
}

/** Why the platform did not do what was asked. */
export type TargetError =
  /** It cannot be reached, or the answer was lost: whether the request was carried out is not known. */
  | { readonly type: 'Unreachable'; readonly operation: string; readonly detail: string }
  /** It answered no, in its own words. Nothing was changed. */
  | { readonly type: 'Refused'; readonly operation: string; readonly detail: string }
  | { readonly type: 'NotFound'; readonly name: string };

/** One sentence for a person. */
export function describeTargetError(error: TargetError): string {
  switch (error.type) {
    case 'Unreachable':
      return `the target platform could not be reached for ${error.operation}: ${error.detail}`;
    case 'Refused':
      return `the target platform refused ${error.operation}: ${error.detail}`;
    case 'NotFound':
      return `the target platform has no VM ${error.name}`;
  }
}
