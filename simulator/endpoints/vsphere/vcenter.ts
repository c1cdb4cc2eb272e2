import { err, ok, type Result } from '#core/result';
import type { Rng } from '#core/rng';
import { after, millis, seconds, type Millis } from '#core/units';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { datastore, type Datastore } from './datastore.ts';
import type { VmPowerState, VsphereFault } from './fault.ts';
import { taskManager, type TaskDurations, type TaskInfo, type TaskManager } from './task.ts';
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

/** All there is behind a vCenter. */
interface Site {
  readonly options: VcenterOptions;
  readonly vms: Map<string, Vm>;
  readonly hosts: readonly Host[];
  readonly stores: ReadonlyMap<string, Datastore>;
  readonly tasks: TaskManager;
}

/** Makes a vCenter. */
export function vcenter(options: VcenterOptions): Vcenter {
  const vms = new Map<string, Vm>();
  const site: Site = {
    ...{ options, vms },
    hosts: options.hosts.map((host): Host => ({ ...host, isUp: true })),
    stores: new Map(options.datastores.map(({ name, capacity }) => [name, datastore(name, capacity)])),
    tasks: taskManager({
      ...options,
      rng: options.rng.fork('tasks'),
      durations: options.durations ?? durationsDefault,
    }),
  };
  return {
    createVm: (config) => createVm(site, config),
    powerOn: (name) =>
      onVm(site, { method: 'PowerOnVM_Task', name }, mustBe('poweredOff', 'poweredOn'), (vm) => turnOn(site, vm)),
    powerOff: (name) =>
      onVm(site, { method: 'PowerOffVM_Task', name }, mustBe('poweredOn', 'poweredOff'), (vm) => {
        vm.running?.cut();
        turnOff(site, vm);
        return undefined;
      }),
    reconfigureNics: (name, change) => reconfigureNics(site, name, change),
    unregister: (name) => unregister(site, name),
    task: (key) => site.tasks.find(key),
    find: (name) => summaryOf(vms.get(name)),
    vms: () => [...vms.values()].flatMap((vm) => summaryOf(vm) ?? []),
    console: (name) => {
      const vm = vms.get(name);
      return vm ? ok(vm.running?.console() ?? vm.lastConsole) : missing(name);
    },
    datastore: (name) => site.stores.get(name),
    hostFails: (name) => hostFails(site, name),
    hostReturns: (name) => hostReturns(site, name),
  };
}

const missing = (name: string) => err<VsphereFault>({ type: 'ManagedObjectNotFound', name });

/** Begins a task of a VM: it is checked now, and again when it is done. */
function onVm(
  { vms, tasks, options }: Site,
  { method, name }: { readonly method: string; readonly name: string },
  check: (vm: Vm) => VsphereFault | undefined,
  finish: (vm: Vm) => VsphereFault | undefined,
): Result<string, VsphereFault> {
  const vm = vms.get(name);
  if (!vm) return missing(name);
  const busy = tasks.underWay(name);
  if (busy) return err({ type: 'TaskInProgress', task: busy.key });
  const fault = check(vm);
  if (fault) return err(fault);
  return tasks.begin({ name: method, entity: name }, () => {
    const came = lostHost(vm) ?? check(vm) ?? finish(vm);
    options.onChange?.();
    return came;
  });
}

/** @source vSphere Web Services API 8.0 U3, Folder.CreateVM_Task: DuplicateName, FileNotFound, InvalidArgument */
function createVm({ options, vms, stores, tasks }: Site, config: VmConfig): Result<string, VsphereFault> {
  const { name } = config;
  if (vms.has(name)) return err({ type: 'DuplicateName', name });
  if (!stores.has(config.datastore)) return err({ type: 'InvalidArgument', invalidProperty: 'files.vmPathName' });
  if (config.nics.some(({ network }) => !options.networks.includes(network))) return err(noNetwork);
  return tasks.begin({ name: 'CreateVM_Task', entity: name }, () => {
    const lost = config.disks.find((path) => !options.hasImage(path));
    if (lost !== undefined) return { type: 'FileNotFound', file: lost };
    const vm = { config, powerState: 'poweredOff', host: undefined, running: undefined } as const;
    vms.set(name, { ...vm, lastConsole: '', wasStarted: false, restarts: 0 });
    options.onChange?.();
    return undefined;
  });
}

const noNetwork: VsphereFault = { type: 'InvalidArgument', invalidProperty: 'deviceChange.device.backing' };

/** @source vSphere Web Services API 8.0 U3, ReconfigVM_Task with VirtualDeviceConfigSpec `edit` of each card */
const reconfigureNics = (
  site: Site,
  name: string,
  change: Partial<Omit<VmNic, 'macAddress'>>,
): Result<string, VsphereFault> =>
  onVm(
    site,
    { method: 'ReconfigVM_Task', name },
    () => (change.network !== undefined && !site.options.networks.includes(change.network) ? noNetwork : undefined),
    (vm) => {
      vm.config = { ...vm.config, nics: vm.config.nics.map((nic) => ({ ...nic, ...change })) };
      for (const { macAddress, connected } of vm.config.nics) vm.running?.setConnected(macAddress, connected);
      return undefined;
    },
  );

/** @source vSphere Web Services API 8.0 U3, UnregisterVM: InvalidPowerState unless it is powered off; its files stay */
function unregister({ vms, tasks, options }: Site, name: string): Result<void, VsphereFault> {
  const vm = vms.get(name);
  if (!vm) return missing(name);
  const busy = tasks.underWay(name);
  if (busy) return err({ type: 'TaskInProgress', task: busy.key });
  const fault = mustBe('poweredOff', 'poweredOff')(vm);
  if (fault) return err(fault);
  vms.delete(name);
  options.onChange?.();
  return ok(undefined);
}

const swapOf = ({ name }: VmConfig): string => `${name}.vswp`;

function turnOff({ stores, options }: Site, vm: Vm): void {
  vm.lastConsole = vm.running?.console() ?? vm.lastConsole;
  vm.running = undefined;
  vm.powerState = 'poweredOff';
  stores.get(vm.config.datastore)?.giveBack(swapOf(vm.config));
  options.onChange?.();
}

/** @source vSphere Web Services API 8.0 U3, PowerOnVM_Task: InsufficientResourcesFault, FileFault, and a swap file as long as the memory */
function turnOn(site: Site, vm: Vm): VsphereFault | undefined {
  const { options, stores, hosts } = site;
  const others = [...site.vms.values()].filter((other) => other !== vm);
  const fault = whyNotOn(vm.config, { vms: others, hasImage: options.hasImage });
  if (fault) return fault;
  const chosen = hostFor(vm.config, hosts, others);
  if (!chosen.ok) return chosen.error;
  const full = stores.get(vm.config.datastore)?.take(swapOf(vm.config), vm.config.memory);
  if (full) return full;
  vm.config = { ...vm.config, nics: vm.config.nics.map((nic) => ({ ...nic, connected: nic.startConnected })) };
  vm.host = chosen.value;
  vm.powerState = 'poweredOn';
  vm.wasStarted = true;
  const running = options.start(vm.config, () => {
    if (vm.running === running) turnOff(site, vm);
  });
  vm.running = running;
  return undefined;
}

/** @source vSphere Availability (8.0), "Host Failure Types": VMs of a failed host are restarted on others that have room */
function hostFails(site: Site, name: string): void {
  const { clock, rng, note, onChange } = site.options;
  for (const host of site.hosts) if (host.name === name) host.isUp = false;
  const lost = [...site.vms.values()].filter((vm) => vm.host?.name === name && vm.running);
  const detects = millis(rng.fork(`failure of ${name} at ${clock.now()}`).between(...haDetects));
  note?.(`HA finds ${name} dead after`, detects);
  for (const vm of lost) {
    vm.lastConsole = vm.running?.console() ?? '';
    vm.running?.cut();
    vm.running = undefined;
    clock.schedule(after(clock.now(), detects), () => restart(site, vm));
  }
  onChange?.();
}

function hostReturns(site: Site, name: string): void {
  const { clock } = site.options;
  for (const host of site.hosts) if (host.name === name) host.isUp = true;
  for (const vm of site.vms.values())
    if (vm.powerState === 'poweredOn' && !vm.running)
      clock.schedule(after(clock.now(), seconds(10)), () => restart(site, vm));
}

function restart(site: Site, vm: Vm): void {
  const { note, onChange } = site.options;
  const { name, datastore: store } = vm.config;
  if (site.vms.get(name) !== vm || vm.powerState !== 'poweredOn' || vm.running) return;
  site.stores.get(store)?.giveBack(swapOf(vm.config));
  const fault = turnOn(site, vm);
  note?.(`HA restarts ${name}`, fault?.type ?? vm.host?.name ?? '');
  if (fault) return;
  vm.restarts += 1;
  onChange?.();
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
