import type { Clock } from '#core/clock';
import type { FixUp } from '#core/ports/fix-up';
import type { GuestAgent } from '#core/ports/guest-agent';
import { disksNamed, type HypervisorError, type SourceHypervisor } from '#core/ports/source-hypervisor';
import type { SourcePower } from '#core/ports/source-power';
import type { TargetPlatform, TargetVm, TargetVmPlan } from '#core/ports/target-platform';
import { err, ok, type Result } from '#core/result';
import { bytes, millis, seconds, type Millis } from '#core/units';
import type { LaunchSite } from '#replicator/live/launch/launch-site';
import { parseStageFile, type ValidationCheck } from '#replicator/sentinel/stage/stage-file';
import { waitsForNetwork } from '#replicator/sentinel/stage/stage-report';
import type { SmallSource, Step } from './small-source.ts';
import { emptyInventory, rootFileSystem } from './small-launch-inventory.ts';

/**
 * Where a small migration is launched: an agent, a plug, a fix-up engine and a platform that keep every promise of their
 * ports, and fail when a test says so. A guest boots if its disks were fixed up, and else says on its console why not.
 */
export interface SmallLaunch {
  /** The source's NICs are on their networks. */
  sourceConnected: boolean;
  /** Its sentinel has another way to its gateway than the networks that are taken from it. */
  hasOtherWay: boolean;
  /** What the agent was asked that costs the guest something, in order. */
  readonly asked: ('inspect' | 'look' | 'quiesce' | 'uninstall')[];
  /** Notes left at the source. */
  readonly notes: string[];
  /** Images that were fixed up, by path. What is dropped is gone. */
  readonly images: Map<string, { fixed: boolean; order: string | undefined }>;
  readonly vms: Map<string, SmallVm>;
  /** What was made before it was needed, by folder: the state of the guest it was made of. */
  readonly prepared: Map<string, string>;
  /** What goes wrong from now on. */
  readonly fails: Set<'powerOff' | 'plan' | 'apply' | 'verify' | 'keep' | 'validation' | 'launch' | 'uninstallAnswer'>;
  /** What becomes of the next calls of an operation, one after the other; then they are carried out and answered. */
  readonly fates: Map<OutsideCall, CallFate[]>;
  /** Which boot of the source its sentinel tells of. */
  boot: string;
  /** The sentinel was taken off the target. */
  uninstalled: boolean;
  site(step: Step): LaunchSite;
  /** Called whenever anything changed: a place to assert what must always hold. */
  onChange: (call: string) => void;
  /** Called before a source that is off is powered on. */
  onPowerOn: () => void;
}

/** The calls to whoever has the source's power and NICs, and to the target platform. */
export const outsideCalls = [
  ...(['power state', 'power off', 'power on', 'disconnect', 'reconnect', 'agent power off'] as const),
  ...(['find', 'launch', 'set links', 'remove'] as const),
] as const;
export type OutsideCall = (typeof outsideCalls)[number] | 'annotate' | 'uninstall' | 'power target off' | 'console';

/**
 * What becomes of a call that is not simply answered: it is refused, it never arrives, its answer is lost, or its answer is
 * lost and it is carried out so much later.
 */
export type CallFate = 'refused' | 'lostBefore' | 'lostAfter' | { readonly late: Millis };

/** A VM of the small platform. */
export interface SmallVm extends Omit<TargetVm, 'power' | 'links'> {
  readonly plan: TargetVmPlan;
  power: TargetVm['power'];
  links: TargetVm['links'];
  console: string;
}

const checks: readonly ValidationCheck[] = [
  { id: 'booted', kind: 'booted', timeout: seconds(1), mustSucceed: true },
  { id: 'address', kind: 'address', address: '10.0.2.15', timeout: seconds(1), mustSucceed: true },
];

/** A place to launch the migration of a small source at. Every call takes a millisecond. */
export function smallLaunch(clock: Clock, source: SmallSource): SmallLaunch {
  const launch: SmallLaunch = {
    ...{
      sourceConnected: true,
      hasOtherWay: false,
      asked: [],
      notes: [],
      images: new Map(),
      vms: new Map(),
      prepared: new Map(),
    },
    ...{ fails: new Set(), fates: new Map(), boot: 'b', uninstalled: false },
    ...{ onChange: () => undefined, onPowerOn: () => undefined },
    site: (step) => siteOf(launch, source, step, clock),
  };
  return launch;
}

function siteOf(launch: SmallLaunch, source: SmallSource, step: Step, clock: Clock): LaunchSite {
  // Something may go wrong before a thing is done, and after it and before anybody knows.
  const during = async <T>(name: string, work: () => T): Promise<T> => {
    await step(`${name} asked`);
    await clock.wait(millis(1), new AbortController().signal);
    const done = work();
    launch.onChange(name);
    await step(`${name} done`);
    return done;
  };
  const asked = askedOf(launch, step, clock);
  return {
    agent: agentOf(launch, source, step, asked),
    power: powerOf(launch, source, asked),
    fixUp: fixUpOf(launch, during),
    target: platformOf(launch, asked),
    overlays: {
      of: (replica) => `${replica}+`,
      make: (replica) =>
        during('make overlay', () => {
          launch.images.set(`${replica}+`, { fixed: false, order: undefined });
          return ok({ path: `${replica}+`, format: 'qcow2' as const });
        }),
      drop: (replica) => during('drop overlay', () => (launch.images.delete(`${replica}+`), ok(undefined))),
      copy: (replica) =>
        during('copy replica', () => {
          launch.images.set(`${replica}~`, { fixed: false, order: undefined });
          return ok({ path: `${replica}~`, format: 'raw' as const });
        }),
      dropCopy: (replica) => during('drop copy', () => (launch.images.delete(`${replica}~`), ok(undefined))),
      prepared: (replica) => `${replica}.prepared`,
      preparedOf: async (replica) => launch.prepared.get(`${replica}.prepared`),
      makeTrial: (replica) =>
        during('make trial', () => {
          launch.images.set(`${replica}?`, { fixed: false, order: undefined });
          return ok({ path: `${replica}?`, format: 'qcow2' as const });
        }),
      dropTrial: (replica) => during('drop trial', () => void launch.images.delete(`${replica}?`)),
      dropPrepared: (replica) =>
        during('drop prepared', () => {
          launch.images.delete(`${replica}?`);
          launch.prepared.delete(`${replica}.prepared`);
        }),
    },
    policy: { timeout: seconds(60), keep: [], before: [], after: [] },
    hardware: { controller: 'pvscsi', nicModel: 'vmxnet3' },
    ...{ network: 'VM Network', checks, bootMax: seconds(30), powerOffMax: seconds(5) },
  };
}

type During = <T>(name: string, work: () => T) => Promise<T>;

type NoAnswer = Result<never, Extract<HypervisorError, { type: 'Unreachable' | 'Refused' }>>;
type Asked = <R>(name: OutsideCall, work: () => R) => Promise<R | NoAnswer>;

/** A call to somebody outside, who answers, or does not. */
function askedOf(launch: SmallLaunch, step: Step, clock: Clock): Asked {
  return async (name, work) => {
    const carryOut = () => {
      const done = work();
      launch.onChange(name);
      return done;
    };
    const lost = err({ type: 'Unreachable', operation: name, detail: 'the connection broke' } as const);
    await step(`${name} asked`);
    const fate = launch.fates.get(name)?.shift();
    await clock.wait(millis(1));
    if (fate === 'refused') return err({ type: 'Refused', operation: name, detail: 'not now' } as const);
    if (fate === 'lostBefore') return lost;
    if (typeof fate === 'object') {
      void clock.wait(fate.late).then(carryOut);
      return lost;
    }
    const done = carryOut();
    await step(`${name} done`);
    return fate === 'lostAfter' ? lost : done;
  };
}

function agentOf(launch: SmallLaunch, source: SmallSource, step: Step, asked: Asked): GuestAgent {
  const away = (operation: string) => err({ type: 'Unreachable', operation, detail: 'the guest is away' } as const);
  const isAway = (): boolean => source.power === 'off' || !(launch.sourceConnected || launch.hasOtherWay);
  const hypervisor = reconnecting(() => source.connect(step), isAway);
  const seen = async (operation: 'inspect' | 'look') => {
    launch.asked.push(operation);
    const found = await hypervisor.inspect();
    if (!found.ok) return found;
    const disks = disksNamed(found.value);
    return disks.ok ? ok({ hostname: found.value.name, disks: disks.value }) : disks;
  };
  return {
    ...hypervisor,
    look: async () => {
      const found = await seen('look');
      if (!found.ok) return found;
      return ok({ ...found.value, isAtRest: source.power !== 'running', sentinel: sentinelOf(launch) });
    },
    inspect: async () => {
      const found = await seen('inspect');
      if (!found.ok) return found;
      const { disks, hostname } = found.value;
      return ok({
        ...emptyInventory,
        hostname,
        sentinel: sentinelOf(launch),
        disks: disks.map((disk) => ({
          ...disk,
          path: `/dev/${disk.id}`,
          logicalBlockSize: bytes(512),
          partitions: [],
        })),
        fileSystems: [{ ...rootFileSystem, options: source.power === 'running' ? 'rw' : 'ro' }],
      });
    },
    quiesce: async () => {
      launch.asked.push('quiesce');
      const paused = await hypervisor.pause();
      return paused.ok ? ok({ stopped: [], fileSystems: [], took: millis(1) }) : paused;
    },
    resume: () => hypervisor.resume(),
    powerOff: () =>
      asked('agent power off', () => {
        if (isAway()) return away('powerOff');
        if (source.power === 'running')
          return err({ type: 'Refused', operation: 'powerOff', detail: 'the guest is not at rest' } as const);
        if (!launch.fails.has('powerOff')) source.power = 'off';
        return ok(undefined);
      }),
    limit: async () => ok(undefined),
    uninstall: () =>
      asked('uninstall', () => {
        if (launch.fails.has('uninstallAnswer')) {
          const isFirst = !launch.asked.includes('uninstall');
          launch.asked.push('uninstall');
          return isFirst ? away('uninstall') : ok({ unconfirmed: 'nobody knows, look into the guest' });
        }
        launch.uninstalled = true;
        return ok(undefined);
      }),
  };
}

/**
 * A sentinel comes back by itself after its connection was lost: what was asked meanwhile is answered as lost. It cannot be
 * asked while its guest is off or off its network.
 */
function reconnecting(connect: () => SourceHypervisor, isAway: () => boolean): SourceHypervisor {
  let connection = connect();
  const ask = async <T>(
    call: (source: SourceHypervisor) => Promise<Result<T, HypervisorError>>,
  ): Promise<Result<T, HypervisorError>> => {
    const away = err<HypervisorError>({ type: 'Unreachable', operation: 'a call', detail: 'the guest is away' });
    if (isAway()) return away;
    const said = await call(connection);
    if (!said.ok && said.error.type === 'Unreachable') connection = connect();
    return isAway() ? away : said;
  };
  return {
    inspect: () => ask((source) => source.inspect()),
    beginMark: (mark) => ask((source) => source.beginMark(mark)),
    advanceMark: (from, to) => ask((source) => source.advanceMark(from, to)),
    changes: (mark) => ask((source) => source.changes(mark)),
    dropMark: (mark) => ask((source) => source.dropMark(mark)),
    openDisk: (disk, since) => ask((source) => source.openDisk(disk, since)),
    closeDisks: () => ask((source) => source.closeDisks()),
    pause: () => ask((source) => source.pause()),
    resume: () => ask((source) => source.resume()),
    release: (owner) => ask((source) => source.release(owner)),
    close: () => connection.close(),
  };
}

function powerOf(launch: SmallLaunch, source: SmallSource, asked: Asked): SourcePower {
  const connect = (connected: boolean) => () =>
    asked(connected ? 'reconnect' : 'disconnect', () => ((launch.sourceConnected = connected), ok(undefined)));
  return {
    // What is at rest inside runs, as its hypervisor sees it.
    state: () => asked('power state', () => ok(source.power === 'paused' ? 'running' : source.power)),
    powerOff: () =>
      asked('power off', () => {
        if (launch.fails.has('powerOff'))
          return err({ type: 'Refused', operation: 'power off', detail: 'the VM is locked' } as const);
        source.power = 'off';
        return ok(undefined);
      }),
    powerOn: () =>
      asked('power on', () => {
        if (source.power !== 'off') return ok(undefined);
        launch.onPowerOn();
        // Whatever was tracked inside is gone with the kernel that tracked it.
        source.restart();
        return ok(undefined);
      }),
    disconnect: connect(false),
    reconnect: connect(true),
    annotate: (note) => asked('annotate', () => (launch.notes.push(note), ok(undefined))),
    close: async () => undefined,
  };
}

function fixUpOf(launch: SmallLaunch, during: During): FixUp {
  const failed = (step: string) => err({ type: 'ToolFailed', step, detail: 'it said no' } as const);
  const fixUp: FixUp = {
    inspect: async () => failed('inspect'),
    plan: (_disks, target) =>
      during('plan fix-up', () => {
        if (launch.fails.has('plan')) return failed('plan');
        const edit = {
          ...{ id: 'drivers', what: 'add vmw_pvscsi', why: 'the disk', path: '/etc/modules' },
          ...{ before: '', after: 'vmw_pvscsi\n' },
        };
        const stage = {
          ...{ id: 'stage', what: 'the stage', why: 'the sentinel', path: '/stage.json' },
          after: target.stage ?? '',
        };
        return ok({
          version: 1,
          guest: { family: 'debian', name: 'Debian', kernels: [] },
          edits: [edit, stage],
          findings: [],
        });
      }),
    apply: (disks, plan) =>
      during('apply fix-up', () => {
        if (launch.fails.has('apply')) return failed('apply');
        const order = plan.edits.find(({ id }) => id === 'stage')?.after;
        for (const { path } of disks) launch.images.set(path, { fixed: true, order });
        return ok(undefined);
      }),
    verify: () =>
      during('verify fix-up', () => {
        const verdict = launch.fails.has('verify') ? ('failed' as const) : ('passed' as const);
        return ok([{ id: 'initramfs', verdict, message: 'the drivers are in it', remedy: '' }]);
      }),
    open: (disks, { prepared } = {}) => ({
      plan: (target) => fixUp.plan(disks, target),
      apply: async (plan) => {
        const applied = await fixUp.apply(disks, plan);
        const isThere = prepared?.type === 'use' && launch.prepared.has(prepared.folder);
        return applied.ok ? ok({ made: ['initramfs'], prepared: isThere, whyNot: '' }) : applied;
      },
      verify: (plan) => fixUp.verify(disks, plan),
      keepMade: () =>
        during('keep what was made', () => {
          if (launch.fails.has('keep')) return ok({ files: [], whyNot: '/etc/x was changed' });
          if (prepared?.type === 'make') launch.prepared.set(prepared.folder, prepared.of);
          return ok({ files: ['/boot/initramfs'], whyNot: '' });
        }),
      close: async () => ok(undefined),
    }),
  };
  return fixUp;
}

function platformOf(launch: SmallLaunch, asked: Asked): TargetPlatform {
  const gone = (name: string) => err({ type: 'NotFound', name } as const);
  const report = (vm: SmallVm): void => {
    const file = parseStageFile(launch.images.get(vm.plan.disks[0]?.path ?? '')?.order ?? '');
    if (!file.ok) return;
    const { stage, migration, checks: wanted } = file.value;
    const verdict = launch.fails.has('validation') ? 'failed' : 'passed';
    const found = wanted.map(({ id, kind }) => {
      const waits = kind === 'address' && vm.links !== 'connected';
      return {
        id,
        verdict: waits ? 'warning' : verdict,
        message: waits ? waitsForNetwork : `${id}: looked at`,
        remedy: '',
      };
    });
    vm.console += `SEALIFT-REPORT ${JSON.stringify({ stage, migration, checks: found, booted: true })}\n`;
  };
  return {
    find: (name) => asked('find', () => ok(launch.vms.get(name))),
    launch: (plan, links) =>
      asked('launch', () => {
        if (launch.fails.has('launch'))
          return err({ type: 'Refused', operation: 'launch', detail: 'no room' } as const);
        const there = launch.vms.get(plan.name);
        if (there) return ok(there);
        const vm: SmallVm = { name: plan.name, plan, power: 'running', links, console: 'booting\n' };
        launch.vms.set(plan.name, vm);
        if (plan.disks.every(({ path }) => launch.images.get(path)?.fixed)) report(vm);
        else vm.console += 'ALERT!  UUID=0c1d does not exist.  Dropping to a shell!\n';
        return ok(vm);
      }),
    setLinks: (name, links) =>
      asked('set links', () => {
        const vm = launch.vms.get(name);
        if (!vm) return gone(name);
        vm.links = links;
        report(vm);
        return ok(undefined);
      }),
    powerOff: (name) =>
      asked('power target off', () => {
        const vm = launch.vms.get(name);
        if (vm) vm.power = 'off';
        return vm ? ok(undefined) : gone(name);
      }),
    remove: (name) => asked('remove', () => (launch.vms.delete(name), ok(undefined))),
    console: (name) =>
      asked('console', () => (launch.vms.has(name) ? ok(launch.vms.get(name)?.console ?? '') : gone(name))),
    close: async () => undefined,
  };
}

const sentinelOf = ({ boot }: SmallLaunch) => ({ version: '0', bootId: boot });
