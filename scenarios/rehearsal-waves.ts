import { hasMoved } from '#core/migration/abilities';
import type { Command, Refusal } from '#core/driver/driver';
import type { Ending } from '#core/driver/run-driver';
import { stepDriver, type SteppedDriver } from '#core/driver/step-driver';
import type { ProposedFact, StreamId } from '#core/event-log/event-log';
import { commandId, migrationId, type FactId, type MigrationId, type WaveId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import { invariant } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import type { Rng } from '#core/rng';
import { after, elapsed, type Instant } from '#core/units';
import type { WaveCommand, WaveRejection } from '#core/wave/commands';
import type { WaveFact } from '#core/wave/facts';
import { conductor, type WaveMembers } from '#core/wave/conductor';
import { waveStateName } from '#core/wave/decide';
import { initialWave, type WaveState } from '#core/wave/evolve';
import { waveModel } from '#core/wave/model';
import { wavePlanProblems } from '#core/wave/plan-problems';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { factIds, unseen } from './fact-ids.ts';
import type { RehearsalLog } from './rehearsal-log.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';
import type { WaveSummary } from './rehearsal-summary.ts';
import type { FleetEstate } from './rehearsal-plan.ts';
import { membersOf, planOfWave, wavesBefore, wavesOf, type FleetStanding } from './wave-plans.ts';
import type { ScenarioWave } from './wave-schema.ts';

/** What the waves of a rehearsal need around them. */
export interface WavesOptions {
  readonly scenario: RehearsalScenario;
  readonly estate: FleetEstate;
  readonly start: Instant;
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly append: RehearsalLog['append'];
  readonly crew: WaveMembers & { wake(): void };
  /** Facts are kept to start drivers again from. */
  readonly keepsFacts: boolean;
  /** Facts are seen, or kept somewhere: each has a name of its own. */
  readonly namesFacts: boolean;
  /** Does it now, or when drivers run again. */
  readonly whenUp: (act: () => void) => void;
  readonly onFacts: (stream: StreamId, facts: readonly ProposedFact[]) => void;
  /** A wave is over, and with it what it has to do with these members. */
  readonly onOver: (members: readonly MigrationId[]) => void;
  readonly onEnded: (ending: Ending) => void;
}

/** Why a wave is not drafted. */
export interface WaveRefusal {
  readonly stream: StreamId;
  readonly refusal: Refusal<WaveRejection>;
}

/** The waves of a rehearsal, each with its driver from when those before it are over. */
export interface RehearsalWaves {
  readonly ids: readonly WaveId[];
  /** When the last of them was over; undefined while one is not. */
  readonly overAt: Instant | undefined;
  /** Drafts those that wait for no other, after having looked at the plans of all. */
  draft(): Result<void, WaveRefusal>;
  setOff(): void;
  state(wave: WaveId): WaveState;
  command(
    wave: WaveId,
    command: Command<WaveCommand>,
    answered: (result: Result<void, Refusal<WaveRejection>>) => void,
  ): void;
  /** Whether no wave has anything to do with it any more. */
  isOver(member: MigrationId): boolean;
  summaries(): readonly WaveSummary[];
  stop(): void;
  /** Starts every driver anew from the facts that were kept, after a stop. */
  restart(): void;
}

/** Waves of which none is drafted yet. */
export const rehearsalWaves = (options: WavesOptions): RehearsalWaves => new Waves(options);

type WaveDriver = SteppedDriver<WaveState, WaveCommand, WaveRejection>;

interface Running {
  driver: WaveDriver;
  readonly newFactId: () => FactId;
  readonly facts: ProposedFact<WaveFact>[];
  readonly members: readonly MigrationId[];
  readonly started: Instant;
}

class Waves implements RehearsalWaves {
  readonly ids: readonly WaveId[];
  readonly #options: WavesOptions;
  readonly #waves: readonly ScenarioWave[];
  readonly #before: ReturnType<typeof wavesBefore>;
  readonly #commandIds: Rng;
  readonly #running = new Map<WaveId, Running>();
  /** Waves that are over, and when; one that had nobody to move is over when its turn comes. */
  readonly #over = new Map<WaveId, Instant>();
  /** The wave that has a member, or had it last. */
  readonly #waveOf = new Map<MigrationId, WaveId>();
  #isSetOff = false;

  constructor(options: WavesOptions) {
    this.#options = options;
    this.#waves = wavesOf(options.scenario);
    this.#before = wavesBefore(this.#waves);
    this.ids = this.#waves.map(({ id }) => id);
    this.#commandIds = options.rng.fork('wave commands');
  }

  // Asked after nearly every fact, and mostly there is one that is not over.
  get overAt(): Instant | undefined {
    if (this.#over.size < this.#waves.length) return undefined;
    return [...this.#over.values()].reduce((a, b) => (b > a ? b : a));
  }

  draft(): Result<void, WaveRefusal> {
    const { scenario, estate, start } = this.#options;
    for (const wave of this.#waves) {
      const vms = membersOf(scenario, estate, wave, nobodyMoved);
      const problems =
        vms.length === 0
          ? []
          : wavePlanProblems(planOfWave(scenario, estate, wave, { vms, start, fleet: nobodyMoved }));
      if (problems.length > 0)
        return err({ stream: `wave-${wave.id}`, refusal: { type: 'InvalidWavePlan', problems } });
    }
    return this.#draftDue();
  }

  setOff(): void {
    this.#isSetOff = true;
    for (const id of this.#running.keys()) this.#begin(id);
  }

  state(wave: WaveId): WaveState {
    return this.#running.get(wave)?.driver.state() ?? initialWave();
  }

  command: RehearsalWaves['command'] = (wave, command, answered) => {
    const running = this.#running.get(wave);
    if (running) running.driver.command(command, answered);
    else answered(err({ type: 'WaveNotDrafted' }));
  };

  isOver(member: MigrationId): boolean {
    const wave = this.#waveOf.get(member);
    return wave === undefined ? this.overAt !== undefined : this.#over.has(wave);
  }

  summaries(): readonly WaveSummary[] {
    const { clock } = this.#options;
    return this.#waves.map(({ id }): WaveSummary => {
      const running = this.#running.get(id);
      const started = running?.started ?? this.#over.get(id) ?? clock.now();
      const until = this.#over.get(id) ?? clock.now();
      return {
        id,
        state: running ? waveStateName(running.driver.state()) : 'undrafted',
        started,
        duration: elapsed(started, until),
        members: running?.members.length ?? 0,
      };
    });
  }

  stop(): void {
    for (const { driver } of this.#running.values()) driver.stop();
  }

  restart(): void {
    for (const [id, running] of this.#running) running.driver = this.#drive(id, running);
    for (const id of this.#running.keys()) this.#moved(id);
  }

  /** Drafts the waves whose turn has come. */
  #draftDue(): Result<void, WaveRefusal> {
    for (const wave of this.#waves) {
      if (this.#running.has(wave.id) || this.#over.has(wave.id)) continue;
      if (!(this.#before.get(wave.id) ?? []).every((id) => this.#over.has(id as WaveId))) continue;
      const drafted = this.#draft(wave);
      if (!drafted.ok) return drafted;
    }
    return ok(undefined);
  }

  #draft(wave: ScenarioWave): Result<void, WaveRefusal> {
    const { scenario, estate, start, clock } = this.#options;
    const fleet = this.#fleet();
    const vms = membersOf(scenario, estate, wave, fleet);
    if (vms.length === 0) {
      this.#over.set(wave.id, clock.now());
      clock.schedule(clock.now(), () => this.#options.onOver([]));
      return this.#draftDue();
    }
    const plan = planOfWave(scenario, estate, wave, { vms, start, fleet });
    const members = plan.members.map(({ migration }) => migration);
    const stream: StreamId = `wave-${wave.id}`;
    const { rng, namesFacts } = this.#options;
    const kept = { newFactId: namesFacts ? factIds(rng.fork(stream)) : unseen, facts: [] };
    this.#running.set(wave.id, { ...kept, driver: this.#drive(wave.id, kept), members, started: clock.now() });
    for (const member of members) this.#waveOf.set(member, wave.id);
    let drafted = ok(undefined) as Result<void, Refusal<WaveRejection>>;
    this.#ask(wave.id, { type: 'DraftWave', data: { plan } }, plan.requester, (result) => (drafted = result));
    if (!drafted.ok) return err({ stream, refusal: drafted.error });
    if (this.#isSetOff) this.#begin(wave.id);
    return ok(undefined);
  }

  #drive(id: WaveId, { newFactId, facts: kept }: Pick<Running, 'newFactId' | 'facts'>): WaveDriver {
    const { append, clock, crew, keepsFacts, onFacts, onEnded } = this.#options;
    const stream: StreamId = `wave-${id}`;
    return stepDriver(waveModel, stream, {
      append,
      clock,
      world: conductor(() => this.state(id), crew),
      correlationId: id,
      newFactId,
      history: [...kept],
      onFacts: (facts) => {
        if (keepsFacts) kept.push(...facts);
        onFacts(stream, facts);
        this.#moved(id);
      },
      onEnded,
    });
  }

  /** Has a drafted wave started by its requester, and approved by whoever approves. */
  #begin(id: WaveId): void {
    const { scenario, clock } = this.#options;
    const { approve } = scenario.operators;
    const requester = this.#waves.find((wave) => wave.id === id)?.requester ?? '';
    const ask = (command: WaveCommand, actor: string): void =>
      this.#options.whenUp(() => this.#ask(id, command, actor, () => undefined));
    clock.schedule(clock.now(), () => ask({ type: 'StartWave', data: {} }, requester));
    if (!approve) return;
    const command: WaveCommand = { type: 'ApproveWave', data: { by: approve.by } };
    clock.schedule(after(clock.now(), approve.after), () => ask(command, approve.by));
  }

  #ask(
    wave: WaveId,
    command: WaveCommand,
    actor: string,
    answered: (result: Result<void, Refusal<WaveRejection>>) => void,
  ): void {
    const id = commandId(this.#commandIds.uuid());
    this.command(wave, { id, actor: `operator:${actor}`, at: this.#options.clock.now(), command }, answered);
  }

  #moved(id: WaveId): void {
    const { clock, crew, onOver } = this.#options;
    crew.wake();
    if (this.#over.has(id) || !waveModel.hasEnded(this.state(id))) return;
    this.#over.set(id, clock.now());
    // Those that follow are drafted once everybody has heard of this: a driver is still being told.
    if (this.#over.size < this.#waves.length)
      clock.schedule(clock.now(), () => this.#options.whenUp(() => this.#draftNext()));
    onOver(this.#running.get(id)?.members ?? []);
  }

  #draftNext(): void {
    const drafted = this.#draftDue();
    // A part of what was looked at before all began is no worse than the whole.
    invariant(drafted.ok, 'a wave that could be drafted at first can be drafted later');
  }

  #fleet(): FleetStanding {
    const { crew } = this.#options;
    const stateOf = (vm: string) => crew.state(migrationId(vm));
    const lifecycleOf = (vm: string): string => {
      const state = stateOf(vm);
      return state ? axesOf(state).lifecycle : 'undrafted';
    };
    return {
      isOver: (vm) => /^(cutOver|finaliz|cancel|failed|cuttingOver\.undecided)/.test(lifecycleOf(vm)),
      hasMoved: (vm) => hasMoved(lifecycleOf(vm)),
      isTaken: (vm) => {
        const wave = this.#waveOf.get(migrationId(vm));
        return wave !== undefined && !this.#over.has(wave);
      },
      cutovers: (vm) => stateOf(vm)?.cutovers ?? 0,
    };
  }
}

const nobodyMoved: FleetStanding = {
  isOver: () => false,
  hasMoved: () => false,
  isTaken: () => false,
  cutovers: () => 0,
};
