import type { Rng } from '#core/rng';
import type { Millis } from '#core/units';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { GuestDisk } from '#simulator/endpoints/guest/guest-disk';
import type { GuestHardware } from '#simulator/endpoints/guest/hardware';
import { startGuest, type RunningGuest } from '#simulator/endpoints/guest/running-guest';
import type { StartVm, VmConfig } from '#simulator/endpoints/vsphere/virtual-machine';
import type { OverlayStore } from './overlay-store.ts';

/** Guests that run in VMs of vSphere, from overlays and copies of replicas. */
export interface TargetGuests {
  /** For the vCenter. */
  readonly start: StartVm;
  /** The guest of a VM that is powered on. */
  of(vm: string): RunningGuest | undefined;
  /** All that run. */
  all(): readonly RunningGuest[];
}

interface TargetGuestOptions {
  readonly store: Pick<OverlayStore, 'disk'>;
  readonly clock: Pick<SimulatedClock, 'now' | 'schedule' | 'wait'>;
  readonly rng: Rng;
  readonly writesPerMinute: number;
  readonly driftPpm?: number;
  /** Once a VM boots it is frozen for so long, if at all. */
  readonly freezes?: (vm: string) => Millis | undefined;
  /** A guest is up that nobody froze: who is in it begins. */
  readonly onUp: (vm: string, guest: RunningGuest) => void;
  /** It is gone. */
  readonly onGone?: (guest: RunningGuest) => void;
  readonly note?: (label: string, value: string | number | boolean) => void;
}

/** Starts in each VM the guest that is on its disks. */
export function targetGuests(options: TargetGuestOptions): TargetGuests {
  const { store, rng, onUp, freezes = () => undefined, onGone = () => undefined } = options;
  const running = new Map<string, RunningGuest>();
  return {
    of: (vm) => running.get(vm),
    all: () => [...running.values()],
    start: (config, onOff) => {
      const { name } = config;
      const disks = config.disks
        .map((path) => store.disk(path))
        .filter((disk): disk is GuestDisk => disk !== undefined);
      const guest = startGuest({
        ...options,
        ...{ disks, hardware: hardwareOf(config), rng: rng.fork(name) },
        onUp: (up) => {
          const frozen = freezes(name);
          // Nothing is done by a guest that hangs, and nobody hears from it.
          if (frozen === undefined) onUp(name, up);
          else up.freeze(frozen);
        },
        onOff: () => {
          if (running.get(name) === guest) running.delete(name);
          onGone(guest);
          onOff();
        },
      });
      running.set(name, guest);
      return {
        cut: () => {
          onGone(guest);
          guest.cut();
          if (running.get(name) === guest) running.delete(name);
        },
        setConnected: (mac, connected) => guest.setConnected(mac, connected),
        console: () => guest.console(),
      };
    },
  };
}

/** A VM's hardware as its guest sees it. Its firmware remembers nothing: the VM is new. */
const hardwareOf = ({ firmware, controller, nicType, nics, memory, numCpus }: VmConfig): GuestHardware => ({
  firmware: firmware === 'efi' ? 'uefi' : 'bios',
  controller: controller === 'ParaVirtualSCSIController' ? 'pvscsi' : 'lsisas',
  nicModel: nicType === 'VirtualVmxnet3' ? 'vmxnet3' : 'e1000e',
  nics: nics.map(({ macAddress, connected }) => ({ mac: macAddress, connected })),
  ...{ bootEntries: [], memory, processors: numCpus },
});
