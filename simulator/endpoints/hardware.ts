import type { DiskId } from '#core/ids';
import { invariant } from '#core/invariant';
import type { Rng } from '#core/rng';
import type { ProceduralDisk } from '#simulator/block/disk/procedural-disk';

/** What a virtual machine does. A crashed guest stands still and writes nothing. */
export type HardwarePower = 'running' | 'paused' | 'off' | 'crashed';

/** A disk in a virtual machine. */
export interface HardwareDisk {
  readonly disk: ProceduralDisk;
  /** Why its hypervisor never sees what is written to it; undefined if it does. */
  readonly untracked: string | undefined;
}

/** The virtual machine itself, whoever runs it: what a guest sees, and what outlives every process of a hypervisor. */
export interface VirtualHardware {
  readonly name: string;
  power(): HardwarePower;
  /** Tells the listeners if it is another state than before. */
  setPower(power: HardwarePower): void;
  disks(): readonly HardwareDisk[];
  attach(disk: HardwareDisk): void;
  detach(id: DiskId): void;
  nicsConnected(): boolean;
  connectNics(areConnected: boolean): void;
  /** What somebody wrote for whoever finds the VM. */
  notes(): readonly string[];
  note(text: string): void;
  /** Tells of every change of power, after it. Returns how to stop. */
  onPower(listener: (power: HardwarePower) => void): () => void;
  /** The machine below it lost its power: the VM is off, and what its disks had not made durable may be gone. */
  losePower(rng: Rng): void;
}

/** Puts a VM together. It is off. */
export function virtualHardware(name: string, initial: readonly HardwareDisk[]): VirtualHardware {
  let power: HardwarePower = 'off';
  let disks = [...initial];
  let areNicsConnected = true;
  const notes: string[] = [];
  const listeners = new Set<(power: HardwarePower) => void>();
  const hardware: VirtualHardware = {
    name,
    power: () => power,
    setPower(next) {
      if (next === power) return;
      power = next;
      for (const listener of [...listeners]) listener(next);
    },
    disks: () => disks,
    attach(added) {
      invariant(
        disks.every(({ disk }) => disk.id !== added.disk.id),
        `${name} has a disk ${added.disk.id} already`,
      );
      disks = [...disks, added];
    },
    detach(id) {
      disks = disks.filter(({ disk }) => disk.id !== id);
    },
    nicsConnected: () => areNicsConnected,
    connectNics(areConnected) {
      areNicsConnected = areConnected;
    },
    notes: () => notes,
    note: (text) => void notes.push(text),
    onPower(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    losePower(rng) {
      for (const { disk } of disks) disk.lose(rng.fork(disk.id));
      hardware.setPower('off');
    },
  };
  return hardware;
}
