import type { MigrationFactType } from '#core/migration/facts';
import { sourcePlatforms, type SourcePlatform } from '#core/migration/plan';
import type { Rng } from '#core/rng';
import { hours, millis, minutes, ratio, seconds, type Millis } from '#core/units';
import { blockFaultNames, blockFaultOf, type BlockFaultKind } from '#simulator/block/fault-kinds';
import type { BlockDisk, BlockFault, BlockSpec, BlockVm, BlockWave, FaultMoment } from '#simulator/block/spec';
import { seededRng } from '#simulator/kernel/seeded-rng';

/*
 * Strange worlds from a seed. Each seed turns a random half of the kinds of faults off and draws how often the rest
 * strikes: a fault that is always there hides what only happens without it. What is drawn is written into the
 * specification, so that taking a part out of it draws nothing else anew.
 */

/** What the worlds of a search have in common. */
export interface SwarmShape {
  readonly vms: number;
  /** Disks of a VM, at most. */
  readonly disksMax: number;
  /** Size of a disk in grains, at most. */
  readonly grainsMax: number;
  readonly platforms: readonly SourcePlatform[];
  /** Names of applications: about half of the VMs are in one. */
  readonly applications: readonly string[];
  readonly cutoversMax: number;
  readonly syncsMax: number;
  readonly downtimeBudget: Millis;
  readonly finalize: boolean;
  /** Kinds that may strike; every kind if left out. */
  readonly kinds?: readonly BlockFaultKind[];
  /** Kinds that are on in three worlds of four, and not in every second one. */
  readonly favoured?: readonly BlockFaultKind[];
  /** Only what the design promises to survive, and progress is demanded; without it, safety alone. */
  readonly budget: boolean;
}

/** Six VMs with two disks each, over every platform. */
export const swarmShape: SwarmShape = {
  vms: 6,
  disksMax: 2,
  grainsMax: 16,
  platforms: sourcePlatforms,
  applications: ['app-1', 'app-2'],
  cutoversMax: 2,
  syncsMax: 4,
  downtimeBudget: minutes(2),
  finalize: true,
  budget: true,
};

// Facts after which something is about to be done: what strikes then strikes in the middle of it.
const moments: readonly MigrationFactType[] = [
  'ProtectionStarted',
  'ReplicationInitiated',
  'RoundCompleted',
  'CutoverStarted',
  'EffectRequested',
  'SourceQuiesced',
  'FinalSyncCompleted',
  'SourceFenced',
  'ReplicaFixedUp',
  'TargetLaunched',
  'TargetConnected',
  'TestLaunched',
  'RollbackRequested',
];

// Of a fault that lasts: much shorter than any patience of ours, about as long, and longer.
const spells: readonly (readonly [min: Millis, max: Millis])[] = [
  [seconds(1), seconds(20)],
  [seconds(20), minutes(3)],
  [minutes(3), minutes(25)],
];

// Often what is usual, seldom what is odd.
const guests: readonly BlockVm['guest'][] = [
  ...Array.from({ length: 10 }, () => 'debian' as const),
  ...(['windows', 'windows', 'windows', 'windows', 'unbootable'] as const),
];
const handOvers: readonly BlockVm['handOver'][] = ['launch', 'launch', 'launch', 'replica'];

/** The world of a seed. */
export function swarmSpec(seed: number, shape: SwarmShape = swarmShape): BlockSpec {
  const rng = seededRng(seed).fork('swarm');
  const vms = Array.from({ length: shape.vms }, (_, i) => vmOf(rng.fork(`vm-${i + 1}`), `vm-${i + 1}`, shape));
  const wave = waveOf(rng.fork('wave'), shape);
  // The window is open when the world heals, so that faults meet cutovers, and there is time left for some without any.
  const healAt = seconds(rng.fork('heal').between(wave.windowStart / 1_000, wave.windowEnd / 1_000));
  const kinds = (shape.kinds ?? blockFaultNames).filter(
    (kind) =>
      (!shape.budget || blockFaultOf(kind).promised) &&
      rng.fork(`is on: ${kind}`).chance(ratio(shape.favoured?.includes(kind) ? 3 : 2, 4)),
  );
  const faults = kinds.flatMap((kind) => faultsOf(rng.fork(`fault ${kind}`), kind, vms, healAt));
  return { seed, vms, wave, faults, healAt, liveWithin: hours(12) };
}

function vmOf(rng: Rng, name: string, shape: SwarmShape): BlockVm {
  const hypervisor = rng.fork('hypervisor').pick(shape.platforms);
  const guest = rng.fork('guest').pick(guests);
  const handOver = rng.fork('hand over').pick(handOvers);
  const disks = rng.fork('disks').between(1, shape.disksMax);
  return {
    name,
    hypervisor,
    // The sentinel reads the disks of Linux guests only.
    via: guest === 'windows' ? 'hypervisor' : rng.fork('via').pick(['hypervisor', 'sentinel']),
    disks: Array.from({ length: disks }, (_, i) => diskOf(rng.fork(`disk ${i}`), `disk-${i}`, shape)),
    writesPerMinute: rng.fork('writes').pick([0, 2, 20, 120]),
    application: applicationOf(rng.fork('application'), shape),
    handOver,
    testLaunch: handOver === 'launch' && rng.fork('test').chance(ratio(1, 4)),
    guest,
  };
}

const applicationOf = (rng: Rng, { applications }: SwarmShape): string | null =>
  applications.length > 0 && rng.chance(ratio(1, 2)) ? rng.pick(applications) : null;

const diskOf = (rng: Rng, id: string, { grainsMax }: SwarmShape): BlockDisk => ({
  id,
  grains: rng.fork('grains').between(Math.min(2, grainsMax), grainsMax),
  tracking: rng.fork('tracking').chance(ratio(7, 8)),
});

function waveOf(rng: Rng, { cutoversMax, syncsMax, downtimeBudget, finalize }: SwarmShape): BlockWave {
  const windowStart = minutes(rng.fork('start').between(10, 60));
  return {
    windowStart,
    // Some windows close on cutovers that are under way.
    windowEnd: millis(windowStart + minutes(rng.fork('end').pick([10, 30, 120, 240]))),
    cutoversMax: rng.fork('cutovers').between(1, cutoversMax),
    syncsMax: rng.fork('syncs').between(1, syncsMax),
    downtimeBudget,
    finalize: finalize && rng.fork('finalize').chance(ratio(1, 2)),
  };
}

function faultsOf(rng: Rng, kind: BlockFaultKind, vms: readonly BlockVm[], healAt: Millis): readonly BlockFault[] {
  const { hits, lasts } = blockFaultOf(kind);
  const concerned = vms.filter((vm) => concerns(kind, vm));
  if (concerned.length === 0) return [];
  return Array.from({ length: rng.fork('count').pick([1, 1, 1, 2, 2, 4]) }, (_, i) => {
    const own = rng.fork(String(i));
    const vm = own.fork('vm').pick(concerned);
    const [min, max] = own.fork('spell').pick(spells);
    return {
      kind,
      at: momentOf(own.fork('at'), hits === 'vm' ? vm.name : own.fork('whose').pick(vms).name, healAt),
      vm: hits === 'vm' ? vm.name : null,
      lasts: lasts === 'while' ? lasting(kind, own.fork('lasts').between(min, max)) : millis(0),
    };
  });
}

// Nobody fetches what is written while there is no manager: how long that may be is a promise of those who run it.
const managerAwayMax = minutes(4);

const lasting = (kind: BlockFaultKind, drawn: number): Millis =>
  millis(kind === 'managerKilled' ? Math.min(drawn, managerAwayMax) : drawn);

function momentOf(rng: Rng, vm: string, healAt: Millis): FaultMoment {
  if (rng.fork('type').chance(ratio(1, 2))) return { type: 'time', ms: millis(rng.fork('ms').between(0, healAt)) };
  return { type: 'fact', vm, fact: rng.fork('fact').pick(moments), nth: rng.fork('nth').pick([1, 1, 1, 2, 3]) };
}

/** Whether a fault of that kind can hit a VM at all. */
function concerns(kind: BlockFaultKind, { via, disks }: BlockVm): boolean {
  if (kind === 'sentinelKilled') return via === 'sentinel';
  if (kind === 'trackingLost') return disks.some(({ tracking }) => tracking);
  return true;
}
