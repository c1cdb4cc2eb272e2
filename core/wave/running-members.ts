import { runDriver, type DriverSurroundings, type RunningDriver } from '#core/driver/run-driver';
import type { Refusal } from '#core/driver/driver';
import type { StreamId } from '#core/event-log/event-log';
import type { CommandId, MigrationId } from '#core/ids';
import type { MigrationCommand, Rejection } from '#core/migration/commands';
import type { Effect } from '#core/migration/effects';
import type { MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import { err, type Result } from '#core/result';
import type { WaveMembers } from './conductor.ts';
import { memberWatches } from './member-watch.ts';
import { standingOf } from './standing.ts';

/** The driver of one migration at work. */
export type MemberDriver = RunningDriver<MigrationState, MigrationCommand, Rejection>;

/** What the drivers of a wave's members need around them. */
export interface RunningMembersOptions extends Omit<DriverSurroundings<MigrationFact, Effect>, 'world' | 'onFacts'> {
  /** Performs the effects of one migration. */
  readonly world: (migration: MigrationId, stream: StreamId) => DriverSurroundings<MigrationFact, Effect>['world'];
  readonly newCommandId: () => CommandId;
  /** Has `act` called soon, and not from within this call. */
  readonly soon: (act: () => void) => void;
}

/** The members of a wave, each with its driver in this process. */
export interface RunningMembers extends WaveMembers {
  /** Starts the driver of a migration from what the log has of it. Rejects if this program is wrong. */
  start(migration: MigrationId): Promise<MemberDriver>;
  /** Sends a command on somebody's behalf. */
  send(migration: MigrationId, command: MigrationCommand, actor: string): Promise<Result<void, Refusal<Rejection>>>;
  /** Stops every driver, wherever it stands. The log holds what is needed to take them up again. */
  stop(): Promise<void>;
}

/** The stream of a migration. */
export const migrationStream = (migration: MigrationId): StreamId => `migration-${migration}`;

/** Members of which none has a driver yet. */
export function runningMembers(options: RunningMembersOptions): RunningMembers {
  const { world, newCommandId, soon, ...around } = options;
  const drivers = new Map<MigrationId, MemberDriver>();
  const standings = new Map<MigrationId, number>();
  const watches = memberWatches();
  // A planner asks where members stand. Progress within a round is nothing to wake it for.
  const lookAt = (migration: MigrationId): void => {
    const driver = drivers.get(migration);
    const standing = driver ? standingOf(driver.state()) : -1;
    if (standing === standings.get(migration)) return;
    standings.set(migration, standing);
    watches.tell(migration);
  };
  const send: RunningMembers['send'] = async (migration, command, actor) => {
    const driver = drivers.get(migration);
    if (!driver) return err({ type: 'DriverStopped' });
    return driver.command({ id: newCommandId(), actor, at: around.clock.now(), command });
  };
  return {
    async start(migration) {
      const stream = migrationStream(migration);
      const driver = await runDriver(migrationModel, stream, {
        ...around,
        world: world(migration, stream),
        onFacts: () => lookAt(migration),
      });
      drivers.set(migration, driver);
      lookAt(migration);
      return driver;
    },
    send,
    command: (migration, command, answered) => void send(migration, command, 'planner').then(answered),
    state: (migration) => drivers.get(migration)?.state(),
    watch: (onNews) => watches.watch(onNews),
    soon,
    async stop() {
      await Promise.all([...drivers.values()].map((driver) => driver.stop()));
    },
  };
}
