import type { HypervisorError } from '#core/ports/source-hypervisor';
import type { SourcePower } from '#core/ports/source-power';
import { err, ok, type Result } from '#core/result';
import { ahvVm, type AhvFault, type AhvVm } from '#simulator/endpoints/ahv/vm';
import { virtualHardware } from '#simulator/endpoints/hardware';
import { vendorVmOfAhv } from './ahv-vm.ts';
import { straightCall, unreachable, type ConnectorOptions, type Outcome } from './connector.ts';
import type { SimulatedHost } from './host.ts';
import { inventoryOf, openedWhole, powerOf } from './hosted-vm.ts';
import { pendingWork, type Pending } from './pending.ts';
import { snapshotConnector, type ShowRequest, type SnapshotVendor } from './snapshot-connector.ts';
import { simulatedSource, type Placed, type SimulatedSource, type SourceOptions } from './source.ts';

/** How an AHV source is made. */
export interface AhvSourceOptions extends SourceOptions {
  /** Where Prism runs. Default: somewhere that is always up. It answers also while the host of a VM is down. */
  readonly management?: SimulatedHost;
}

/**
 * A VM of a simulated Nutanix cluster. A mark is a recovery point, and what it recorded are the changed regions from it to
 * the next one; disks are read from clones in volume groups.
 */
export function ahvSource(options: AhvSourceOptions): SimulatedSource {
  const vm = ahvVm(virtualHardware(options.name, options.disks), options.clock, options.rng);
  const isUp = (): boolean => options.management?.isUp() ?? true;
  return simulatedSource(options, vendorVmOfAhv(vm), (placed) => ({
    hypervisor: (connector) => snapshotConnector(vendorOf(vm, placed, workOf(vm, isUp, connector)), connector.owner),
    power: (connector) => powerOver(vm, workOf(vm, isUp, connector)),
  }));
}

function workOf(vm: AhvVm, isUp: () => boolean, { clock, call = straightCall }: ConnectorOptions): Pending<AhvFault> {
  const request = <T>(operation: string, act: () => Result<T, HypervisorError>): Outcome<T> =>
    call(operation, () => (isUp() ? act() : unreachable(operation, 'Prism does not answer')));
  return pendingWork(request, clock, vm.tasks, ({ errorGroup, message }) => `${errorGroup}: ${message}`);
}

function vendorOf(vm: AhvVm, placed: Placed, { ask, perform, settle }: Pending<AhvFault>): SnapshotVendor {
  return {
    knowsNow: false,
    inspect: (operation) => ask(operation, () => ok(inventoryOf(vm.hardware, 'Nutanix AHV 20230302 (simulated)'))),
    async snapshots(operation) {
      const settled = await settle(operation);
      if (!settled.ok) return settled;
      return await ask(operation, () =>
        ok(
          vm.recoveryPoints().map(({ name, disks }) => ({
            name,
            holdsContent: true,
            disks: new Map([...disks].map(([disk, { size }]) => [disk, size])),
          })),
        ),
      );
    },
    create: (operation, name) => perform(operation, () => vm.createRecoveryPoint(name)),
    remove: (operation, { name }) => perform(operation, () => vm.deleteRecoveryPoint(name)),
    // A recovery point costs what has changed since, and is needed to compare with.
    giveUpContent: async () => ok(undefined),
    changed: (operation, disk, from, to) =>
      ask(operation, () => {
        const told = vm.computeChangedRegions(disk, to?.name ?? '', from.name);
        return told.ok ? told : ok(undefined);
      }),
    show: (operation, request) => show(vm, placed, { ask, perform, settle }, operation, request),
    async shown(operation) {
      const settled = await settle(operation);
      return settled.ok ? await ask(operation, () => ok(vm.volumeGroups().map(({ name }) => name))) : settled;
    },
    hide: (operation, name) => perform(operation, () => vm.detachVolumeGroup(name)),
    pause: () => perform('pause', () => vm.pause()),
    async resume() {
      const power = await ask('resume', () => ok(vm.hardware.power()));
      if (!power.ok) return power;
      if (power.value === 'running' || power.value === 'paused') return await perform('resume', () => vm.resume());
      return await ask('resume', () =>
        err<AhvFault>({ errorGroup: 'INVALID_STATE', message: `the VM is not paused but ${power.value}` }),
      );
    },
  };
}

/** Shows a clone of a disk in a volume group of its own, or one that the VM shares with its reader. */
async function show(
  vm: AhvVm,
  placed: Placed,
  { ask, perform, settle }: Pending<AhvFault>,
  operation: string,
  { name, disk, at, changes }: ShowRequest,
): ReturnType<SnapshotVendor['show']> {
  const find = () => vm.volumeGroups().find((group) => group.name === name);
  const settled = await settle(operation);
  if (!settled.ok) return settled;
  const there = await ask(operation, () => ok(find()));
  if (!there.ok) return there;
  if (there.value === undefined) {
    const attached = await perform(operation, () => vm.attachVolumeGroup(name, disk, at?.name));
    if (!attached.ok) return attached;
  }
  return await ask(operation, () => {
    const group = find();
    if (group === undefined || group.recoveryPoint !== at?.name)
      return err<AhvFault>({ errorGroup: 'ENTITY_NOT_FOUND', message: `the volume group ${name} is gone` });
    const isOpen = (): boolean => find() === group;
    return ok(openedWhole(placed, { name, content: group.content, changes, isOpen }));
  });
}

const powerOver = (vm: AhvVm, { ask, perform }: Pending<AhvFault>): SourcePower =>
  powerOf(vm.hardware, ask, {
    off: () => perform('powerOff', () => vm.powerOff()),
    on: () => perform('powerOn', () => vm.powerOn()),
  });
