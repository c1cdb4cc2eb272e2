import type { Command, Refusal } from '#core/driver/driver';
import { runDriver, type Ending, type RunningDriver } from '#core/driver/run-driver';
import type { EventLog, ProposedFact, StreamId } from '#core/event-log/event-log';
import { commandId, factId, type MigrationId } from '#core/ids';
import type { MigrationCommand, Rejection } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan } from '#core/migration/plan';
import type { Result } from '#core/result';
import type { Rng } from '#core/rng';
import type { WaveMembers } from '#core/wave/conductor';
import { memberWatches } from '#core/wave/member-watch';
import { standingOf } from '#core/wave/standing';
import type { FlowWorld } from '#simulator/flow/flow-world';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { MemberSummary } from './rehearsal-summary.ts';
import { memberTally, type MemberTally } from './rehearsal-tally.ts';

/** What the members of a rehearsal share. */
export interface MembersOptions {
  readonly log: EventLog;
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly world: FlowWorld;
  readonly correlationId: string;
  readonly onFacts: (migration: MigrationId, stream: StreamId, facts: readonly ProposedFact[]) => void;
  /** A driver ended that nobody had stopped. */
  readonly onEnded: (ending: Ending) => void;
  /** This program is wrong. */
  readonly onCrash: (error: unknown) => void;
}

/** The migrations of a rehearsal, each with its driver. */
export interface RehearsalMembers extends WaveMembers {
  /** Starts a migration's driver and drafts it. */
  draft(migration: MigrationId, plan: MigrationPlan): Promise<Result<void, Refusal<Rejection>>>;
  send(migration: MigrationId, command: Command<MigrationCommand>): Promise<Result<void, Refusal<Rejection>>>;
  /** Whoever waits for a change looks again. */
  wake(): void;
  summary(migration: MigrationId, expected: string | null): MemberSummary;
  readonly facts: number;
  stop(): Promise<void>;
}

interface Member {
  readonly driver: RunningDriver<MigrationState, MigrationCommand, Rejection>;
  readonly tally: MemberTally;
  /** What a planner looks at, when it last changed. */
  standing: number;
}

/** No members yet: each is drafted. */
export function rehearsalMembers(options: MembersOptions): RehearsalMembers {
  const { log, clock, rng, world, correlationId, onFacts, onEnded, onCrash } = options;
  const members = new Map<MigrationId, Member>();
  const watches = memberWatches();
  const commandIds = rng.fork('commands');

  const added = (migration: MigrationId, stream: StreamId, facts: readonly ProposedFact<MigrationFact>[]): void => {
    const member = members.get(migration);
    if (!member) return;
    const state = member.driver.state();
    member.tally.add(facts);
    onFacts(migration, stream, facts);
    // A planner asks where members stand. Progress within a round is nothing to wake it for.
    const standing = standingOf(state);
    if (standing === member.standing) return;
    member.standing = standing;
    watches.tell(migration);
  };

  const send: RehearsalMembers['send'] = (migration, command) => {
    const member = members.get(migration);
    return member ? member.driver.command(command) : Promise.resolve(notThere);
  };

  return {
    async draft(migration, plan) {
      const stream: StreamId = `migration-${migration}`;
      const factIds = rng.fork(stream);
      const driver = await runDriver(migrationModel, stream, {
        log,
        clock,
        world: world.of(plan.vm.name, plan),
        correlationId,
        newFactId: () => factId(factIds.uuid()),
        onFacts: (facts) => added(migration, stream, facts),
      });
      driver.ended.then(onEnded, onCrash);
      members.set(migration, { driver, tally: memberTally(), standing: -1 });
      const id = commandId(commandIds.uuid());
      const command: MigrationCommand = { type: 'DraftMigration', data: { plan } };
      return driver.command({ id, actor: `operator:${plan.requester}`, at: clock.now(), command });
    },
    send,
    async command(migration, command) {
      await send(migration, { id: commandId(commandIds.uuid()), actor: 'planner', at: clock.now(), command });
    },
    state: (migration) => members.get(migration)?.driver.state(),
    watch: () => watches.watch(),
    wake: () => watches.tell(),
    summary(migration, expected) {
      const member = members.get(migration);
      return (member?.tally ?? memberTally()).summary(migration, member?.driver.state(), expected, clock.now());
    },
    get facts() {
      return [...members.values()].reduce((sum, { tally }) => sum + tally.facts, 0);
    },
    async stop() {
      await Promise.all([...members.values()].map(({ driver }) => driver.stop()));
    },
  };
}

const notThere: Result<never, Refusal<Rejection>> = { ok: false, error: { type: 'NotDrafted' } };
