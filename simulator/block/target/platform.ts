import type { Clock } from '#core/clock';
import type { LinkState, TargetError, TargetPlatform, TargetVm, TargetVmPlan } from '#core/ports/target-platform';
import { err, ok, type Result } from '#core/result';
import { seconds } from '#core/units';
import { describeFault, type VsphereFault } from '#simulator/endpoints/vsphere/fault';
import type { Vcenter } from '#simulator/endpoints/vsphere/vcenter';
import type { VmConfig, VmNic, VmSummary } from '#simulator/endpoints/vsphere/virtual-machine';
import type { Call } from './call.ts';

interface PlatformOptions {
  readonly vcenter: Vcenter;
  readonly clock: Clock;
  readonly call: Call;
  /** The datastore of VMs' own files. */
  readonly datastore: string;
  /** The port group that leads nowhere. */
  readonly isolated: string;
}

type Answer<T> = Promise<Result<T, TargetError>>;

/** The target platform over a vCenter: each operation looks first, asks for a task and waits until it has ended. */
export function simulatedPlatform(options: PlatformOptions): TargetPlatform {
  const { vcenter, isolated } = options;
  const { ask, find, carryOut } = asking(options);
  const powerOff = async (name: string): Answer<void> => {
    const found = await find(name);
    if (!found.ok) return found;
    if (!found.value) return err({ type: 'NotFound', name });
    if (found.value.powerState === 'poweredOff') return ok(undefined);
    return carryOut('powerOff', () => doneOrAlready(vcenter.powerOff(name)));
  };
  return {
    find: async (name) => {
      const found = await find(name);
      return found.ok ? ok(found.value && targetVm(found.value, isolated)) : found;
    },
    launch: (plan, links) => launch(options, plan, links),
    setLinks: async (name, links) => {
      const found = await find(name);
      if (!found.ok) return found;
      if (!found.value) return err({ type: 'NotFound', name });
      const { network } = planOf(found.value);
      return carryOut('setLinks', () => vcenter.reconfigureNics(name, linksOf(links, network, isolated)));
    },
    powerOff,
    remove: async (name) => {
      const off = await powerOff(name);
      if (!off.ok) return off.error.type === 'NotFound' ? ok(undefined) : off;
      return carryOut('remove', () => {
        const removed = vcenter.unregister(name);
        // It is no task: what it did, it has done.
        return removed.ok || removed.error.type === 'ManagedObjectNotFound' ? ok(noTask) : removed;
      });
    },
    console: (name) => ask('console', () => vcenter.console(name)),
    close: async () => undefined,
  };
}

const lookEvery = seconds(0.5);
const noTask = '';

function asking({ vcenter, clock, call }: PlatformOptions) {
  const ask = <T>(operation: string, act: () => Result<T, VsphereFault>): Answer<T> =>
    call<T, TargetError>(
      `vsphere: ${operation}`,
      () => {
        const done = act();
        return done.ok ? done : err(errorOf(operation, done.error));
      },
      (detail) => ({ type: 'Unreachable', operation, detail }),
    );
  /** The fault a task ended with, if it did. */
  const ended = async (operation: string, key: string): Answer<VsphereFault | undefined> => {
    for (; key !== noTask; await clock.wait(lookEvery)) {
      const info = await ask(operation, () => ok(vcenter.task(key)));
      if (!info.ok) return info;
      if (info.value === undefined || info.value.state === 'success') break;
      if (info.value.state === 'error') return ok(info.value.error);
    }
    return ok(undefined);
  };
  /** Asks for a task once the VM has no other one, and waits until it has ended. */
  const carryOut = async (operation: string, begin: () => Result<string, VsphereFault>): Answer<void> => {
    for (;;) {
      const begun = await ask(operation, () => {
        const asked = begin();
        if (!asked.ok && asked.error.type === 'TaskInProgress') return ok({ isOther: true, key: asked.error.task });
        return asked.ok ? ok({ isOther: false, key: asked.value }) : asked;
      });
      if (!begun.ok) return begun;
      const task = await ended(operation, begun.value.key);
      if (!task.ok) return task;
      if (begun.value.isOther) continue;
      return task.value ? err(errorOf(operation, task.value)) : ok(undefined);
    }
  };
  return {
    ...{ ask, carryOut },
    find: (name: string): Answer<VmSummary | undefined> => ask('find', () => ok(vcenter.find(name))),
  };
}

async function launch(
  options: PlatformOptions,
  plan: TargetVmPlan,
  links: 'disconnected' | 'isolated',
): Answer<TargetVm> {
  const { vcenter, isolated } = options;
  const { find, carryOut } = asking(options);
  const { name } = plan;
  const config = configOf(plan, links, options);
  // An earlier call whose answer was lost may have made it, or be making it.
  const made = await carryOut('launch', () => (vcenter.find(name) ? ok(noTask) : vcenter.createVm(config)));
  if (!made.ok) return made;
  const there = await find(name);
  if (!there.ok) return there;
  if (there.value && there.value.config.annotation !== config.annotation)
    return err({ type: 'Refused', operation: 'launch', detail: `there is a VM ${name} of another plan` });
  // One that was started and is off has stopped by itself: whoever waits for it is to learn that.
  if (there.value && !there.value.wasStarted) {
    const on = await carryOut('launch', () => doneOrAlready(vcenter.powerOn(name)));
    if (!on.ok) return on;
  }
  const after = await find(name);
  if (!after.ok) return after;
  return after.value ? ok(targetVm(after.value, isolated)) : err({ type: 'NotFound', name });
}

/** A power operation that finds the state it wants has been done, by an earlier one whose answer was lost. */
const doneOrAlready = (asked: Result<string, VsphereFault>): Result<string, VsphereFault> =>
  !asked.ok && asked.error.type === 'InvalidPowerState' && asked.error.requestedState === asked.error.existingState
    ? ok(noTask)
    : asked;

const errorOf = (operation: string, fault: VsphereFault): TargetError =>
  fault.type === 'ManagedObjectNotFound'
    ? { type: 'NotFound', name: fault.name }
    : { type: 'Refused', operation, detail: describeFault(fault) };

/** What the annotation of a VM keeps of the plan it was made from. */
const planOf = ({ config }: VmSummary): { readonly network: string } =>
  JSON.parse(config.annotation) as { readonly network: string };

function configOf(
  plan: TargetVmPlan,
  links: 'disconnected' | 'isolated',
  { datastore, isolated }: Pick<PlatformOptions, 'datastore' | 'isolated'>,
): VmConfig {
  const { name, firmware, memory, processors, disks, nics, controller, nicModel } = plan;
  return {
    ...{ name, memory, datastore, numCpus: processors, firmware: firmware === 'uefi' ? 'efi' : 'bios' },
    controller: controller === 'pvscsi' ? 'ParaVirtualSCSIController' : 'VirtualLsiLogicSASController',
    nicType: nicModel === 'vmxnet3' ? 'VirtualVmxnet3' : 'VirtualE1000e',
    disks: disks.map(({ path }) => path),
    nics: nics.map(({ mac, network }) => ({ macAddress: mac, ...linksOf(links, network, isolated) })),
    annotation: JSON.stringify({ network: nics[0]?.network ?? '', plan }),
  };
}

/** What a card begins with after a restart is what it is now: HA asks nobody. */
function linksOf(links: LinkState, network: string, isolated: string): Omit<VmNic, 'macAddress'> {
  const connected = links !== 'disconnected';
  return { network: links === 'isolated' ? isolated : network, connected, startConnected: connected };
}

function targetVm({ config, powerState }: VmSummary, isolated: string): TargetVm {
  const [nic] = config.nics;
  const isUp = powerState === 'poweredOn' ? nic?.connected : nic?.startConnected;
  const links: LinkState = !nic || !isUp ? 'disconnected' : nic.network === isolated ? 'isolated' : 'connected';
  return { name: config.name, power: powerState === 'poweredOn' ? 'running' : 'off', links };
}
