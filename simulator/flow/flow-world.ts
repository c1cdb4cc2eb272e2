import { Few } from '#core/driver/few';
import type { SteppedWorld } from '#core/driver/stepped-world';
import type { Effect } from '#core/migration/effects';
import type { MigrationFact, MigrationFactType } from '#core/migration/facts';
import type { MigrationPlan, SourcePlatform } from '#core/migration/plan';
import { invariant } from '#core/invariant';
import type { Rng } from '#core/rng';
import { minutes, type Millis } from '#core/units';
import type { Estate, EstateVm } from '#simulator/estate/estate';
import type { Attempt, Fault, Interference } from '#simulator/faults/fault';
import { playSpells } from '#simulator/faults/spell';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { defaultAssumptions, type Assumptions } from './assumptions.ts';
import { datastores } from './datastores.ts';
import { MachineWorld, type Surroundings } from './machine-world.ts';
import type { Machine, MachineView } from './machine.ts';
import { hostOf, placesOf, sentinelPlace, sharedWays } from './network.ts';
import { flowStage } from './stage.ts';
import { taskLine } from './task-line.ts';
import { takenUp, type MachineStanding } from './resume.ts';
import { transfers } from './transfers.ts';
import { writeLedger } from './write-ledger.ts';

/** A world in which bytes are counted and not moved. It outlives the drivers that ask it for things. */
export interface FlowWorld {
  /** The part of the world that one VM's driver talks to. */
  of(vm: string, plan: Pick<MigrationPlan, 'handOver'>): SteppedWorld<MigrationFact, Effect>;
  /** Tells the world what was logged of a VM, for what is to go wrong at that. Not needed otherwise. */
  happened(vm: string, fact: MigrationFactType): void;
  /** Where one VM's parts stand, as somebody walking through both sites would see them. */
  look(vm: string): MachineView;
  /** What has crossed each place so far. */
  usage(): WorldUsage;
  /**
   * From now on links, hosts, appliances and datastores are those of another estate with the same names and VMs. Streams
   * under way share what there is now; what each can take by itself changes with the next round.
   */
  become(estate: Estate): void;
}

/** What has crossed each place of a world, in stretches of equal length from its start on. */
export interface WorldUsage {
  readonly bucket: Millis;
  readonly places: readonly PlaceUsage[];
}

/** What has crossed one place: a host, a link, the gateway or the receiver. */
export interface PlaceUsage {
  readonly name: string;
  /** What it can carry, in bytes per second. */
  readonly capacity: number;
  /** Bytes, by stretch; trailing stretches in which nothing crossed are left out. */
  readonly carried: readonly number[];
}

/** What a flow world is made of. */
export interface FlowWorldOptions {
  readonly estate: Estate;
  readonly clock: SimulatedClock;
  /** The world's own stream of chance. */
  readonly rng: Rng;
  readonly faults?: readonly Fault[];
  readonly assumptions?: Assumptions;
  /** How often the progress of a round becomes a fact. Each one costs as much as any other fact. */
  readonly progressEvery?: Millis;
  /** Where a VM's parts stand at the start, if its migration is gone on with; a VM that nobody has touched if not given. */
  readonly standing?: (vm: string) => MachineStanding | undefined;
}

/** Makes a world from an estate and a seed. */
export function flowWorld({
  estate,
  clock,
  rng,
  faults = [],
  assumptions = defaultAssumptions,
  progressEvery = minutes(1),
  standing = () => undefined,
}: FlowWorldOptions): FlowWorld {
  const sentinels = new Set(faults.flatMap((fault) => fault.sentinels ?? []));
  let places = new Map([...placesOf(estate, assumptions.compute), ...sentinelPlaces(estate, sentinels, assumptions)]);
  const shared = transfers(clock, places);
  const machines = new Map(
    estate.vms.map((vm) => [vm.name, newMachine(vm, hostOf(estate, vm).platform, assumptions, clock)]),
  );
  for (const [name, fresh] of machines) {
    const stands = standing(name);
    if (stands) machines.set(name, takenUp(fresh, stands));
  }
  const machineOf = (vm: string): Machine => {
    const machine = machines.get(vm);
    invariant(machine, `there is no VM ${vm} in this world`);
    return machine;
  };
  const strike = (attempt: Attempt): Interference | undefined => {
    for (const fault of faults) {
      const interference = fault.strike(attempt);
      if (interference) return interference;
    }
    return undefined;
  };
  const surroundings: Surroundings = {
    estate,
    ways: sharedWays(estate, assumptions),
    clock,
    transfers: shared,
    datastores: datastores(estate),
    tasks: estate.vcenter && taskLine(estate.vcenter.tasks),
    sentinels,
    strike,
    progressEvery,
  };
  const spells = playSpells(
    faults.flatMap((fault) => fault.spells),
    clock,
    flowStage(machines, shared, clock),
  );
  return {
    happened: (vm, fact) => spells.happened(vm, fact),
    of: (vm, plan) => new MachineWorld(machineOf(vm), rng.fork(`vm ${vm}`), plan, surroundings),
    look(vm) {
      const { source, target, clone, tracking } = machineOf(vm);
      return { source, target, clone, tracking };
    },
    become(next) {
      surroundings.estate = next;
      surroundings.ways = sharedWays(next, assumptions);
      places = new Map([...places, ...placesOf(next, assumptions.compute)]);
      shared.become(places);
    },
    usage() {
      const { bucket, carried } = shared.usage();
      return {
        bucket,
        places: [...places].map(([name, capacity], i) => ({ name, capacity, carried: carried[i] ?? [] })),
      };
    },
  };
}

/** Where something may happen to a sentinel, it is a place of its own, and in nobody's way. */
const sentinelPlaces = (
  { vms }: Estate,
  sentinels: ReadonlySet<string>,
  { streams }: Assumptions,
): readonly (readonly [string, number])[] =>
  vms
    .filter(({ name }) => sentinels.has(name))
    .map(({ name, disks }) => [sentinelPlace(name), disks.length * streams.diskMax] as const);

const newMachine = (
  vm: EstateVm,
  platform: SourcePlatform,
  assumptions: Assumptions,
  clock: SimulatedClock,
): Machine => ({
  vm,
  platform,
  assumptions,
  writes: writeLedger(vm.writes, assumptions.rounds.grain, clock.now()),
  source: { power: 'running', connected: true },
  tracking: 'none',
  hostsDown: 0,
  diskChanges: undefined,
  target: { power: 'none', connected: false },
  clone: 'none',
  replica: { made: false, fixedUp: false },
  round: undefined,
  complete: false,
  done: new Map(),
  underway: new Few(),
  untold: undefined,
  tries: new Map(),
});
