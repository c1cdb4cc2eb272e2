import type { Finding, Outcome, Report, World } from '#core/driver/world';
import type { WorkItem } from '#core/driver/model';
import { isSideEffect, type Effect, type SideEffectType } from '#core/migration/effects';
import type { Check, MigrationFact } from '#core/migration/facts';
import type { MigrationPlan, SourcePlatform } from '#core/migration/plan';
import { invariant, InvariantError } from '#core/invariant';
import type { Rng } from '#core/rng';
import { minutes, type Millis } from '#core/units';
import type { Estate, EstateVm } from '#simulator/estate/estate';
import type { Attempt, Fault, Interference } from '#simulator/faults/fault';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { validationChecks, verificationChecks } from './checks.ts';
import type { Machine, MachineView } from './machine.ts';
import { hostOf, linkPlace, placesOf, wayOf } from './network.ts';
import { answerTimeout, drawn, lookSpan, operationOf, validateSpan } from './operations.ts';
import { grain, runRound, type RoundEnding } from './rounds.ts';
import { transfers, type Transfers } from './transfers.ts';
import { writeLedger } from './write-ledger.ts';

/** A world in which bytes are counted and not moved. It outlives the drivers that ask it for things. */
export interface FlowWorld {
  /** The part of the world that one VM's driver talks to. */
  of(vm: string, plan: Pick<MigrationPlan, 'handOver'>): World<MigrationFact, Effect>;
  /** Where one VM's parts stand, as somebody walking through both sites would see them. */
  look(vm: string): MachineView;
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
}

/** Makes a world from an estate and a seed. */
export function flowWorld({
  estate,
  clock,
  rng,
  faults = [],
  progressEvery = minutes(1),
}: FlowWorldOptions): FlowWorld {
  const shared = transfers(clock, placesOf(estate));
  for (const { link, from, until } of faults.flatMap(({ outages }) => outages)) {
    clock.schedule(from, () => shared.takeDown(linkPlace(link)));
    clock.schedule(until, () => shared.bringUp(linkPlace(link)));
  }
  const machines = new Map(estate.vms.map((vm) => [vm.name, newMachine(vm, hostOf(estate, vm).platform, clock)]));
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

interface Surroundings {
  readonly estate: Estate;
  readonly clock: SimulatedClock;
  readonly transfers: Transfers;
  readonly strike: (attempt: Attempt) => Interference | undefined;
  readonly progressEvery: Millis;
}

type Work = WorkItem<Effect>;
type Told = Outcome<MigrationFact>;
const told = (...facts: readonly MigrationFact[]): Told => ({ type: 'facts', facts });
// Nobody hears this: the work had been given up.
const dropped = told();

class MachineWorld implements World<MigrationFact, Effect> {
  readonly #machine: Machine;
  readonly #rng: Rng;
  readonly #plan: Pick<MigrationPlan, 'handOver'>;
  readonly #around: Surroundings;

  constructor(machine: Machine, rng: Rng, plan: Pick<MigrationPlan, 'handOver'>, around: Surroundings) {
    this.#machine = machine;
    this.#rng = rng;
    this.#plan = plan;
    this.#around = around;
  }

  async perform(work: Work, report: Report<MigrationFact>, signal: AbortSignal): Promise<Told> {
    const { done, underway } = this.#machine;
    for (;;) {
      const known = done.get(work.key);
      if (known) return told(...known);
      const other = underway.get(work.key);
      if (!other) break;
      // Asked again by somebody who does not know that it goes on: it is done once, and both hear of it.
      const outcome = await Promise.race([other, aborted(signal)]);
      if (outcome === undefined || outcome !== dropped) return outcome ?? dropped;
    }
    const begun = this.#begin(work, report, signal).finally(() => underway.delete(work.key));
    underway.set(work.key, begun);
    return begun;
  }

  async #begin(work: Work, report: Report<MigrationFact>, signal: AbortSignal): Promise<Told> {
    const { effect } = work;
    const rng = this.#drawFor(effect.type);
    const struck = this.#around.strike({ vm: this.#machine.vm.name, effect });
    switch (effect.type) {
      case 'verifySource':
        return this.#verify(rng, signal, struck);
      case 'validateTarget':
        return this.#validate(rng, signal, struck);
      case 'runFullSync':
        return this.#round('full', effect, { rng, report, signal });
      case 'runRescan':
        return this.#round('rescan', effect, { rng, report, signal });
      case 'runDeltaSync':
        return this.#round('delta', effect, { rng, report, signal }, struck);
      case 'runFinalSync':
        return this.#round('final', effect, { rng, report, signal }, struck);
      case 'armTimer':
        throw new InvariantError('timers are the driver’s own');
      default:
        return this.#operate({ ...work, effect }, rng, signal, struck);
    }
  }

  async reconcile(work: Work, signal: AbortSignal): Promise<Finding<MigrationFact>> {
    await this.#around.clock.wait(drawn(this.#drawFor('reconcile'), lookSpan), signal);
    await Promise.race([this.#machine.underway.get(work.key), aborted(signal)]);
    if (this.#machine.untold.has(work.key))
      return { type: 'cannotTell', why: 'the platform keeps no record of this request' };
    const known = this.#machine.done.get(work.key);
    return known ? { type: 'done', facts: known } : { type: 'notDone' };
  }

  /** A stream of chance for this try: what other tries drew does not move it. */
  #drawFor(what: string): Rng {
    const { tries } = this.#machine;
    const count = tries.get(what) ?? 0;
    tries.set(what, count + 1);
    return this.#rng.fork(`${what} ${count}`);
  }

  async #wait(duration: Millis, signal: AbortSignal): Promise<boolean> {
    await this.#around.clock.wait(duration, signal);
    return !signal.aborted;
  }

  async #verify(rng: Rng, signal: AbortSignal, struck: Interference | undefined): Promise<Told> {
    if (!(await this.#wait(drawn(rng, lookSpan), signal))) return dropped;
    const checks = [...verificationChecks(this.#around.estate, this.#machine.vm), ...failedCheck(struck)];
    return told({ type: passed(checks) ? 'VerificationPassed' : 'VerificationFailed', data: { checks } });
  }

  async #validate(rng: Rng, signal: AbortSignal, struck: Interference | undefined): Promise<Told> {
    if (!(await this.#wait(drawn(rng, validateSpan), signal))) return dropped;
    const { handOver } = this.#plan;
    const runs = handOver === 'replica' || this.#machine.target.connected;
    const checks = [...(runs ? validationChecks(handOver) : [notRunning]), ...failedCheck(struck)];
    return told({ type: passed(checks) ? 'TargetValidated' : 'ValidationFailed', data: { checks } });
  }

  async #round(
    kind: 'full' | 'delta' | 'rescan' | 'final',
    { params }: Extract<Effect, { type: 'runFullSync' | 'runDeltaSync' | 'runRescan' | 'runFinalSync' }>,
    { rng, report, signal }: { rng: Rng; report: Report<MigrationFact>; signal: AbortSignal },
    struck?: Interference,
  ): Promise<Told> {
    const { clock, transfers: streams, estate, progressEvery } = this.#around;
    const machine = this.#machine;
    if (struck?.type === 'trackingLost') machine.tracking = 'lost';
    if ((kind === 'delta' || kind === 'final') && machine.tracking !== 'on') {
      if (!(await this.#wait(drawn(rng, lookSpan), signal))) return dropped;
      return told(lostTracking(kind, machine.vm, struck));
    }
    const way = wayOf(estate, machine.vm);
    const surroundings = { clock, transfers: streams, machine, way, rng, progressEvery, report, signal };
    const ending = await runRound(kind, params, surroundings);
    return roundOutcome(kind, ending);
  }

  async #operate(
    { key, effect }: WorkItem<Extract<Effect, { type: SideEffectType }>>,
    rng: Rng,
    signal: AbortSignal,
    struck: Interference | undefined,
  ): Promise<Told> {
    const { clock } = this.#around;
    invariant(isSideEffect(effect.type), `${effect.type} is no side effect`);
    if (struck?.type === 'ignored') return (await aborted(signal), dropped);
    if (struck?.type === 'refused')
      return (await this.#wait(drawn(rng, lookSpan), signal)) ? told(struck.fact) : dropped;
    const lost = struck?.type === 'answerLost' ? struck : undefined;
    if (lost?.found === 'notAtAll') this.#machine.untold.add(key);
    if (!lost || lost.done) {
      const { steps, facts } = operationOf(effect, this.#machine, rng);
      for (const { takes, change } of steps) {
        if (!(await this.#wait(takes, signal))) return dropped;
        change?.(clock.now());
      }
      const came = facts();
      // A refusal changed nothing: asked again, the world looks again.
      if (came.every(({ type }) => !type.endsWith('Failed'))) this.#machine.done.set(key, came);
      if (!lost) return told(...came);
    }
    if (!(await this.#wait(drawn(rng, answerTimeout), signal))) return dropped;
    return { type: 'unknown', why: lost?.why ?? '' };
  }
}

const passed = (checks: readonly Check[]): boolean => checks.every(({ verdict }) => verdict !== 'failed');
const failedCheck = (struck: Interference | undefined): readonly Check[] =>
  struck?.type === 'checkFails' ? [struck.check] : [];
const notRunning: Check = {
  id: 'target-runs',
  verdict: 'failed',
  message: 'there is no target that runs and is connected',
  remedy: 'roll back',
};

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });

function lostTracking(kind: 'delta' | 'final', { disks }: EstateVm, struck: Interference | undefined): MigrationFact {
  const detail = struck?.type === 'trackingLost' ? struck.detail : 'tracking is not on';
  const [disk] = disks;
  invariant(disk, 'every VM has a disk');
  return kind === 'final'
    ? { type: 'FinalSyncFailed', data: { reason: { type: 'TrackingLost', detail }, trackingLost: true } }
    : { type: 'TrackingLost', data: { disk: disk.id, detail } };
}

function roundOutcome(kind: 'full' | 'delta' | 'rescan' | 'final', ending: RoundEnding): Told {
  switch (ending.type) {
    case 'givenUp':
      return dropped;
    case 'completed':
      return told({ type: kind === 'final' ? 'FinalSyncCompleted' : 'RoundCompleted', data: ending.report });
    case 'broken': {
      const reason = { type: 'Unreachable', detail: `${ending.place} is down` };
      return kind === 'final'
        ? told({ type: 'FinalSyncFailed', data: { reason, trackingLost: false } })
        : told({ type: 'ReplicationDisconnected', data: { endpoint: 'receiver', reason } });
    }
  }
}
