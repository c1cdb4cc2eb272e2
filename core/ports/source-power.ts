import type { HypervisorError, PowerState } from '#core/ports/source-hypervisor';
import type { Result } from '#core/result';

/**
 * The power switch and the network plugs of one source VM: what fences it. The agent inside may be gone or may not
 * answer; this holds all the same. Every call may be repeated: it looks at the world before changing it.
 */
export interface SourcePower {
  /** `off` is proof: the VM does not run and cannot write. */
  state(): Promise<Result<PowerState, HypervisorError>>;
  /** Off, whatever the guest thinks of it. Returns once it is proven off; `Refused` if the hypervisor would not. */
  powerOff(): Promise<Result<void, HypervisorError>>;
  /** Starts the VM from its own disks. One that runs is left alone. */
  powerOn(): Promise<Result<void, HypervisorError>>;
  /** Pulls the plugs of all NICs. Holds while the VM is off, too: it comes up disconnected. */
  disconnect(): Promise<Result<void, HypervisorError>>;
  /** Undoes `disconnect`. */
  reconnect(): Promise<Result<void, HypervisorError>>;
  /** Leaves a note with the VM for whoever finds it. */
  annotate(note: string): Promise<Result<void, HypervisorError>>;
  /** Lets go of the connection. Changes nothing at the source. */
  close(): Promise<void>;
}
