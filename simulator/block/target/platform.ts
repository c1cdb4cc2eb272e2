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

const lookEvery = seconds(0.5);

/** The target platform over a vCenter: each operation looks first, asks for a task and waits until it has ended. */
export function simulatedPlatform({ vcenter, clock, call, datastore, isolated }: PlatformOptions): TargetPlatform {
  const ask = <T>(operation: string, act: () => Result<T, VsphereFault>): Answer<T> =>
    call<T, TargetError>(
      `vsphere: ${operation}`,
      () => {
        const done = act();
        return done.ok ? done : err(errorOf(operation, done.error));
      },
      (detail) => ({ type: 'Unreachable', operation, detail }),
    );
  const find = (name: string): Answer<VmSummary | undefined> => ask('find', () => ok(vcenter.find(name)));
  /** Asks for a task until the VM has no other one, and waits until it has ended. */
  const carryOut = async (operation: string, begin: () => Result<string, VsphereFault>): Answer<void> => {
    const begun = await ask<{ readonly after: string } | { readonly task: string }>(operation, () => {
      const asked = begin();
      if (!asked.ok && asked.error.type === 'TaskInProgress') return ok({ after: asked.error.task });
      return asked.ok ? ok({ task: asked.value }) : asked;
    });
    if (!begun.ok) return begun;
    if ('after' in begun.value) {
      await ended(operation, begun.value.after);
      return carryOut(operation, begin);
    }
    const task = await ended(operation, begun.value.task);
    if (!task.ok) return task;
    return task.value ? err(errorOf(operation, task.value)) : ok(undefined);
  };
  /** The fault a task ended with, if it did. */
  const ended = async (operation: string, key: string): Answer<VsphereFault | undefined> => {
    for (;;) {
      const info = await ask(operation, () => ok(vcenter.task(key)));
      if (!info.ok) return info;
      if (info.value === undefined || info.value.state === 'success') return ok(undefined);
      if (info.value.state === 'error') return ok(info.value.error);
      await clock.wait(lookEvery);
    }
  };
  const powerOff = async (name: string): Answer<void> => {
    const found = await find(name);
    if (!found.ok) return found;
    if (!found.value) return err({ type: 'NotFound', name });
    if (found.value.powerState === 'poweredOff') return ok(undefined);
    const off = await carryOut('powerOff', () => offOrAlready(vcenter.powerOff(name)));
    return off;
  };
  return {
    find: async (name) => {
      const found = await find(name);
      return found.ok ? ok(found.value && targetVm(found.value, isolated)) : found;
    },
    launch: async (plan, links) => {
      const config = configOf(plan, links, { datastore, isolated });
      const before = await find(plan.name);
      if (!before.ok) return before;
      if (before.value && before.value.config.annotation !== config.annotation)
        return err({ type: 'Refused', operation: 'launch', detail: `there is a VM ${plan.name} of another plan` });
      if (!before.value) {
        const made = await carryOut('launch', () => vcenter.createVm(config));
        if (!made.ok) return made;
      }
      const there = await find(plan.name);
      if (!there.ok) return there;
      if (there.value && !there.value.wasStarted) {
        const on = await carryOut('launch', () => offOrAlready(vcenter.powerOn(plan.name)));
        if (!on.ok) return on;
      }
      const after = await find(plan.name);
      if (!after.ok) return after;
      return after.value ? ok(targetVm(after.value, isolated)) : err({ type: 'NotFound', name: plan.name });
    },
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
      const gone = await carryOut('remove', () => {
        const removed = vcenter.unregister(name);
        // It is no task: what it did, it has done.
        if (removed.ok || removed.error.type === 'ManagedObjectNotFound') return ok('');
        return removed;
      });
      return gone;
    },
    console: (name) => ask('console', () => vcenter.console(name)),
    close: async () => undefined,
  };
}

/** A power operation that finds the state it wants has been done, by an earlier one whose answer was lost. */
const offOrAlready = (asked: Result<string, VsphereFault>): Result<string, VsphereFault> =>
  !asked.ok && asked.error.type === 'InvalidPowerState' && asked.error.requestedState === asked.error.existingState
    ? ok('')
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
