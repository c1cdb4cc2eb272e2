import type { WorkItem } from '#core/driver/model';
import type { LetGo, SteppedWorld, Told } from '#core/driver/stepped-world';
import type { Finding, Outcome } from '#core/driver/world';
import { isSideEffect, type Effect, type SideEffectType } from '#core/migration/effects';
import type { Check, MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import { invariant, InvariantError } from '#core/invariant';
import type { Rng } from '#core/rng';
import { after, type Millis } from '#core/units';
import type { Estate, EstateVm } from '#simulator/estate/estate';
import type { Attempt, Interference } from '#simulator/faults/fault';
import { errand, type Errand } from '#simulator/kernel/errand';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { validationChecks, verificationChecks } from './checks.ts';
import type { Datastores } from './datastores.ts';
import type { Machine, Underway } from './machine.ts';
import { brokenAt, operationHindrance, roundHindrance } from './hindrance.ts';
import { sentinelPlace, wayOf, type Way } from './network.ts';
import { drawn, operationOf } from './operations.ts';
import { runRound, type RoundEnding } from './rounds.ts';
import type { TaskLine } from './task-line.ts';
import type { Transfers } from './transfers.ts';

/** What the parts of one world share. */
export interface Surroundings {
  /** What there is just now: it may become another. */
  estate: Estate;
  /** The ways of its VMs. */
  ways: (vm: EstateVm) => Way;
  readonly clock: SimulatedClock;
  readonly transfers: Transfers;
  readonly datastores: Datastores;
  /** The line before the target platform; none where it does everything at once. */
  readonly tasks: TaskLine | undefined;
  /** VMs whose sentinel is a place of its own. */
  readonly sentinels: ReadonlySet<string>;
  readonly strike: (attempt: Attempt) => Interference | undefined;
  readonly progressEvery: Millis;
}

type Work = WorkItem<Effect>;
type Ended = Outcome<MigrationFact>;
type Done = (outcome: Ended) => void;
const came = (...facts: readonly MigrationFact[]): Ended => ({ type: 'facts', facts });
// Nobody hears this: the work had been given up.
const dropped = came();
const nothing: LetGo = () => undefined;

/** The part of a flow world that one VM's driver talks to. */
export class MachineWorld implements SteppedWorld<MigrationFact, Effect> {
  readonly #machine: Machine;
  readonly #rng: Rng;
  readonly #plan: Pick<MigrationPlan, 'handOver'>;
  readonly #around: Surroundings;
  #way: { readonly estate: Estate; readonly vm: EstateVm; readonly way: Way } | undefined;

  constructor(machine: Machine, rng: Rng, plan: Pick<MigrationPlan, 'handOver'>, around: Surroundings) {
    this.#machine = machine;
    this.#rng = rng;
    this.#plan = plan;
    this.#around = around;
  }

  perform(work: Work, told: Told<MigrationFact>): LetGo {
    const { done, underway } = this.#machine;
    // Only of side effects it is remembered what they came to, and most work is none.
    const known = isSideEffect(work.effect.type) ? done.get(work.key) : undefined;
    if (known) {
      told.done(came(...known));
      return nothing;
    }
    const other = underway.get(work.key);
    if (other) return this.#waitFor(waitingFor(other), work, told);
    const own: Underway = { waiting: undefined };
    underway.set(work.key, own);
    return this.#begin(work, told.report, (outcome) => {
      underway.delete(work.key);
      told.done(outcome);
      if (own.waiting) for (const hear of own.waiting) hear(outcome);
    });
  }

  reconcile(work: Work, found: (finding: Finding<MigrationFact>) => void): LetGo {
    const { clock } = this.#around;
    const { underway, untold, done } = this.#machine;
    const look = errand(clock, () => found({ type: 'notDone' }));
    const tell = (): void => {
      look.end();
      if (untold?.has(work.key))
        return found({ type: 'cannotTell', why: 'the platform keeps no record of this request' });
      const known = done.get(work.key);
      found(known ? { type: 'done', facts: known } : { type: 'notDone' });
    };
    look.wait(drawn(this.#drawFor('reconcile'), this.#machine.assumptions.answers.look), () => {
      const other = underway.get(work.key);
      if (!other) return tell();
      const others = waitingFor(other);
      others.add(tell);
      look.attend(() => others.delete(tell));
    });
    return look.giveUp;
  }

  /** Asked again by somebody who does not know that it goes on: it is done once, and both hear of it. */
  #waitFor(others: Set<Done>, work: Work, told: Told<MigrationFact>): LetGo {
    let letGo: LetGo = () => {
      others.delete(hear);
      told.done(dropped);
    };
    const hear = (outcome: Ended): void => {
      letGo = nothing;
      // Whoever began it has given it up, and this one wants it still.
      if (outcome === dropped) letGo = this.perform(work, told);
      else told.done(outcome);
    };
    others.add(hear);
    return () => letGo();
  }

  #begin(work: Work, report: Told<MigrationFact>['report'], done: Done): LetGo {
    const { effect } = work;
    const rng = this.#drawFor(effect.type);
    const struck = this.#around.strike({ vm: this.#machine.vm.name, effect });
    switch (effect.type) {
      case 'verifySource':
        return this.#verify(rng, done, struck);
      case 'validateTarget':
        return this.#validate(rng, done, struck);
      case 'runFullSync':
        return this.#round('full', effect, { rng, report, done }, struck);
      case 'runRescan':
        return this.#round('rescan', effect, { rng, report, done }, struck);
      case 'runDeltaSync':
        return this.#round('delta', effect, { rng, report, done }, struck);
      case 'runFinalSync':
        return this.#round('final', effect, { rng, report, done }, struck);
      case 'armTimer':
        throw new InvariantError('timers are the driver’s own');
      default:
        return this.#operate({ ...work, effect }, rng, done, struck);
    }
  }

  /** A stream of chance for this try: what other tries drew does not move it. */
  #drawFor(what: string): Rng {
    const { tries } = this.#machine;
    const count = tries.get(what) ?? 0;
    tries.set(what, count + 1);
    return this.#rng.fork(`${what} ${count}`);
  }

  /** An errand that ends with what it is told to `done`, once. */
  #errand(done: Done): { readonly run: Errand; readonly end: Done } {
    const run = errand(this.#around.clock, () => done(dropped));
    const end = (outcome: Ended): void => {
      run.end();
      done(outcome);
    };
    return { run, end };
  }

  #verify(rng: Rng, done: Done, struck: Interference | undefined): LetGo {
    const { run, end } = this.#errand(done);
    run.wait(drawn(rng, this.#machine.assumptions.answers.look), () => {
      const { vm, assumptions } = this.#machine;
      const ground = {
        limits: assumptions.limits,
        hostAnswers: this.#machine.hostsDown === 0,
        room: this.#around.datastores.roomFor(vm),
      };
      const checks = [...verificationChecks(this.#around.estate, vm, ground), ...failedCheck(struck)];
      end(came({ type: passed(checks) ? 'VerificationPassed' : 'VerificationFailed', data: { checks } }));
    });
    return run.giveUp;
  }

  #validate(rng: Rng, done: Done, struck: Interference | undefined): LetGo {
    const { run, end } = this.#errand(done);
    run.wait(drawn(rng, this.#machine.assumptions.answers.validate), () => {
      const { handOver } = this.#plan;
      const runs = handOver === 'replica' || this.#machine.target.connected;
      const checks = [...(runs ? validationChecks(handOver) : [notRunning]), ...failedCheck(struck)];
      end(came({ type: passed(checks) ? 'TargetValidated' : 'ValidationFailed', data: { checks } }));
    });
    return run.giveUp;
  }

  #round(
    kind: 'full' | 'delta' | 'rescan' | 'final',
    { params }: Extract<Effect, { type: 'runFullSync' | 'runDeltaSync' | 'runRescan' | 'runFinalSync' }>,
    { rng, report, done }: { readonly rng: Rng; readonly report: Told<MigrationFact>['report']; readonly done: Done },
    struck?: Interference,
  ): LetGo {
    const { clock, transfers: streams, progressEvery } = this.#around;
    const machine = this.#machine;
    if (struck?.type === 'trackingLost') machine.tracking = 'lost';
    const hindrance = roundHindrance(kind, machine, struck);
    if (hindrance) return this.#answer(hindrance, rng, done);
    const way = this.#wayNow();
    const around = { clock, transfers: streams, machine, way, rng, progressEvery, report };
    return runRound(kind, params, around, (ending) => done(roundOutcome(kind, ending)));
  }

  /** The way of its streams: another one only if it moved, or what is around it became another estate. */
  #wayNow(): Way {
    const { estate, sentinels } = this.#around;
    const { vm, assumptions } = this.#machine;
    if (this.#way?.estate === estate && this.#way.vm === vm) return this.#way.way;
    const way = sentinels.has(vm.name)
      ? wayOf(estate, vm, assumptions, [sentinelPlace(vm.name)])
      : this.#around.ways(vm);
    this.#way = { estate, vm, way };
    return way;
  }

  /** The world looks, and answers with this and nothing else. */
  #answer(fact: MigrationFact, rng: Rng, done: Done): LetGo {
    const { run, end } = this.#errand(done);
    run.wait(drawn(rng, this.#machine.assumptions.answers.look), () => end(came(fact)));
    return run.giveUp;
  }

  #operate(
    { key, effect }: WorkItem<Extract<Effect, { type: SideEffectType }>>,
    rng: Rng,
    done: Done,
    struck: Interference | undefined,
  ): LetGo {
    const { clock } = this.#around;
    invariant(isSideEffect(effect.type), 'what is done to a machine is a side effect');
    const hindrance = operationHindrance(effect, this.#machine, this.#around.datastores);
    if (hindrance && hindrance !== 'silence') return this.#answer(hindrance, rng, done);
    if (struck?.type === 'refused') return this.#answer(struck.fact, rng, done);
    const { run, end } = this.#errand(done);
    if (hindrance === 'silence' || struck?.type === 'ignored') return run.giveUp;
    const lost = struck?.type === 'answerLost' ? struck : undefined;
    if (lost?.found === 'notAtAll') (this.#machine.untold ??= new Set()).add(key);
    const loseAnswer = (why: string): void =>
      run.wait(drawn(rng, this.#machine.assumptions.answers.timeout), () => end({ type: 'unknown', why }));
    if (lost && !lost.done) {
      loseAnswer(lost.why);
      return run.giveUp;
    }
    const { steps, facts } = operationOf(effect, this.#machine, rng);
    const finish = (): void => {
      const results = struck?.type === 'failsAtEnd' ? [struck.fact] : facts();
      // A refusal changed nothing: asked again, the world looks again.
      if (results.every(({ type }) => !type.endsWith('Failed'))) this.#machine.done.set(key, results);
      if (lost) loseAnswer(lost.why);
      else end(came(...results));
    };
    const step = (at: number): void => {
      const next = steps[at];
      if (!next) return finish();
      const taken = (): void => {
        next.change?.(clock.now());
        step(at + 1);
      };
      const { tasks } = this.#around;
      if (next.isTask && tasks) takeTurn({ tasks, clock, run, takes: next.takes }, taken);
      else run.wait(next.takes, taken);
    };
    step(0);
    return run.giveUp;
  }
}

const waitingFor = (underway: Underway): Set<Done> => (underway.waiting ??= new Set());

interface Turn {
  readonly tasks: TaskLine;
  readonly clock: SimulatedClock;
  readonly run: Errand;
  readonly takes: Millis;
}

/** Takes one's turn at the target platform, then the time the task takes. Whoever gives up leaves the line. */
function takeTurn({ tasks, clock, run, takes }: Turn, then: () => void): void {
  let leave = (): void => undefined;
  let hasBegun = false;
  const begin = (): void => {
    hasBegun = true;
    const scheduled = clock.schedule(after(clock.now(), takes), () => {
      leave();
      then();
    });
    run.attend(() => {
      scheduled.cancel();
      leave();
    });
  };
  leave = tasks.enter(begin);
  if (!hasBegun) run.attend(leave);
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

function roundOutcome(kind: 'full' | 'delta' | 'rescan' | 'final', ending: RoundEnding): Ended {
  switch (ending.type) {
    case 'givenUp':
      return dropped;
    case 'completed':
      return came({ type: kind === 'final' ? 'FinalSyncCompleted' : 'RoundCompleted', data: ending.report });
    case 'broken':
      return came(brokenAt(kind, ending.place));
  }
}
