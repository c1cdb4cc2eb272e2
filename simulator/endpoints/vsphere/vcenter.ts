import { err, ok, type Result } from '#core/result';
import type { Rng } from '#core/rng';
import { after, seconds, type Millis } from '#core/units';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { datastore, type Datastore } from './datastore.ts';
import type { VmPowerState, VsphereFault } from './fault.ts';
import { taskManager, type TaskDurations, type TaskInfo } from './task.ts';
import type { PoweredVm, StartVm, VmConfig, VmNic, VmSummary } from './virtual-machine.ts';

/** A vCenter with one HA cluster. Operations are requested now and finished by their tasks. */
export interface Vcenter {
  /** `CreateVM_Task`. */
  createVm(config: VmConfig): Result<string, VsphereFault>;
  /** `PowerOnVM_Task`. */
  powerOn(name: string): Result<string, VsphereFault>;
  /** `PowerOffVM_Task`: hard. */
  powerOff(name: string): Result<string, VsphereFault>;
  /** `ReconfigVM_Task` of all cards. */
  reconfigureNics(name: string, change: Partial<Omit<VmNic, 'macAddress'>>): Result<string, VsphereFault>;
  /** `UnregisterVM`: the VM is gone, and its disks stay. */
  unregister(name: string): Result<void, VsphereFault>;
  task(key: string): TaskInfo | undefined;
  find(name: string): VmSummary | undefined;
  vms(): readonly VmSummary[];
  console(name: string): Result<string, VsphereFault>;
  datastore(name: string): Datastore | undefined;
  /** A host is gone, and all that runs on it. HA restarts that on others. */
  hostFails(name: string): void;
  /** It is back, empty. */
  hostReturns(name: string): void;
}

/** What a vCenter is made of. */
export interface VcenterOptions {
  readonly clock: Pick<SimulatedClock, 'now' | 'schedule'>;
  readonly rng: Rng;
  readonly hosts: readonly { readonly name: string; readonly memory: number }[];
  readonly datastores: readonly { readonly name: string; readonly capacity: number }[];
  readonly networks: readonly string[];
  readonly start: StartVm;
  /** Whether a disk image is there. */
  readonly hasImage: (path: string) => boolean;
  readonly durations?: TaskDurations;
  readonly note?: (label: string, value: string | number | boolean) => void;
  /** Called when anything of a VM has changed: a place to look at what must always hold. */
  readonly onChange?: () => void;
}

interface Vm {
  config: VmConfig;
  powerState: VmPowerState;
  host: Host | undefined;
  running: PoweredVm | undefined;
  lastConsole: string;
  wasStarted: boolean;
  restarts: number;
}

interface Host {
  readonly name: string;
  readonly memory: number;
  isUp: boolean;
}

const durationsDefault: TaskDurations = { queued: [seconds(0), seconds(0.5)], running: [seconds(0.3), seconds(4)] };

// Heartbeats are missed for so long before a host is declared dead, and restarting takes its time.
const haDetects: readonly [Millis, Millis] = [seconds(18), seconds(45)];

/** Makes a vCenter. */
export function vcenter(options: VcenterOptions): Vcenter {
  const { clock, rng, start, note = () => undefined, onChange = () => undefined } = options;
  const vms = new Map<string, Vm>();
  const hosts = options.hosts.map((host): Host => ({ ...host, isUp: true }));
  const stores = new Map(options.datastores.map(({ name, capacity }) => [name, datastore(name, capacity)]));
  const tasks = taskManager({ ...options, rng: rng.fork('tasks'), durations: options.durations ?? durationsDefault });
  const missing = (name: string) => err<VsphereFault>({ type: 'ManagedObjectNotFound', name });
  const onVm = (
    method: string,
    name: string,
    check: (vm: Vm) => VsphereFault | undefined,
    finish: (vm: Vm) => VsphereFault | undefined,
  ): Result<string, VsphereFault> => {
    const vm = vms.get(name);
    if (!vm) return missing(name);
    const busy = tasks.underWay(name);
    if (busy) return err({ type: 'TaskInProgress', task: busy.key });
    const fault = check(vm);
    if (fault) return err(fault);
    return tasks.begin({ name: method, entity: name }, () => {
      const came = lostHost(vm) ?? check(vm) ?? finish(vm);
      onChange();
      return came;
    });
  };
  const swap = ({ name }: VmConfig): string => `${name}.vswp`;
  const turnOff = (vm: Vm): void => {
    vm.lastConsole = vm.running?.console() ?? vm.lastConsole;
    vm.running = undefined;
    vm.powerState = 'poweredOff';
    stores.get(vm.config.datastore)?.giveBack(swap(vm.config));
    onChange();
  };
  const turnOn = (vm: Vm): VsphereFault | undefined => {
    const fault = whyNotOn(vm.config, {
      vms: [...vms.values()].filter((other) => other !== vm),
      hasImage: options.hasImage,
    });
    if (fault) return fault;
    const chosen = hostFor(
      vm.config,
      hosts,
      [...vms.values()].filter((other) => other !== vm),
    );
    if (!chosen.ok) return chosen.error;
    const full = stores.get(vm.config.datastore)?.take(swap(vm.config), vm.config.memory);
    if (full) return full;
    vm.config = { ...vm.config, nics: vm.config.nics.map((nic) => ({ ...nic, connected: nic.startConnected })) };
    vm.host = chosen.value;
    vm.powerState = 'poweredOn';
    vm.wasStarted = true;
    const running = start(vm.config, () => {
      if (vm.running === running) turnOff(vm);
    });
    vm.running = running;
    return undefined;
  };
  const restart = (vm: Vm): void => {
    if (vms.get(vm.config.name) !== vm || vm.powerState !== 'poweredOn' || vm.running) return;
    stores.get(vm.config.datastore)?.giveBack(swap(vm.config));
    const fault = turnOn(vm);
    note(`HA restarts ${vm.config.name}`, fault?.type ?? vm.host?.name ?? '');
    if (fault) return;
    vm.restarts += 1;
    onChange();
  };
  return {
    createVm: (config) => {
      if (vms.has(config.name)) return err({ type: 'DuplicateName', name: config.name });
      if (!stores.has(config.datastore)) return err({ type: 'InvalidArgument', invalidProperty: 'files.vmPathName' });
      if (config.nics.some(({ network }) => !options.networks.includes(network)))
        return err({ type: 'InvalidArgument', invalidProperty: 'deviceChange.device.backing' });
      return tasks.begin({ name: 'CreateVM_Task', entity: config.name }, () => {
        if (vms.has(config.name)) return { type: 'DuplicateName', name: config.name };
        const lost = config.disks.find((path) => !options.hasImage(path));
        if (lost !== undefined) return { type: 'FileNotFound', file: lost };
        const vm = { config, powerState: 'poweredOff', host: undefined, running: undefined } as const;
        vms.set(config.name, { ...vm, lastConsole: '', wasStarted: false, restarts: 0 });
        onChange();
        return undefined;
      });
    },
    powerOn: (name) => onVm('PowerOnVM_Task', name, mustBe('poweredOff', 'poweredOn'), turnOn),
    powerOff: (name) =>
      onVm('PowerOffVM_Task', name, mustBe('poweredOn', 'poweredOff'), (vm) => {
        vm.running?.cut();
        turnOff(vm);
        return undefined;
      }),
    reconfigureNics: (name, change) =>
      onVm(
        'ReconfigVM_Task',
        name,
        () =>
          change.network !== undefined && !options.networks.includes(change.network)
            ? { type: 'InvalidArgument', invalidProperty: 'deviceChange.device.backing' }
            : undefined,
        (vm) => {
          vm.config = { ...vm.config, nics: vm.config.nics.map((nic) => ({ ...nic, ...change })) };
          for (const { macAddress, connected } of vm.config.nics) vm.running?.setConnected(macAddress, connected);
          return undefined;
        },
      ),
    unregister: (name) => {
      const vm = vms.get(name);
      if (!vm) return missing(name);
      const busy = tasks.underWay(name);
      if (busy) return err({ type: 'TaskInProgress', task: busy.key });
      const fault = mustBe('poweredOff', 'poweredOff')(vm);
      if (fault) return err(fault);
      vms.delete(name);
      onChange();
      return ok(undefined);
    },
    task: (key) => tasks.find(key),
    find: (name) => summaryOf(vms.get(name)),
    vms: () => [...vms.values()].flatMap((vm) => summaryOf(vm) ?? []),
    console: (name) => {
      const vm = vms.get(name);
      return vm ? ok(vm.running?.console() ?? vm.lastConsole) : missing(name);
    },
    datastore: (name) => stores.get(name),
    hostFails: (name) => {
      for (const host of hosts) if (host.name === name) host.isUp = false;
      const lost = [...vms.values()].filter((vm) => vm.host?.name === name && vm.running);
      const detects = rng.fork(`failure of ${name} at ${clock.now()}`).between(...haDetects);
      note(`HA finds ${name} dead after`, detects);
      for (const vm of lost) {
        vm.lastConsole = vm.running?.console() ?? '';
        vm.running?.cut();
        vm.running = undefined;
        clock.schedule(after(clock.now(), detects as Millis), () => restart(vm));
      }
      onChange();
    },
    hostReturns: (name) => {
      for (const host of hosts) if (host.name === name) host.isUp = true;
      for (const vm of vms.values())
        if (vm.powerState === 'poweredOn' && !vm.running)
          clock.schedule(after(clock.now(), seconds(10)), () => restart(vm));
    },
  };
}

/**
 * A power operation needs the other power state.
 * @source vSphere Web Services API 8.0 U3, InvalidPowerState, and UnregisterVM: only a VM that is powered off
 */
const mustBe =
  (needed: VmPowerState, requestedState: VmPowerState) =>
  ({ powerState }: Vm): VsphereFault | undefined =>
    powerState === needed ? undefined : { type: 'InvalidPowerState', requestedState, existingState: powerState };

/** @source vSphere Web Services API 8.0 U3, HostNotConnected: the host of a VM cannot be reached */
const lostHost = ({ powerState, running, host }: Vm): VsphereFault | undefined =>
  powerState === 'poweredOn' && !running ? { type: 'HostNotConnected', host: host?.name ?? '' } : undefined;

/**
 * Why the images of a VM cannot be opened.
 * @source VMware knowledge base 10051, "Investigating virtual machine file locks on ESXi": a VM that runs holds its disks
 */
function whyNotOn(
  { disks }: VmConfig,
  { vms, hasImage }: { readonly vms: readonly Vm[]; readonly hasImage: (path: string) => boolean },
): VsphereFault | undefined {
  const lost = disks.find((path) => !hasImage(path));
  if (lost !== undefined) return { type: 'FileNotFound', file: lost };
  const open = new Set(vms.flatMap(({ running, config }) => (running ? config.disks : [])));
  const locked = disks.find((path) => open.has(path));
  return locked === undefined ? undefined : { type: 'FileLocked', file: locked };
}

/**
 * The host with the most memory to spare.
 * @differs All memory of a VM is reserved, and of a host nothing but memory counts; the real DRS weighs more.
 */
function hostFor({ memory }: VmConfig, hosts: readonly Host[], others: readonly Vm[]): Result<Host, VsphereFault> {
  const spare = hosts
    .filter(({ isUp }) => isUp)
    .map((host) => {
      const used = others.filter((vm) => vm.running && vm.host === host);
      return { host, free: host.memory - used.reduce((sum, { config }) => sum + config.memory, 0) };
    })
    .toSorted((a, b) => b.free - a.free);
  const [best] = spare;
  if (!best) return err({ type: 'InsufficientResourcesFault', detail: 'no host is connected' });
  if (best.free < memory)
    return err({ type: 'InsufficientMemoryResourcesFault', requested: memory, unreserved: best.free });
  return ok(best.host);
}

function summaryOf(vm: Vm | undefined): VmSummary | undefined {
  if (!vm) return undefined;
  const { config, powerState, host, wasStarted, restarts, running } = vm;
  const isLost = powerState === 'poweredOn' && !running;
  return {
    ...{ config, powerState, wasStarted, restarts, host: host?.name },
    connectionState: isLost ? 'disconnected' : 'connected',
  };
}
