import type { VmPowerState } from './fault.ts';

/** What a VM is made of, as a subset of VirtualMachineConfigSpec. */
export interface VmConfig {
  readonly name: string;
  readonly firmware: 'bios' | 'efi';
  /** In bytes. */
  readonly memory: number;
  readonly numCpus: number;
  readonly controller: 'ParaVirtualSCSIController' | 'VirtualLsiLogicSASController';
  /** In unit order, paths of disk images. */
  readonly disks: readonly string[];
  readonly nicType: 'VirtualVmxnet3' | 'VirtualE1000e';
  readonly nics: readonly VmNic[];
  /** The datastore of its own files: the swap file among them. */
  readonly datastore: string;
  /** Free text of whoever made it. */
  readonly annotation: string;
}

/**
 * A network card. `connected` holds while the VM runs; `startConnected` is what it begins with, also after a restart by HA.
 * @source vSphere Web Services API 8.0 U3, VirtualDeviceConnectInfo
 */
export interface VmNic {
  readonly macAddress: string;
  /** The port group. */
  readonly network: string;
  readonly connected: boolean;
  readonly startConnected: boolean;
}

/** A VM as vCenter sees it now. */
export interface VmSummary {
  readonly config: VmConfig;
  readonly powerState: VmPowerState;
  /** `disconnected`: its host is lost, and its power state is the last one that was known. */
  readonly connectionState: 'connected' | 'disconnected';
  readonly host: string | undefined;
  /** Whether it was ever powered on. */
  readonly wasStarted: boolean;
  /** How often HA has restarted it. */
  readonly restarts: number;
}

/** What runs in a VM that is powered on. */
export interface PoweredVm {
  /** It loses its power: nothing more is written. */
  cut(): void;
  setConnected(macAddress: string, connected: boolean): void;
  /** What it said on its serial port since it was powered on. */
  console(): string;
}

/** Starts what runs in a VM. `onOff` is called when it powers itself off. */
export type StartVm = (config: VmConfig, onOff: () => void) => PoweredVm;
