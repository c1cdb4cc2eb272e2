import { diskId, type MigrationId } from '#core/ids';
import type { MigrationCommand } from '#core/migration/commands';
import { after, bytes, bytesPerSecond, hours, instant, millis, ratio, type Instant, type Millis } from '#core/units';
import { grain } from '#replicator/pipeline/digest';
import { proceduralDisk } from '#simulator/block/disk/procedural-disk';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { replicaFolder, type Appliance, type Appliances } from './appliances.ts';
import type { WorldVm } from './block-vm.ts';
import { blockFaultOf, type BlockFaultKind } from '#simulator/block/fault-kinds';
import type { Ledger } from './ledger.ts';
import type { Manager } from './driving-process.ts';
import type { BlockFault, BlockSpec } from '#simulator/block/spec';
import type { Sentinels } from './sentinels.ts';
import type { VmTarget } from './target-side.ts';
import type { VmCalls } from './vm-calls.ts';

/** One VM with all that may befall it. */
export interface FaultyVm {
  readonly vm: WorldVm;
  readonly calls: VmCalls;
  readonly target: VmTarget;
  /** Parts of its disks that cannot be read just now. */
  readonly unreadable: Set<(at: number) => boolean>;
  /** How much later than they should people come. */
  lateBy: Millis;
  /** The next command is sent a second time. */
  repeats: boolean;
}

/** What faults act on. */
export interface FaultGround {
  readonly spec: BlockSpec;
  readonly clock: SimulatedClock;
  readonly start: Instant;
  readonly manager: Manager;
  readonly appliances: Appliances;
  readonly sentinels: Sentinels;
  readonly vms: ReadonlyMap<MigrationId, FaultyVm>;
  readonly ledger: Ledger;
  readonly send: (migration: MigrationId, command: MigrationCommand) => void;
}

/** Plays the faults of a world. */
export interface FaultPlayer {
  /** A fact came into the log; one that a fault waits for sets it off. */
  happened(migration: MigrationId, type: string): void;
  /** Ends every fault. */
  heal(): void;
}

type End = () => void;

/** Faults that wait for their moments. */
export function playFaults(ground: FaultGround): FaultPlayer {
  const { spec, clock, start, ledger, vms } = ground;
  const counts = new Map<string, number>();
  const ends = new Set<End>();
  const hit = ({ vm }: BlockFault): readonly FaultyVm[] =>
    [...vms.values()].filter((each) => vm === null || each.vm.spec.name === vm);
  const begin = (fault: BlockFault): void => {
    if (clock.now() >= start + spec.healAt) return;
    const hits = hit(fault);
    ledger.struck(
      fault.kind,
      hits.map(({ vm }) => vm.migration),
    );
    const end = strike(ground, fault.kind, hits);
    if (!end) return;
    const endOnce = (): void => {
      if (ends.delete(endOnce)) end();
    };
    ends.add(endOnce);
    // What is to happen once waits for its occasion.
    const lasts = blockFaultOf(fault.kind).lasts === 'moment' ? Infinity : Math.max(1, fault.lasts);
    const until = Math.min(clock.now() + lasts, start + spec.healAt);
    clock.schedule(instant(until), endOnce);
  };
  const waiting: BlockFault[] = [];
  for (const fault of spec.faults)
    if (fault.at.type === 'time') clock.schedule(after(start, fault.at.ms), () => begin(fault));
    else waiting.push(fault);
  return {
    happened(migration, type) {
      const key = `${migration} ${type}`;
      const nth = (counts.get(key) ?? 0) + 1;
      counts.set(key, nth);
      for (const fault of waiting) {
        const { at } = fault;
        if (at.type !== 'fact' || at.fact !== type || at.nth !== nth || at.vm !== migration) continue;
        // Not from within the append that told of it.
        clock.schedule(after(clock.now(), millis(1)), () => begin(fault));
      }
    },
    heal() {
      for (const end of [...ends]) end();
    },
  };
}

/** Has a fault happen, and answers with how it ends, if it goes on. */
function strike(ground: FaultGround, kind: BlockFaultKind, hits: readonly FaultyVm[]): End | undefined {
  const each = (act: (vm: FaultyVm) => End | void): End | undefined => {
    const ends = hits.map(act).filter((end) => typeof end === 'function');
    return ends.length > 0 ? () => ends.forEach((end) => end()) : undefined;
  };
  const world = worldFaults(ground);
  if (kind in world) return world[kind as WorldKind]();
  return each(vmFaults(ground)[kind as VmKind]);
}

type WorldKind =
  | 'managerKilled'
  | 'gatewayKilled'
  | 'receiverKilled'
  | 'receiverPowerLost'
  | 'journalTorn'
  | 'linkCut'
  | 'linkSlow'
  | 'linkSilent'
  | 'datastoreFull'
  | 'replicaWriteFailed'
  | 'replicaSyncFailed';
type VmKind = Exclude<BlockFaultKind, WorldKind>;

const slow = bytesPerSecond(200_000);

function worldFaults({ appliances, manager }: FaultGround): Readonly<Record<WorldKind, () => End | undefined>> {
  const { network, volume, gateway, receiver } = appliances;
  const link = network.link('gateway', 'receiver');
  const down = (appliance: Appliance, how: 'kill' | 'losePower'): End => {
    appliance[how]();
    return () => appliance.start();
  };
  const isReplica = (path: string): boolean => path.startsWith(replicaFolder);
  return {
    managerKilled: () => {
      manager.kill();
      return () => manager.start();
    },
    gatewayKilled: () => down(gateway, 'kill'),
    receiverKilled: () => down(receiver, 'kill'),
    receiverPowerLost: () => down(receiver, 'losePower'),
    journalTorn: () => {
      let end: End | undefined;
      const forget = appliances.onJournalWrite(() => (end ??= down(receiver, 'losePower')));
      return () => {
        forget();
        end?.();
      };
    },
    linkCut: () => {
      network.cut('gateway', 'receiver');
      link.partition();
      return () => link.heal();
    },
    linkSlow: () => {
      link.set({ bandwidth: slow });
      return () => link.set({ bandwidth: 'unlimited' });
    },
    linkSilent: () => {
      link.partition();
      return () => link.heal();
    },
    datastoreFull: () => volume.fail('noSpace', { of: isReplica }),
    replicaWriteFailed: () => volume.fail('write', { of: isReplica, rate: ratio(1, 4) }),
    // The next one of a disk, and the next one of anything: else it would nearly always be that of a journal.
    replicaSyncFailed: () => {
      const ends = [
        volume.fail('sync', { of: (path) => isReplica(path) && path.endsWith('.raw'), once: true }),
        volume.fail('sync', { of: isReplica, once: true }),
      ];
      return () => ends.forEach((end) => end());
    },
  };
}

const locked = 'a backup holds a lock on the VM';

function vmFaults({ clock, send, sentinels }: FaultGround): Readonly<Record<VmKind, (vm: FaultyVm) => End | void>> {
  const doom =
    (fate: Parameters<VmCalls['doom']>[0]) =>
    ({ calls }: FaultyVm): void =>
      calls.doom(fate);
  return {
    answerLost: doom('answerLost'),
    callLost: doom('neverSent'),
    answerLate: doom('late'),
    callRefused: doom('refused'),
    commandRepeated: (vm) => void (vm.repeats = true),
    sentinelKilled: ({ vm }) => sentinels.kill(vm.spec.name),
    powerOffRefused: ({ vm }) => {
      vm.source.faults.refusePowerOff(locked);
      return () => vm.source.faults.refusePowerOff(undefined);
    },
    quiesceRefused: (vm) => refuseRest(vm, sentinels),
    hypervisorKilled: ({ vm }) => {
      vm.source.faults.crashHypervisor();
      return () => vm.source.machine.start();
    },
    hostDown: ({ vm }) => {
      const host = vm.source.faults.host();
      host.down();
      return () => host.up();
    },
    vmMoved: ({ vm }) => vm.source.faults.migrate(otherHost(vm)),
    haRestarted: ({ vm }) => {
      const host = vm.source.faults.host();
      const other = otherHost(vm);
      host.down();
      vm.source.faults.restartElsewhere(other);
      clock.schedule(after(clock.now(), millis(60_000)), () => host.up());
    },
    trackingLost: ({ vm }) => {
      vm.source.faults.forgetMarks('silently');
      sentinels.overrun(vm.spec.name);
    },
    diskAdded: ({ vm }) => {
      const id = diskId(`added${vm.source.machine.disks.length}`);
      if (vm.source.machine.disks.some((disk) => disk.id === id)) return;
      vm.source.faults.addDisk({ disk: proceduralDisk({ id, seed: 5, size: bytes(4 * grain) }), untracked: undefined });
      vm.scanBus();
    },
    diskGrown: ({ vm }) => {
      const last = vm.source.machine.disks.at(-1);
      if (last) vm.source.faults.growDisk(last.id, bytes(last.size + 2 * grain));
    },
    diskReadFailed: ({ unreadable }) => {
      const bad = (at: number): boolean => at < 2 * grain;
      unreadable.add(bad);
      return () => void unreadable.delete(bad);
    },
    clockJumped: ({ vm }) => vm.guest()?.jumpClock(hours(1)),
    guestRebooted: ({ vm }) => vm.reboot(),
    fixUpFailed: ({ target }) => target.failFixUp('apply'),
    bootFailed: ({ target }) => target.failBoot(),
    operatorCancelled: ({ vm }) => send(vm.migration, { type: 'CancelMigration', data: { reason: 'not today' } }),
    operatorPaused: ({ vm }) => {
      send(vm.migration, { type: 'PauseReplication', data: { reason: 'the link is needed' } });
      return () => send(vm.migration, { type: 'ResumeReplication', data: {} });
    },
    operatorLate: (vm) => {
      vm.lateBy = millis(20 * 60_000);
      return () => void (vm.lateBy = millis(0));
    },
  };
}

/** Neither its hypervisor nor its sentinel brings it to rest. */
function refuseRest({ vm, calls }: FaultyVm, sentinels: Sentinels): End {
  const why = 'the guest does not come to rest';
  const ends = [calls.refuse(/quiesce|pause|stop/i, why), sentinels.refuseRest(vm.spec.name, why)];
  return () => ends.forEach((end) => end());
}

const otherHost = ({ source, hosts }: WorldVm) =>
  hosts.find((host) => host !== source.faults.host()) ?? source.faults.host();
