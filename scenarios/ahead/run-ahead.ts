import type { Command } from '#core/driver/driver';
import { stepDriver, type SteppedDriver } from '#core/driver/step-driver';
import type { ProposedFact, StreamId } from '#core/event-log/event-log';
import { commandId, type MigrationId, type WaveId } from '#core/ids';
import { invariant } from '#core/invariant';
import { axesOf } from '#core/migration/abilities';
import { initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFactOf } from '#core/migration/facts';
import type { Rng } from '#core/rng';
import { after, minutes, type Instant, type Millis } from '#core/units';
import type { WaveCommand, WaveRejection } from '#core/wave/commands';
import { conductor } from '#core/wave/conductor';
import type { WaveState } from '#core/wave/evolve';
import { waveModel } from '#core/wave/model';
import type { Estate } from '#simulator/estate/estate';
import { flowWorld } from '#simulator/flow/flow-world';
import type { MachineStanding } from '#simulator/flow/resume';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { factIds } from '#scenarios/fact-ids';
import { rehearsalLog, type RehearsalLog } from '#scenarios/rehearsal-log';
import { rehearsalMembers, type RehearsalMembers } from '#scenarios/rehearsal-members';
import { operators, type Operators } from '#scenarios/operators';
import type { Trouble } from '#scenarios/trouble';
import { careBy, wavesOf } from './left.ts';
import { approverFor, leads, type Lead } from './lead.ts';
import type { RecordedMigration, RecordedRun, RecordedWave } from './recorded-run.ts';
import { restOf, type Rest } from './rest.ts';

/** What one seed of a forecast is made of. */
export interface AheadOptions {
  readonly run: RecordedRun;
  /** Where each migration's machine stands. */
  readonly standing: (migration: MigrationId) => MachineStanding | undefined;
  /** Its VMs are named by their migrations. */
  readonly estate: Estate;
  readonly rng: Rng;
  /** Stands at the moment from which it goes on. Nobody else runs it. */
  readonly clock: SimulatedClock;
  /** How long after something could be approved it is. */
  readonly approveAfter: Millis;
  /** How far ahead is looked. */
  readonly horizon: Millis;
  readonly progressEvery?: Millis;
  /** Told of each batch of facts that would follow, in order. */
  readonly onFacts?: (stream: StreamId, facts: readonly ProposedFact[]) => void;
}

/** How one seed came out. `notWithin`: something still goes on at the horizon, or after more facts than one waits for. */
export interface AheadOutcome {
  readonly ending: 'atRest' | 'notWithin';
  /** When the last migration came to rest; null if none was on its way. */
  readonly finished: Instant | null;
  readonly members: readonly AheadMember[];
}

/** How one migration came out. */
export interface AheadMember {
  readonly migration: MigrationId;
  readonly lifecycle: string;
  readonly replication: string;
  /** Undefined: it was still on its way at the end. */
  readonly rest: Rest | undefined;
  /** When it came to rest; null if it did before the log ended, or not at all. */
  readonly restedAt: Instant | null;
  /** How long services were stopped, what is in the log included. */
  readonly downtime: Millis;
  /** A final sync took longer than the plan allows. */
  readonly overBudget: boolean;
  /** What is in its way, where it has not moved and that can be told. */
  readonly trouble: Trouble | null;
}

// So many facts of one migration, and it is not going anywhere: rounds that never fit, a step that always fails.
const factsMax = 4_000;

/** Goes on with a run in simulated time until everything rests. Same options, same seed, same outcome. */
export function runAhead(options: AheadOptions): Promise<AheadOutcome> {
  return new Ahead(options).run();
}

class Ahead {
  readonly #options: AheadOptions;
  readonly #crew: RehearsalMembers;
  readonly #people: Operators;
  readonly #lead: Lead;
  readonly #log: RehearsalLog;
  readonly #commandIds: Rng;
  readonly #waves = new Map<WaveId, SteppedDriver<WaveState, WaveCommand, WaveRejection>>();
  readonly #rests = new Map<MigrationId, { readonly rest: Rest | undefined; readonly at: Instant | null }>();
  readonly #overBudget = new Set<MigrationId>();
  /** Migrations of which whoever runs them has said that they go no further. */
  readonly #stuck = new Map<MigrationId, Rest>();
  #facts = 0;
  #over: AheadOutcome['ending'] | undefined;
  #settle: () => void = () => undefined;

  constructor(options: AheadOptions) {
    const { run, estate, rng, clock, standing, approveAfter, progressEvery = minutes(5) } = options;
    this.#options = options;
    this.#commandIds = rng.fork('wave commands');
    const world = flowWorld({
      ...{ estate, clock, progressEvery, rng: rng.fork('world') },
      standing: (vm) => standing(vm as MigrationId),
    });
    this.#log = rehearsalLog(undefined, clock, () => undefined, run.ends);
    this.#crew = rehearsalMembers({
      ...{ clock, world, rng: rng.fork('members'), correlationId: 'forecast' },
      appendTo: (stream) => this.#log.appendTo(stream),
      keepsFacts: false,
      namesFacts: options.onFacts !== undefined,
      onFacts: (migration, stream, facts) => this.#memberMoved(migration, stream, facts),
      onEnded: () => undefined,
    });
    this.#people = operators({
      waveIsOver: () => false,
      ...{
        clock,
        policy: { acts: [], judgeTest: { after: approveAfter, verdict: 'passed' } },
        rng: rng.fork('people'),
      },
      vms: estate.vms.map(({ name }) => name),
      send: (migration, command, answered) => this.#crew.send(migration, command, answered),
      onAsked: () => undefined,
    });
    this.#lead = leads({
      ...{ clock, approveAfter, rng: rng.fork('lead') },
      send: (migration, command, answered) => this.#crew.send(migration, command, answered),
      onEnd: (migration, rest) => {
        this.#stuck.set(migration, rest);
        this.#look(migration);
      },
    });
  }

  async run(): Promise<AheadOutcome> {
    const { run, clock, horizon } = this.#options;
    const over = new Promise<void>((resolve) => (this.#settle = resolve));
    try {
      for (const wave of run.waves) this.#startWave(wave);
      for (const migration of run.migrations) this.#startMigration(migration);
      for (const wave of run.waves) this.#leadWave(wave);
      clock.schedule(after(clock.now(), horizon), () => this.#finish('notWithin'));
      this.#lookForEnd();
      await clock.run(over, 'asked');
      return this.#outcome();
    } finally {
      this.#people.stop();
      this.#lead.stop();
      this.#crew.stop();
      for (const driver of this.#waves.values()) driver.stop();
    }
  }

  #startMigration(migration: RecordedMigration): void {
    const { id, plan, history, state } = migration;
    const rest = this.#restOf(id, state);
    this.#rests.set(id, { rest, at: null });
    this.#crew.takeUp(id, plan, history);
    if (rest !== undefined) return;
    if (!this.#isLedByWave(id)) this.#lead.take(id, plan, this.#stateOf(id));
    this.#people.look(id, this.#stateOf(id));
    this.#look(id);
  }

  #startWave({ id, history, state: recorded }: RecordedWave): void {
    const { run, rng, clock, onFacts } = this.#options;
    const stream: StreamId = `wave-${id}`;
    const driver = stepDriver(waveModel, stream, {
      ...{ append: this.#log.append, clock, correlationId: id, history },
      // It looks at its members soon, and by then all of them are here.
      world: conductor(() => this.#waves.get(id)?.state() ?? recorded, this.#crew),
      newFactId: factIds(rng.fork(stream)),
      onFacts: (facts) => {
        onFacts?.(stream, facts);
        this.#crew.wake();
        for (const migration of run.migrations) if (this.#isMember(id, migration.id)) this.#look(migration.id);
      },
      onEnded: () => undefined,
    });
    this.#waves.set(id, driver);
  }

  /** What people do for a wave: it is started, and approved where somebody has to. */
  #leadWave({ id, plan, state }: RecordedWave): void {
    const { run, clock, approveAfter } = this.#options;
    const ask = (command: WaveCommand, by: string): void => {
      const sent: Command<WaveCommand> = {
        ...{ id: commandId(this.#commandIds.uuid()), actor: `operator:${by}`, at: clock.now() },
        command,
      };
      this.#waves.get(id)?.command(sent, () => undefined);
    };
    if (state.snapshot.matches('draft'))
      clock.schedule(clock.now(), () => ask({ type: 'StartWave', data: {} }, plan.requester));
    const wanted = run.migrations.some((migration) => this.#isMember(id, migration.id) && wantsApproval(migration));
    if (!wanted || state.snapshot.context.approvedBy !== null || waveModel.hasEnded(state)) return;
    const by = approverFor(plan.requester);
    clock.schedule(after(clock.now(), approveAfter), () => ask({ type: 'ApproveWave', data: { by } }, by));
  }

  #isMember(wave: WaveId, migration: MigrationId): boolean {
    return wavesOf(this.#options.run, migration).some(({ id }) => id === wave);
  }

  #isLedByWave(migration: MigrationId): boolean {
    return wavesOf(this.#options.run, migration).length > 0;
  }

  #stateOf(migration: MigrationId): MigrationState {
    return this.#crew.state(migration) ?? initialMigration();
  }

  #restOf(migration: MigrationId, state: MigrationState): Rest | undefined {
    const waves = wavesOf(this.#options.run, migration).map(({ id, state: recorded }) => ({
      state: this.#waves.get(id)?.state() ?? recorded,
    }));
    return restOf(state, careBy(waves)) ?? this.#stuck.get(migration);
  }

  #memberMoved(migration: MigrationId, stream: StreamId, facts: readonly ProposedFact[]): void {
    const { onFacts, run } = this.#options;
    onFacts?.(stream, facts);
    const state = this.#stateOf(migration);
    const { plan } = state.snapshot.context;
    for (const { type, data } of facts) {
      if (type !== 'FinalSyncCompleted' || !plan) continue;
      const { duration } = data as MigrationFactOf<'FinalSyncCompleted'>['data'];
      if (duration > plan.downtimeMax) this.#overBudget.add(migration);
    }
    this.#people.look(migration, state);
    this.#lead.look(migration, state);
    this.#look(migration);
    this.#facts += facts.length;
    if (this.#facts > factsMax * run.migrations.length) this.#finish('notWithin');
  }

  #look(migration: MigrationId): void {
    const before = this.#rests.get(migration);
    if (!before) return;
    const rest = this.#restOf(migration, this.#stateOf(migration));
    if (rest !== before.rest)
      this.#rests.set(migration, { rest, at: rest === undefined ? null : this.#options.clock.now() });
    this.#lookForEnd();
  }

  #lookForEnd(): void {
    if (this.#rests.size < this.#options.run.migrations.length) return;
    if ([...this.#rests.values()].every(({ rest }) => rest !== undefined)) this.#finish('atRest');
  }

  #finish(ending: AheadOutcome['ending']): void {
    if (this.#over !== undefined) return;
    this.#over = ending;
    this.#settle();
    // Nothing happens any more after this.
    this.#options.clock.askForTurn();
  }

  #outcome(): AheadOutcome {
    invariant(this.#over, 'it is asked for at the end');
    const members = this.#options.run.migrations.map(({ id }): AheadMember => {
      const { rest, at } = this.#rests.get(id) ?? { rest: undefined, at: null };
      const { downtime, trouble } = this.#crew.summary(id, null);
      const { lifecycle, replication } = axesOf(this.#stateOf(id));
      return {
        ...{ migration: id, lifecycle, replication, rest, restedAt: at, downtime, trouble },
        overBudget: this.#overBudget.has(id),
      };
    });
    const rested = members.flatMap(({ restedAt }) => (restedAt === null ? [] : [restedAt]));
    return {
      ending: this.#over,
      finished: rested.length === 0 ? null : (Math.max(...rested) as Instant),
      members,
    };
  }
}

const wantsApproval = ({ plan, state }: RecordedMigration): boolean =>
  plan.approval !== 'given' && state.snapshot.context.approvedBy === null;
