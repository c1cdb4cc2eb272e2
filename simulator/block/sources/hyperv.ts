import type { DiskId } from '#core/ids';
import type { HypervisorError, SourceInventory } from '#core/ports/source-hypervisor';
import type { SourcePower } from '#core/ports/source-power';
import { err, ok, type Result } from '#core/result';
import { virtualHardware } from '#simulator/endpoints/hardware';
import type { HypervFault } from '#simulator/endpoints/hyperv/hyperv-fault';
import { requestedState, virtualSystem, type VirtualSystem } from '#simulator/endpoints/hyperv/virtual-system';
import { straightCall, unreachable, type ConnectorOptions, type Outcome } from './connector.ts';
import { inventoryOf, openedWhole, powerOf } from './hosted-vm.ts';
import { hypervVm } from './hyperv-vm.ts';
import { pendingWork, type Pending } from './pending.ts';
import { snapshotConnector, type ShowRequest, type Snapshot, type SnapshotVendor } from './snapshot-connector.ts';
import { simulatedSource, type Placed, type SimulatedSource, type SourceOptions } from './source.ts';

/**
 * A VM of a simulated Hyper-V host. A mark begins as a reference point, is frozen by a recovery checkpoint, and that becomes
 * a reference point again once nobody reads from it.
 */
export function hypervSource(options: SourceOptions): SimulatedSource {
  const system = virtualSystem(virtualHardware(options.name, options.disks), options.clock, options.rng);
  return simulatedSource(options, hypervVm(system), (placed) => ({
    hypervisor: (connector) => snapshotConnector(vendorOf(system, placed, connector), connector.owner),
    power: (connector) => powerOver(system, placed, connector),
  }));
}

function workOf(
  system: VirtualSystem,
  placed: Placed,
  { clock, call = straightCall }: ConnectorOptions,
): Pending<HypervFault> {
  const request = <T>(operation: string, act: () => Result<T, HypervisorError>): Outcome<T> =>
    call(operation, () => (placed.host().isUp() ? act() : unreachable(operation, 'the host does not answer')));
  return pendingWork(request, clock, system.jobs, ({ type, detail }) => `${type}: ${detail}`);
}

function vendorOf(system: VirtualSystem, placed: Placed, connector: ConnectorOptions): SnapshotVendor {
  const { ask, perform, settle } = workOf(system, placed, connector);
  const list = (): readonly Snapshot[] => [
    ...system.referencePoints().map(({ elementName, rctIds }) => snapshotOf(elementName, false, rctIds.keys())),
    ...system.checkpoints().map(({ elementName, disks }) => snapshotOf(elementName, true, disks.keys())),
  ];
  const change = async (operation: string, begin: () => Result<string, HypervFault>): Outcome<void> => {
    const settled = await settle(operation);
    return settled.ok ? await perform(operation, begin) : settled;
  };
  return {
    knowsNow: true,
    inspect: (operation) =>
      ask(operation, (): Result<SourceInventory, HypervFault> =>
        ok(inventoryOf(system.hardware, 'Hyper-V 10.0.17763 (simulated)')),
      ),
    async snapshots(operation) {
      const settled = await settle(operation);
      return settled.ok ? await ask(operation, () => ok(list())) : settled;
    },
    create: (operation, name, holdsContent) =>
      change(operation, () => (holdsContent ? system.createSnapshot(name) : system.createReferencePoint(name))),
    remove: (operation, { name, holdsContent }) =>
      change(operation, () => (holdsContent ? system.destroySnapshot(name) : system.destroyReferencePoint(name))),
    giveUpContent: (operation, { name }) => change(operation, () => system.convertToReferencePoint(name)),
    changed: (operation, disk, from, to) =>
      ask(operation, () => {
        const limitId = rctIdOf(system, from.name, disk);
        const told = limitId === undefined ? ok(undefined) : system.getVirtualDiskChanges(disk, limitId, to?.name);
        return told.ok || told.error.type !== 'InvalidParameter' ? told : ok(undefined);
      }),
    show: (operation, request) => ask(operation, () => show(system, placed, request)),
    shown: (operation) => ask(operation, () => ok([...system.opened.keys()])),
    hide: (operation, name) => ask(operation, () => ok(void system.opened.delete(name))),
    pause: () => change('pause', () => system.requestStateChange(requestedState.quiesce)),
    resume: () => change('resume', () => resumed(system)),
  };
}

const snapshotOf = (name: string, holdsContent: boolean, disks: Iterable<DiskId>): Snapshot => ({
  name,
  holdsContent,
  // A disk that was resized has no tracking any more, which says enough.
  disks: new Map([...disks].map((disk) => [disk, undefined])),
});

const rctIdOf = (system: VirtualSystem, name: string, disk: DiskId): string | undefined =>
  system
    .referencePoints()
    .find(({ elementName }) => elementName === name)
    ?.rctIds.get(disk) ??
  system
    .checkpoints()
    .find(({ elementName }) => elementName === name)
    ?.disks.get(disk)?.rctId;

function resumed(system: VirtualSystem): Result<string, HypervFault> {
  const power = system.hardware.power();
  if (power === 'running' || power === 'paused') return system.requestStateChange(requestedState.enabled);
  return err({ type: 'InvalidState', detail: `the guest is not paused but ${power}` });
}

/** A reader on the host opens the file that holds the disk as it was, or as it is. */
function show(system: VirtualSystem, placed: Placed, { name, disk, at, changes }: ShowRequest) {
  const live = system.hardware.disks().find((candidate) => candidate.disk.id === disk)?.disk;
  const frozen = system
    .checkpoints()
    .find(({ elementName }) => elementName === at?.name)
    ?.disks.get(disk)?.content;
  const content = at === undefined ? live : frozen;
  if (content === undefined) return err<HypervFault>({ type: 'InvalidParameter', detail: `no file of ${disk}` });
  const opened = { disk, checkpoint: at?.name };
  system.opened.set(name, opened);
  const isOpen = (): boolean =>
    system.opened.get(name) === opened &&
    (at === undefined || system.checkpoints().some(({ elementName }) => elementName === at.name));
  return ok(openedWhole(placed, { name, content, changes, isOpen }));
}

function powerOver(system: VirtualSystem, placed: Placed, connector: ConnectorOptions): SourcePower {
  const { ask, perform, settle } = workOf(system, placed, connector);
  const change = async (operation: string, state: number): Outcome<void> => {
    const settled = await settle(operation);
    return settled.ok ? await perform(operation, () => system.requestStateChange(state)) : settled;
  };
  return powerOf(system.hardware, ask, {
    off: () => change('powerOff', requestedState.disabled),
    on: () => change('powerOn', requestedState.enabled),
  });
}
