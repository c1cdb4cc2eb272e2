import type { World } from '#core/driver/world';
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
import { wavePlanner, type WavePhase } from './planner.ts';

/** The migrations a wave conducts: where each stands, and a way to command it. */
export interface WaveMembers {
  state(migration: MigrationId): MigrationState | undefined;
  /** Resolves once the command was carried out or refused. A refusal is no failure: the planner looks again. */
  command(migration: MigrationId, command: MigrationCommand): Promise<void>;
  /** Watches for members, or the wave, to move. */
  watch(): MemberWatch;
}

const phases: Readonly<Record<Exclude<WaveEffectType, 'armDeadline'>, WavePhase>> = {
  prepareMembers: 'prepare',
  cutOverMembers: 'cutOver',
  recoverMembers: 'recover',
};

/** The world of a wave is its members: what it does to it is to command them, as the planner says, until it is settled. */
export function conductor(wave: () => WaveState, members: WaveMembers): World<WaveFact, WaveEffect> {
  return {
    perform: async ({ effect }, _report, signal) => {
      if (effect.type === 'armDeadline') throw new InvariantError('deadlines are the driver’s own');
      const phase = phases[effect.type];
      const { plan } = wave().snapshot.context;
      if (!plan) throw new InvariantError('a wave without a plan has no work');
      // Watched before looking, so that what changes meanwhile is not missed.
      const watch = members.watch();
      try {
        return { type: 'facts', facts: await conduct({ phase, plan, wave, members, watch, signal }) };
      } finally {
        watch.close();
      }
    },
    reconcile: () => Promise.resolve({ type: 'notDone' }),
  };
}

interface Conducting {
  readonly phase: WavePhase;
  readonly plan: WavePlan;
  readonly wave: () => WaveState;
  readonly members: WaveMembers;
  readonly watch: MemberWatch;
  readonly signal: AbortSignal;
}

/** Commands members until the phase is settled, and says so; or until nobody wants it any more. */
async function conduct({ phase, plan, wave, members, watch, signal }: Conducting): Promise<readonly WaveFact[]> {
  const planner = wavePlanner(plan);
  let moved: Iterable<MigrationId> = plan.members.map(({ migration }) => migration);
  for (;;) {
    for (const migration of moved) {
      const state = members.state(migration);
      if (state) planner.update(migration, state);
    }
    const { commands, settled } = planner.decide(phase, wave().snapshot.context.approvedBy);
    if (signal.aborted) return [];
    if (settled && commands.length === 0) return [completed(plan, members)];
    await Promise.all(commands.map(({ migration, command }) => members.command(migration, command)));
    await watch.next(signal);
    moved = watch.take();
  }
}

function completed(plan: WavePlan, members: WaveMembers): WaveFact {
  const outcomes = plan.members.map(({ migration }) => {
    const state = members.state(migration);
    return { migration, lifecycle: state ? axesOf(state).lifecycle : 'undrafted' };
  });
  return { type: 'WaveCompleted', data: { members: outcomes } };
}
