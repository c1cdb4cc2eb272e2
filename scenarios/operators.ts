import type { Command } from '#core/driver/driver';
import { commandId, type MigrationId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import type { MigrationFactType } from '#core/migration/facts';
import type { Rng } from '#core/rng';
import { after, millis, type Millis } from '#core/units';
import { playSpells } from '#simulator/faults/spell';
import type { Scheduled } from '#simulator/kernel/event-queue';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { actSpells, type AskFor } from './operator-acts.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';

/** What people do by themselves in a rehearsal, as the scenario has it. */
export type OperatorPolicy = RehearsalScenario['operators'];

/** The people of a rehearsal: they see where migrations stand, and ask for something after a while. */
export interface Operators {
  look(migration: MigrationId, state: MigrationState): void;
  /** Something happened to a migration that somebody may act on. */
  happened(migration: MigrationId, fact: MigrationFactType): void;
  /** Whether somebody is going to ask for something. */
  haveWishes(): boolean;
  stop(): void;
}

/** What the people of a rehearsal need. */
export interface OperatorsOptions {
  readonly clock: SimulatedClock;
  readonly policy: OperatorPolicy;
  readonly rng: Rng;
  /** The VMs that acts may concern. */
  readonly vms: readonly string[];
  /** Whether no wave has anything to do with it any more. */
  readonly waveIsOver: (migration: MigrationId) => boolean;
  readonly send: (migration: MigrationId, command: Command<MigrationCommand>, answered: () => void) => void;
  /** Told after each command was answered. */
  readonly onAsked: () => void;
}

// A check may fail for ever: after so many wishes for one VM everybody gives it up, and the rehearsal can end.
const triesMax = 200;

/** People who act as their scenario says. */
export function operators({ clock, policy, rng, vms, waveIsOver, send, onAsked }: OperatorsOptions): Operators {
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
  const askFor: AskFor = (migration, command) =>
    send(migration, { id: commandId(rng.uuid()), actor: 'operator:simulated', at: clock.now(), command }, onAsked);
  const spells = actSpells(policy.acts, { vms, rng, start: clock.now() });
  const player = playSpells(spells, clock, askFor);
  const reactions = new Map<MigrationId, number>();
  /** How much later than they should they come: each time anew. */
  const lateness = (migration: MigrationId): number => {
    if (!policy.late) return 0;
    const count = reactions.get(migration) ?? 0;
    reactions.set(migration, count + 1);
    return rng.fork(`late ${migration} ${count}`).chance(policy.late.chance) ? policy.late.by : 0;
  };
  const tries = new Map<MigrationId, number>();
  const hasTriedEnough = (migration: MigrationId): boolean => {
    const count = (tries.get(migration) ?? 0) + 1;
    tries.set(migration, count);
    return count > triesMax;
  };
  // By set of active states, of which the chart has a few hundred: they look after every fact.
  const ofStates: (Wish | null | undefined)[] = [];
  const wishFor = (migration: MigrationId, state: MigrationState): Wish | undefined => {
    const { configuration } = state.snapshot;
    const known = ofStates[configuration];
    const wanted = known === undefined ? (ofStates[configuration] = wishOf(state, policy) ?? null) : known;
    return wanted === null || (wanted.onceWaveIsOver && !waveIsOver(migration)) ? undefined : wanted;
  };
  return {
    happened: (migration, fact) => player.happened(migration, fact),
    look(migration, state) {
      const wish = wishFor(migration, state);
      const present = wishes.get(migration);
      if (present?.cause === wish?.cause) return;
      present?.scheduled.cancel();
      wishes.delete(migration);
      if (!wish || hasTriedEnough(migration)) return;
      const scheduled = clock.schedule(after(clock.now(), millis(wish.after + lateness(migration))), () =>
        ask(migration, wish.command),
      );
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
  /** They wait for the wave to be over first. */
  readonly onceWaveIsOver?: true;
}

const by = 'operator';

/** What they ask for where a migration stands so. It follows from its active states alone. */
function wishOf(state: MigrationState, policy: OperatorPolicy): Wish | undefined {
  const { lifecycle, outcome, replication } = axesOf(state);
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
      return policy.finalize && { ...wish(lifecycle, policy.finalize.after, 'Finalize', {}), onceWaveIsOver: true };
    case 'failed': {
      const again = { reason: 'where the source stands was looked at', acceptLossOfTargetWrites: true };
      return policy.failed && wish(lifecycle, policy.failed.after, 'RollBack', again);
    }
    default:
      return replication === 'stalled.blocked' ? wishForStalled(policy) : undefined;
  }
}

function wishForStalled({ stalled }: OperatorPolicy): Wish | undefined {
  if (!stalled) return undefined;
  return stalled.action === 'cancel'
    ? wish('stalled', stalled.after, 'CancelMigration', { reason: 'replication stalled' })
    : wish('stalled', stalled.after, 'ResumeReplication', {});
}

const wish = <T extends MigrationCommand['type']>(
  cause: string,
  delay: Millis,
  type: T,
  data: Extract<MigrationCommand, { type: T }>['data'],
): Wish => ({ cause, after: delay, command: { type, data } as MigrationCommand });
