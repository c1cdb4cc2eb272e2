/**
 * Faults by the names the vSphere API gives them.
 * @source vSphere Web Services API 8.0 U3, vim.fault.*
 */
export type VsphereFault =
  | {
      readonly type: 'InvalidPowerState';
      readonly requestedState: VmPowerState;
      readonly existingState: VmPowerState;
    }
  /** Another task of the same VM has not ended. */
  | { readonly type: 'TaskInProgress'; readonly task: string }
  | { readonly type: 'DuplicateName'; readonly name: string }
  | { readonly type: 'ManagedObjectNotFound'; readonly name: string }
  | { readonly type: 'InsufficientResourcesFault'; readonly detail: string }
  | { readonly type: 'InsufficientMemoryResourcesFault'; readonly requested: number; readonly unreserved: number }
  | { readonly type: 'NoDiskSpace'; readonly datastore: string }
  | { readonly type: 'FileNotFound'; readonly file: string }
  /** A VM that runs has it open. */
  | { readonly type: 'FileLocked'; readonly file: string }
  | { readonly type: 'HostNotConnected'; readonly host: string }
  | { readonly type: 'InvalidArgument'; readonly invalidProperty: string };

/** Power states of a VM. A VM whose host is lost keeps the one it had. */
export type VmPowerState = 'poweredOn' | 'poweredOff';

/** One sentence, with the fault's name. */
export function describeFault(fault: VsphereFault): string {
  const { type, ...more } = fault;
  const words = Object.entries(more).map(([key, value]) => `${key} ${value}`);
  return words.length === 0 ? type : `${type} (${words.join(', ')})`;
}
