import type { Clock } from '#core/clock';
import type { GuestAgent } from '#core/ports/guest-agent';
import { disksNamed, type HypervisorError, type SourceHypervisor } from '#core/ports/source-hypervisor';
import type { SourcePower } from '#core/ports/source-power';
import { err, ok, type Result } from '#core/result';
import { after, bytes, instant, millis, seconds } from '#core/units';
import type { LaunchSite } from '#replicator/live/launch/launch-site';
import type { ValidationCheck } from '#replicator/sentinel/stage/stage-file';
import { emptyInventory, rootFileSystem } from './small-launch-inventory.ts';
import type { Asked, During, SmallLaunch } from './small-launch-state.ts';
import { fixUpOf, platformOf } from './small-launch-target.ts';
import type { SmallSource, Step } from './small-source.ts';

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
    ...{
      fails: new Set(),
      fates: new Map(),
      words: { refused: 'not now', lost: 'the connection broke' },
      uninstalled: false,
    },
    ...{ boot: 'b', bootTakes: millis(0), awayUntil: instant(0), copyTakes: millis(1) },
    ...{ onChange: () => undefined, onPowerOn: () => undefined, onLate: () => undefined },
    site: (step) => siteOf(launch, source, step, clock),
  };
  return launch;
}

function siteOf(launch: SmallLaunch, source: SmallSource, step: Step, clock: Clock): LaunchSite {
  // Something may go wrong before a thing is done, and after it and before anybody knows.
  const during: During = async (name, work, takes = millis(1)) => {
    await step(`${name} asked`);
    await clock.wait(takes, new AbortController().signal);
    // Who dies while something takes long takes it along.
    if (takes > 1) await step(`${name} under way`);
    const done = work();
    launch.onChange(name);
    await step(`${name} done`);
    return done;
  };
  const asked = askedOf(launch, step, clock);
  return {
    agent: agentOf({ launch, source, clock }, step, asked),
    power: powerOf({ launch, source, clock }, asked),
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
        during(
          'copy replica',
          () => {
            launch.images.set(`${replica}~`, { fixed: false, order: undefined });
            return ok({ path: `${replica}~`, format: 'raw' as const });
          },
          launch.copyTakes,
        ),
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

/** A call to somebody outside, who answers, or does not. */
function askedOf(launch: SmallLaunch, step: Step, clock: Clock): Asked {
  return async (name, work) => {
    const carryOut = () => {
      const done = work();
      launch.onChange(name);
      return done;
    };
    const { words } = launch;
    const lost = err({ type: 'Unreachable', operation: name, detail: words.lost } as const);
    await step(`${name} asked`);
    const fate = launch.fates.get(name)?.shift();
    await clock.wait(millis(1));
    if (fate === 'refused') return err({ type: 'Refused', operation: name, detail: words.refused } as const);
    if (fate === 'lostBefore') return lost;
    if (typeof fate === 'object') {
      void clock.wait(fate.late).then(() => {
        carryOut();
        launch.onLate(name);
      });
      return lost;
    }
    const done = carryOut();
    await step(`${name} done`);
    return fate === 'lostAfter' ? lost : done;
  };
}

interface Surroundings {
  readonly launch: SmallLaunch;
  readonly source: SmallSource;
  readonly clock: Clock;
}

function agentOf({ launch, source, clock }: Surroundings, step: Step, asked: Asked): GuestAgent {
  const away = (operation: string) => err({ type: 'Unreachable', operation, detail: 'the guest is away' } as const);
  const isAway = (): boolean =>
    source.power === 'off' ||
    source.power === 'crashed' ||
    clock.now() < launch.awayUntil ||
    !(launch.sourceConnected || launch.hasOtherWay);
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

function powerOf({ launch, source, clock }: Surroundings, asked: Asked): SourcePower {
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
        launch.awayUntil = after(clock.now(), launch.bootTakes);
        return ok(undefined);
      }),
    disconnect: connect(false),
    reconnect: connect(true),
    annotate: (note) => asked('annotate', () => (launch.notes.push(note), ok(undefined))),
    close: async () => undefined,
  };
}

const sentinelOf = ({ boot }: SmallLaunch) => ({ version: '0', bootId: boot });
