import type { SteppedWorld } from '#core/driver/stepped-world';
import type { Effect } from '#core/migration/effects';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan, SourcePlatform } from '#core/migration/plan';
import { invariant } from '#core/invariant';
import type { Rng } from '#core/rng';
import { minutes, type Millis } from '#core/units';
import type { Estate, EstateVm } from '#simulator/estate/estate';
import type { Attempt, Fault, Interference } from '#simulator/faults/fault';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { MachineWorld } from './machine-world.ts';
import type { Machine, MachineView } from './machine.ts';
import { hostOf, linkPlace, placesOf } from './network.ts';
import { takenUp, type MachineStanding } from './resume.ts';
import { grain } from './rounds.ts';
import { transfers } from './transfers.ts';
import { writeLedger } from './write-ledger.ts';

/** A world in which bytes are counted and not moved. It outlives the drivers that ask it for things. */
export interface FlowWorld {
  /** The part of the world that one VM's driver talks to. */
  of(vm: string, plan: Pick<MigrationPlan, 'handOver'>): SteppedWorld<MigrationFact, Effect>;
  /** Where one VM's parts stand, as somebody walking through both sites would see them. */
  look(vm: string): MachineView;
  /** What has crossed each place so far. */
  usage(): WorldUsage;
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
  progressEvery = minutes(1),
  standing = () => undefined,
}: FlowWorldOptions): FlowWorld {
  const places = placesOf(estate);
  const shared = transfers(clock, places);
  for (const { link, from, until } of faults.flatMap(({ outages }) => outages)) {
    clock.schedule(from, () => shared.takeDown(linkPlace(link)));
    clock.schedule(until, () => shared.bringUp(linkPlace(link)));
  }
  const machines = new Map(estate.vms.map((vm) => [vm.name, newMachine(vm, hostOf(estate, vm).platform, clock)]));
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
  const surroundings = { estate, clock, transfers: shared, strike, progressEvery };
  return {
    of: (vm, plan) => new MachineWorld(machineOf(vm), rng.fork(`vm ${vm}`), plan, surroundings),
    look(vm) {
      const { source, target, clone, tracking } = machineOf(vm);
      return { source, target, clone, tracking };
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

const newMachine = (vm: EstateVm, platform: SourcePlatform, clock: SimulatedClock): Machine => ({
  vm,
  platform,
  writes: writeLedger(vm.writes, grain, clock.now()),
  source: { power: 'running', connected: true },
  tracking: 'none',
  target: { power: 'none', connected: false },
  clone: 'none',
  replica: { made: false, fixedUp: false },
  round: undefined,
  complete: false,
  done: new Map(),
  underway: new Map(),
  untold: new Set(),
  tries: new Map(),
});
