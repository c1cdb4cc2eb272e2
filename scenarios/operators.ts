import type { Command } from '#core/driver/driver';
import { commandId, type MigrationId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import type { Rng } from '#core/rng';
import { after, type Millis } from '#core/units';
import type { Scheduled } from '#simulator/kernel/event-queue';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { RehearsalScenario } from './rehearsal-scenario.ts';

/** What people do by themselves in a rehearsal, as the scenario has it. */
export type OperatorPolicy = RehearsalScenario['operators'];

/** The people of a rehearsal: they see where migrations stand, and ask for something after a while. */
export interface Operators {
  look(migration: MigrationId, state: MigrationState, waveIsOver: boolean): void;
  /** Whether somebody is going to ask for something. */
  haveWishes(): boolean;
  stop(): void;
}

/** What the people of a rehearsal need. */
export interface OperatorsOptions {
  readonly clock: SimulatedClock;
  readonly policy: OperatorPolicy;
  readonly rng: Rng;
  readonly send: (migration: MigrationId, command: Command<MigrationCommand>, answered: () => void) => void;
  /** Told after each command was answered. */
  readonly onAsked: () => void;
}

/** People who act as their scenario says. */
export function operators({ clock, policy, rng, send, onAsked }: OperatorsOptions): Operators {
  const wishes = new Map<MigrationId, { readonly cause: string; readonly scheduled: Scheduled }>();
  const ask = (migration: MigrationId, command: MigrationCommand): void => {
    const id = commandId(rng.uuid());
    const asked = wishes.get(migration);
    send(migration, { id, actor: 'operator:simulated', at: clock.now(), command }, () => {
      // What it led to may have made a new wish by now.
      if (wishes.get(migration) === asked) wishes.delete(migration);
      onAsked();
    });
  };
  return {
    look(migration, state, waveIsOver) {
      const wish = wishOf(state, policy, waveIsOver);
      const present = wishes.get(migration);
      if (present?.cause === wish?.cause) return;
      present?.scheduled.cancel();
      wishes.delete(migration);
      if (!wish) return;
      const scheduled = clock.schedule(after(clock.now(), wish.after), () => ask(migration, wish.command));
      wishes.set(migration, { cause: wish.cause, scheduled });
    },
    haveWishes: () => wishes.size > 0,
    stop() {
      for (const { scheduled } of wishes.values()) scheduled.cancel();
      wishes.clear();
    },
  };
}

interface Wish {
  /** What makes them ask; the same cause is one wish, however often it is looked at. */
  readonly cause: string;
  readonly after: Millis;
  readonly command: MigrationCommand;
}

const by = 'operator';

function wishOf(state: MigrationState, policy: OperatorPolicy, waveIsOver: boolean): Wish | undefined {
  const { lifecycle, outcome } = axesOf(state);
  if (outcome === 'undecidable') {
    const { undecidable } = policy;
    return undecidable && wish(outcome, undecidable.after, 'DecideOutcome', { outcome: undecidable.action, by });
  }
  switch (lifecycle) {
    case 'blocked':
      if (!policy.blocked) return undefined;
      return policy.blocked.action === 'cancel'
        ? wish(lifecycle, policy.blocked.after, 'CancelMigration', { reason: 'a check failed' })
        : wish(lifecycle, policy.blocked.after, 'VerifySource', {});
    case 'testing.running': {
      const { judgeTest } = policy;
      const note = 'the application was looked at in isolation';
      return judgeTest && wish(lifecycle, judgeTest.after, 'JudgeTest', { verdict: judgeTest.verdict, note });
    }
    case 'cuttingOver.undecided':
      if (!policy.undecided) return undefined;
      return policy.undecided.action === 'waive'
        ? wish(lifecycle, policy.undecided.after, 'WaiveValidation', { by, reason: 'known and accepted' })
        : wish(lifecycle, policy.undecided.after, 'RollBack', {
            reason: 'the target did not pass',
            acceptLossOfTargetWrites: true,
          });
    case 'cutOver':
      return policy.finalize && waveIsOver ? wish(lifecycle, policy.finalize.after, 'Finalize', {}) : undefined;
    default:
      return undefined;
  }
}

const wish = <T extends MigrationCommand['type']>(
  cause: string,
  delay: Millis,
  type: T,
  data: Extract<MigrationCommand, { type: T }>['data'],
): Wish => ({ cause, after: delay, command: { type, data } as MigrationCommand });
