import type { Command, Refusal } from '#core/driver/driver';
import type { Ending } from '#core/driver/run-driver';
import type { EventLog, ProposedFact, StreamId } from '#core/event-log/event-log';
import { migrationId, type MigrationId, type WaveId } from '#core/ids';
import type { MigrationCommand, Rejection } from '#core/migration/commands';
import type { MigrationFact } from '#core/migration/facts';
import { initialMigration, type MigrationState } from '#core/migration/evolve';
import { err, ok, type Result } from '#core/result';
import type { Rng } from '#core/rng';
import { elapsed, type Instant } from '#core/units';
import type { WaveCommand, WaveRejection } from '#core/wave/commands';
import { waveStateName } from '#core/wave/decide';
import type { WaveState } from '#core/wave/evolve';
import { assumptionsWith } from '#simulator/flow/assumptions';
import { flowWorld, type FlowWorld } from '#simulator/flow/flow-world';
import { besideSimulation } from '#simulator/kernel/sealed-globals';
import { seededRng } from '#simulator/kernel/seeded-rng';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { rehearsalLog, type RehearsalLog } from './rehearsal-log.ts';
import { manager, managerCrashes, type Manager } from './crashes.ts';
import { operators, type Operators } from './operators.ts';
import { rehearsalMembers, type RehearsalMembers } from './rehearsal-members.ts';
import { faultsOf } from './rehearsal-faults.ts';
import { isMoving, progressEvery } from './rehearsal-pace.ts';
import { estateOf, memberPlan, unknownName, type FleetEstate, type UnknownName } from './rehearsal-plan.ts';
import { settleable } from './settleable.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';
import { rehearsalCourt, type RehearsalCourt } from './rehearsal-laws.ts';
import type { RehearsalEnding, RehearsalSummary } from './rehearsal-summary.ts';
import { rehearsalWaves, type RehearsalWaves } from './rehearsal-waves.ts';
import { wavesOf, wholeWindow } from './wave-plans.ts';

/** What a rehearsal needs around it. */
export interface RehearsalOptions {
  readonly scenario: RehearsalScenario;
  /** The scenario's own if not given. */
  readonly seed?: number;
  /** Where the facts are to be kept; nowhere if not given. */
  readonly log?: EventLog | undefined;
  /** Nobody else runs it. It stands at the moment at which the rehearsal begins, usually the scenario's `starts`. */
  readonly clock: SimulatedClock;
  /** Told of each batch of facts as it happens, in order; the log has it soon after. */
  readonly onFacts?: (stream: StreamId, facts: readonly ProposedFact[]) => void;
  /** Aborting it stops the rehearsal, as `stop` does. */
  readonly signal?: AbortSignal;
}

/** A rehearsal at work. */
export interface Rehearsal {
  /** The first wave; of several, `waves` has them all. */
  readonly wave: WaveId;
  readonly waves: readonly WaveId[];
  /** In the order of the estate. */
  readonly members: readonly MigrationId[];
  readonly world: FlowWorld;
  /** Resolves when nobody has anything left to do, or after `stop`. Rejects if this program is wrong. */
  readonly ended: Promise<RehearsalSummary>;
  state(migration: MigrationId): MigrationState | undefined;
  waveState(wave?: WaveId): WaveState;
  /** Commands one migration, as an operator at the dashboard does. After the end: `DriverStopped`. */
  command(migration: MigrationId, command: Command<MigrationCommand>): Promise<Result<void, Refusal<Rejection>>>;
  commandWave(command: Command<WaveCommand>, wave?: WaveId): Promise<Result<void, Refusal<WaveRejection>>>;
  /** Lets go of everything, wherever it stands. Idempotent. */
  stop(): Promise<void>;
}

/** Why a rehearsal does not begin. */
export type RehearsalError =
  /** The log has this stream already. A rehearsal cannot be gone on with: the world it was in is gone. */
  | { readonly type: 'AlreadyThere'; readonly stream: StreamId }
  /** The model or the log refuses the draft. */
  | { readonly type: 'DraftRefused'; readonly stream: StreamId; readonly refusal: Refusal<Rejection | WaveRejection> }
  /** The scenario names a VM or a host that is neither listed nor made from this seed. */
  | ({ readonly type: 'UnknownName' } & UnknownName);

/** Runs a rehearsal to its end. */
export async function rehearse(options: RehearsalOptions): Promise<Result<RehearsalSummary, RehearsalError>> {
  const rehearsal = await startRehearsal(options);
  return rehearsal.ok ? ok(await rehearsal.value.ended) : rehearsal;
}

/**
 * Drafts waves and their migrations, and sets them off: one driver for each, as in a live run. All chance comes from one
 * seed, so the same scenario, seed and start write the same log into any log.
 */
export async function startRehearsal(options: RehearsalOptions): Promise<Result<Rehearsal, RehearsalError>> {
  const seed = options.seed ?? options.scenario.seed;
  const rng = seededRng(seed);
  const estate = estateOf(options.scenario, rng.fork('estate'));
  const unknown = unknownName(options.scenario, estate);
  if (unknown !== undefined) return err({ type: 'UnknownName', ...unknown });
  const there =
    options.log &&
    (await streamThere(options.log, [
      ...estate.vms.map(({ name }): StreamId => `migration-${migrationId(name)}`),
      ...wavesOf(options.scenario).map(({ id }): StreamId => `wave-${id}`),
    ]));
  if (there !== undefined) return err({ type: 'AlreadyThere', stream: there });
  const rehearsal = new WaveRehearsal(options, { seed, rng, estate });
  const drafted = await rehearsal.draft();
  if (!drafted.ok) {
    rehearsal.letGo();
    return drafted;
  }
  rehearsal.setOff();
  return ok(rehearsal);
}

async function streamThere(log: EventLog, streams: readonly StreamId[]): Promise<StreamId | undefined> {
  for (const stream of streams)
    for await (const { stream: there } of log.readStream(stream, { limit: 1 })) return there;
  return undefined;
}

interface Made {
  readonly seed: number;
  readonly rng: Rng;
  readonly estate: FleetEstate;
}

class WaveRehearsal implements Rehearsal {
  readonly wave: WaveId;
  readonly waves: readonly WaveId[];
  readonly members: readonly MigrationId[];
  readonly world: FlowWorld;
  readonly #options: RehearsalOptions;
  readonly #made: Made;
  readonly #start: Instant;
  readonly #log: RehearsalLog;
  readonly #court: RehearsalCourt;
  readonly #crew: RehearsalMembers;
  readonly #operators: Operators;
  readonly #manager: Manager;
  readonly #waves: RehearsalWaves;
  /** Members that are on their way from one resting place to the next. */
  readonly #moving = new Set<MigrationId>();
  readonly #finished = settleable<RehearsalEnding>();
  #ended: Promise<RehearsalSummary> | undefined;

  constructor(options: RehearsalOptions, made: Made) {
    const { scenario, clock, log } = options;
    const { rng, estate } = made;
    const namesFacts = log !== undefined || options.onFacts !== undefined;
    this.#options = options;
    this.#made = made;
    this.#start = clock.now();
    this.wave = scenario.wave.id;
    this.members = estate.vms.map(({ name }) => migrationId(name));
    const faults = faultsOf(scenario, { estate, rng: rng.fork('faults'), start: this.#start });
    this.world = flowWorld({
      estate,
      clock,
      rng: rng.fork('world'),
      faults,
      progressEvery: progressEvery(estate),
      assumptions: assumptionsWith(scenario.assumptions),
    });
    this.#manager = manager({
      scenario,
      clock,
      rng: rng.fork('manager'),
      start: this.#start,
      crash: () => this.#crash(),
      restart: () => this.#restart(),
    });
    this.#court = rehearsalCourt((stream) => this.#crew.state(stream.slice('migration-'.length) as MigrationId));
    this.#log = rehearsalLog(log, clock, (error) => this.#finish({ type: 'logRefused', error }));
    this.#crew = rehearsalMembers({
      appendTo: (stream) => this.#log.appendTo(stream),
      clock,
      rng: rng.fork('members'),
      world: this.world,
      correlationId: this.wave,
      keepsFacts: managerCrashes(scenario),
      namesFacts,
      onFacts: (migration, stream, facts, state) => this.#memberMoved(migration, stream, facts, state),
      onEnded: (ending) => this.#driverEnded(ending),
    });
    this.#operators = operators({
      clock,
      policy: scenario.operators,
      rng: rng.fork('operators'),
      vms: this.members,
      waveIsOver: (migration) => this.#waves.isOver(migration),
      send: (migration, { id, actor, command }, answered) =>
        this.#manager.whenUp(() => this.#crew.send(migration, { id, actor, at: clock.now(), command }, answered)),
      onAsked: () => this.#lookForEnd(),
    });
    this.#waves = rehearsalWaves({
      scenario,
      estate,
      start: this.#start,
      clock,
      rng,
      append: this.#log.append,
      crew: this.#crew,
      keepsFacts: managerCrashes(scenario),
      namesFacts,
      whenUp: (act) => this.#manager.whenUp(act),
      onFacts: (stream, facts) => this.#tell(stream, facts),
      onOver: (members) => this.#waveOver(members),
      onEnded: (ending) => this.#driverEnded(ending),
    });
    this.waves = this.#waves.ids;
  }

  get ended(): Promise<RehearsalSummary> {
    return this.#ended ?? Promise.reject(new Error('not set off'));
  }

  state(migration: MigrationId): MigrationState | undefined {
    return this.#crew.state(migration);
  }

  waveState(wave = this.wave): WaveState {
    return this.#waves.state(wave);
  }

  command(migration: MigrationId, command: Command<MigrationCommand>): Promise<Result<void, Refusal<Rejection>>> {
    return this.#asked((answered) => this.#crew.send(migration, command, answered));
  }

  commandWave(command: Command<WaveCommand>, wave = this.wave): Promise<Result<void, Refusal<WaveRejection>>> {
    return this.#asked((answered) => this.#waves.command(wave, command, answered));
  }

  async stop(): Promise<void> {
    this.#finish({ type: 'stopped' });
    await this.#ended;
  }

  async draft(): Promise<Result<void, RehearsalError>> {
    const { scenario } = this.#options;
    const { estate } = this.#made;
    for (const vm of estate.vms) {
      const migration = migrationId(vm.name);
      const drafted = this.#crew.draft(migration, memberPlan(scenario, estate, vm));
      if (!drafted.ok) return err({ type: 'DraftRefused', stream: `migration-${migration}`, refusal: drafted.error });
    }
    const drafted = this.#waves.draft();
    if (!drafted.ok) return err({ type: 'DraftRefused', ...drafted.error });
    const refusal = await this.#log.written();
    return refusal === undefined ? ok(undefined) : err({ type: 'DraftRefused', stream: `wave-${this.wave}`, refusal });
  }

  setOff(): void {
    const { signal } = this.#options;
    this.#waves.setOff();
    const stop = (): void => this.#finish({ type: 'stopped' });
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    this.#ended = this.#run().finally(() => signal?.removeEventListener('abort', stop));
    // Whoever started it may look at the end later; until then a crash is nobody's unhandled rejection.
    this.#ended.catch(() => undefined);
  }

  letGo(): void {
    this.#operators.stop();
    this.#crew.stop();
    this.#waves.stop();
  }

  #crash(): void {
    this.#crew.stop();
    this.#waves.stop();
  }

  #restart(): void {
    this.#crew.restart();
    this.#waves.restart();
    for (const migration of this.members) this.#lookAt(migration, this.#crew.state(migration) ?? initialMigration());
  }

  async #run(): Promise<RehearsalSummary> {
    const { scenario, clock } = this.#options;
    try {
      const ending = await clock.run(this.#finished.promise, 'asked');
      const until = this.#waves.overAt ?? clock.now();
      this.letGo();
      const refused = await this.#log.written();
      const waves = this.#waves.summaries();
      const last = waves.findLast(({ members }) => members > 0)?.id ?? this.wave;
      const { lastMoved } = this.#crew.course;
      return {
        seed: this.#made.seed,
        ending: refused === undefined ? ending : { type: 'logRefused', error: refused },
        wave: {
          id: last,
          state: waveStateName(this.waveState(last)),
          started: this.#start,
          duration: elapsed(this.#start, until),
          window: wholeWindow(wavesOf(scenario)),
          lastMoved: lastMoved === null ? null : elapsed(this.#start, lastMoved),
        },
        ...(this.waves.length > 1 && { waves }),
        members: this.members.map((id) => this.#crew.summary(id, scenario.members[id]?.ends ?? null)),
        course: this.#crew.course.course(),
        usage: this.world.usage(),
        facts: this.#log.facts,
        breaches: this.#court.breaches(ending.type === 'finished'),
      };
    } finally {
      this.letGo();
    }
  }

  /** Somebody outside asks for something: answered once what came of it is where it is to be kept. */
  async #asked<R>(ask: (answered: (result: Result<void, R>) => void) => void): Promise<Result<void, R>> {
    try {
      const result = await new Promise<Result<void, R>>((resolve) => ask(resolve));
      await this.#log.written();
      return result;
    } catch (error) {
      this.#finished.reject(error);
      throw error;
    } finally {
      this.#options.clock.askForTurn();
    }
  }

  #finish(ending: RehearsalEnding): void {
    this.#finished.resolve(ending);
    // Nothing happens any more after this.
    this.#options.clock.askForTurn();
  }

  // Whoever watches is no part of the simulation, and may look at a clock of their own.
  #tell(stream: StreamId, facts: readonly ProposedFact[]): void {
    this.#court.take(stream, facts);
    const { onFacts } = this.#options;
    if (onFacts) besideSimulation(() => onFacts(stream, facts));
  }

  #memberMoved(
    migration: MigrationId,
    stream: StreamId,
    facts: readonly ProposedFact<MigrationFact>[],
    state: MigrationState,
  ): void {
    this.#tell(stream, facts);
    for (const { type } of facts) {
      this.world.happened(migration, type);
      this.#operators.happened(migration, type);
      this.#manager.happened(migration, type);
    }
    this.#lookAt(migration, state);
  }

  #lookAt(migration: MigrationId, state: MigrationState): void {
    if (isMoving(state)) this.#moving.add(migration);
    else this.#moving.delete(migration);
    this.#operators.look(migration, state);
    this.#lookForEnd();
  }

  #waveOver(members: readonly MigrationId[]): void {
    for (const migration of this.#waves.overAt === undefined ? members : this.members) {
      const state = this.#crew.state(migration);
      if (state) this.#operators.look(migration, state);
    }
    this.#lookForEnd();
  }

  #lookForEnd(): void {
    if (this.#moving.size === 0 && !this.#operators.haveWishes() && this.#waves.overAt !== undefined)
      this.#finish({ type: 'finished' });
  }

  #driverEnded(ending: Ending): void {
    if (ending.type === 'logRefused') this.#finish(ending);
  }
}
