import type { HypervisorError } from '#core/ports/source-hypervisor';
import type { SourcePower } from '#core/ports/source-power';
import { err, ok } from '#core/result';
import type { Call } from '#simulator/block/target/call';
import type { Sentinels } from '#simulator/block/world/sentinels';
import { startGuest, type GuestOptions, type RunningGuest } from '#simulator/endpoints/guest/running-guest';

/** The source of a simulated launch: its guest, and what its hypervisor does with it. */
export interface SourceState {
  guest: RunningGuest | undefined;
  connected: boolean;
  refusesPowerOff: boolean;
  readonly notes: string[];
}

interface MachineOptions extends Pick<GuestOptions, 'disks' | 'clock' | 'rng'> {
  /** The VM. */
  readonly vm: string;
  readonly mac: string;
  readonly firmware: 'bios' | 'uefi';
  readonly source: SourceState;
  readonly sentinels: Pick<Sentinels, 'begin' | 'end'>;
  readonly onChange: () => void;
}

/** The source as its hypervisor has it. */
export interface SourceMachine {
  powerOn(): void;
  /** Its power is gone: nobody in it says another word. */
  cut(): void;
}

/** A machine that is off. Its sentinel lives and dies with its guest. */
export function sourceMachine({
  vm,
  mac,
  firmware,
  source,
  onChange,
  sentinels,
  ...machine
}: MachineOptions): SourceMachine {
  const powerOn = (): void => {
    source.guest = startGuest({
      ...machine,
      writesPerMinute: 240,
      hardware: {
        ...{ firmware, controller: 'virtio-blk', nicModel: 'virtio', memory: 2 ** 29, processors: 1 },
        bootEntries: ['/boot/efi/EFI/debian/shimx64.efi'],
        nics: [{ mac, connected: source.connected }],
      },
      onUp: (guest) => sentinels.begin(vm, vm, guest),
      onOff: () => {
        if (source.guest) sentinels.end(source.guest);
        source.guest = undefined;
        onChange();
      },
    });
    onChange();
  };
  const cut = (): void => {
    if (source.guest) sentinels.end(source.guest);
    source.guest?.cut();
    source.guest = undefined;
  };
  return { powerOn, cut };
}

/** What its hypervisor does with it. */
export function sourcePower(
  source: SourceState,
  mac: string,
  call: Call,
  { powerOn, cut }: SourceMachine,
  onChange: () => void,
): SourcePower {
  const lose =
    (operation: string) =>
    (detail: string): HypervisorError => ({ type: 'Unreachable', operation, detail });
  const connect = (connected: boolean) => () => {
    source.connected = connected;
    source.guest?.setConnected(mac, connected);
    onChange();
    return ok(undefined);
  };
  return {
    state: () => call('power state', () => ok(source.guest ? 'running' : 'off'), lose('state')),
    powerOff: () =>
      call<void, HypervisorError>(
        'power off',
        () => {
          if (source.refusesPowerOff)
            return err({ type: 'Refused', operation: 'powerOff', detail: 'the VM is locked' });
          return ok(cut());
        },
        lose('powerOff'),
      ),
    powerOn: () => call('power on', () => ok(source.guest ? undefined : powerOn()), lose('powerOn')),
    disconnect: () => call('disconnect', connect(false), lose('disconnect')),
    reconnect: () => call('reconnect', connect(true), lose('reconnect')),
    annotate: (note) => call('annotate', () => ok(void source.notes.push(note)), lose('annotate')),
    close: async () => undefined,
  };
}
