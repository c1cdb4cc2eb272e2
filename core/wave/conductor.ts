import type { LetGo, SteppedWorld, Told } from '#core/driver/stepped-world';
import type { MigrationId } from '#core/ids';
import { InvariantError } from '#core/invariant';
import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import type { WaveEffect, WaveEffectType } from './effects.ts';
import type { WaveState } from './evolve.ts';
import type { WaveFact } from './facts.ts';
import type { MemberWatch } from './member-watch.ts';
import type { WavePlan } from './plan.ts';
import { wavePlanner, type WavePhase, type WavePlanner } from './planner.ts';

/** The migrations a wave conducts: where each stands, and a way to command it. */
export interface WaveMembers {
  state(migration: MigrationId): MigrationState | undefined;
  /** `answered` is called once the command was carried out or refused. A refusal is no failure: the planner looks again. */
  command(migration: MigrationId, command: MigrationCommand, answered: () => void): void;
  /** Watches for members, or the wave, to move. */
  watch(onNews: () => void): MemberWatch;
  /** Has `act` called soon, and not from within this call: members move while they are told of. */
  soon(act: () => void): void;
}

const phases: Readonly<Record<Exclude<WaveEffectType, 'armDeadline' | 'armRetry'>, WavePhase>> = {
  prepareMembers: 'prepare',
  cutOverMembers: 'cutOver',
  recoverMembers: 'recover',
};

/** The world of a wave is its members: what it does to it is to command them, as the planner says, until it is settled. */
export function conductor(wave: () => WaveState, members: WaveMembers): SteppedWorld<WaveFact, WaveEffect> {
  return {
    perform: ({ effect }, told) => {
      if (effect.type === 'armDeadline' || effect.type === 'armRetry')
        throw new InvariantError('deadlines are the driver’s own');
      const { plan } = wave().snapshot.context;
      if (!plan) throw new InvariantError('a wave without a plan has no work');
      return new Conducting(phases[effect.type], plan, wave, members, told).letGo;
    },
    reconcile: (_work, found) => {
      found({ type: 'notDone' });
      return () => undefined;
    },
  };
}

/** Commands members until the phase is settled, and says so; or until nobody wants it any more. */
class Conducting {
  readonly #phase: WavePhase;
  readonly #plan: WavePlan;
  readonly #wave: () => WaveState;
  readonly #members: WaveMembers;
  readonly #told: Told<WaveFact>;
  readonly #planner: WavePlanner;
  readonly #watch: MemberWatch;
  /** Members the planner has not been told of yet; those that the watch has come on top. */
  #untold: readonly MigrationId[];
  /** Commands that were sent and not answered. */
  #asked = 0;
  #hasNews = true;
  #isOver = false;

  constructor(phase: WavePhase, plan: WavePlan, wave: () => WaveState, members: WaveMembers, told: Told<WaveFact>) {
    this.#phase = phase;
    this.#plan = plan;
    this.#wave = wave;
    this.#members = members;
    this.#told = told;
    this.#planner = wavePlanner(plan);
    // Watched before looking, so that what changes meanwhile is not missed.
    this.#watch = members.watch(() => this.#hear());
    this.#untold = plan.members.map(({ migration }) => migration);
    members.soon(() => this.#look());
  }

  readonly letGo: LetGo = () => this.#end([]);

  #hear(): void {
    this.#hasNews = true;
    if (this.#asked === 0) this.#members.soon(() => this.#look());
  }

  #look(): void {
    if (this.#isOver || this.#asked > 0 || !this.#hasNews) return;
    this.#hasNews = false;
    const moved = this.#watch.take();
    for (const migration of this.#untold.length > 0 ? this.#untold : moved) {
      const state = this.#members.state(migration);
      if (state) this.#planner.update(migration, state);
    }
    this.#untold = [];
    const { context } = this.#wave().snapshot;
    const { commands, facts, settled } = this.#planner.decide(this.#phase, context.approvedBy, context);
    if (settled && commands.length === 0) return this.#end([completed(this.#plan, this.#members, this.#planner)]);
    for (const fact of facts) this.#told.report(fact);
    this.#asked = commands.length;
    for (const { migration, command } of commands) this.#members.command(migration, command, () => this.#answered());
  }

  #answered(): void {
    this.#asked -= 1;
    if (this.#asked === 0 && this.#hasNews) this.#members.soon(() => this.#look());
  }

  #end(facts: readonly WaveFact[]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch.close();
    this.#told.done({ type: 'facts', facts });
  }
}

function completed(plan: WavePlan, members: WaveMembers, planner: WavePlanner): WaveFact {
  const whyLeft = planner.reasons();
  const outcomes = plan.members.map(({ migration }) => {
    const state = members.state(migration);
    const why = whyLeft(migration);
    return { migration, lifecycle: state ? axesOf(state).lifecycle : 'undrafted', ...(why && { why }) };
  });
  return { type: 'WaveCompleted', data: { members: outcomes } };
}
