import type { ProceduralDisk } from '#simulator/block/disk/procedural-disk';
import type { HardwarePower, VirtualHardware } from '#simulator/endpoints/hardware';

/** A source VM as its guest sees it: what it runs on. */
export interface SimulatedMachine {
  readonly name: string;
  power(): HardwarePower;
  /** The disks it has now. */
  readonly disks: readonly ProceduralDisk[];
  readonly nicsConnected: boolean;
  /** Somebody switches it on: an operator, or a cluster. One that is on is left alone. */
  start(): void;
  /** The guest powers itself off in order, with `flush` of its disks, or `hard` somebody pulls the plug. */
  stop(hard: boolean): void;
  /** The guest crashes and stands still. */
  panic(): void;
  /** Tells of every change of power, after it: a guest writes only while the machine is running. */
  onPower(listener: (power: HardwarePower) => void): () => void;
}

/** What the hypervisor below makes of what happens to a machine. */
export interface MachineDrive {
  start(): void;
  stop(): void;
  panic(): void;
}

/** A machine over hardware. */
export function simulatedMachine(hardware: VirtualHardware, drive: MachineDrive): SimulatedMachine {
  return {
    name: hardware.name,
    power: hardware.power,
    get disks() {
      return hardware.disks().map(({ disk }) => disk);
    },
    get nicsConnected() {
      return hardware.nicsConnected();
    },
    start: () => drive.start(),
    stop(hard) {
      if (!hard) for (const { disk } of hardware.disks()) disk.flush();
      drive.stop();
    },
    panic: () => drive.panic(),
    onPower: hardware.onPower,
  };
}
