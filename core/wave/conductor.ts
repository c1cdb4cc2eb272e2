import type { World } from '#core/driver/world';
import type { MigrationId } from '#core/ids';
import { InvariantError } from '#core/invariant';
import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import type { WaveEffect, WaveEffectType } from './effects.ts';
import type { WaveState } from './evolve.ts';
import type { WaveFact } from './facts.ts';
import { planWave, type WavePhase } from './planner.ts';

/** The migrations a wave conducts: where each stands, and a way to command it. */
export interface WaveMembers {
  state(migration: MigrationId): MigrationState | undefined;
  /** Resolves once the command was carried out or refused. A refusal is no failure: the planner looks again. */
  command(migration: MigrationId, command: MigrationCommand): Promise<void>;
  /** Resolves when any member, or the wave, has a new fact after this call, or when the signal is aborted. */
  changed(signal: AbortSignal): Promise<void>;
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
      for (;;) {
        // Asked before looking, so that what changes while commands are sent is not missed.
        const change = members.changed(signal);
        const { plan, approvedBy } = wave().snapshot.context;
        if (!plan) throw new InvariantError('a wave without a plan has no work');
        const states = new Map(
          plan.members.flatMap(({ migration }) => {
            const state = members.state(migration);
            return state ? [[migration, state] as const] : [];
          }),
        );
        const { commands, settled } = planWave({ phase, plan, approvedBy, members: states });
        if (signal.aborted) return { type: 'facts', facts: [] };
        if (settled && commands.length === 0) return { type: 'facts', facts: [completed(plan.members, states)] };
        await Promise.all(commands.map(({ migration, command }) => members.command(migration, command)));
        await change;
      }
    },
    reconcile: () => Promise.resolve({ type: 'notDone' }),
  };
}

function completed(
  members: readonly { readonly migration: MigrationId }[],
  states: ReadonlyMap<MigrationId, MigrationState>,
): WaveFact {
  const outcomes = members.map(({ migration }) => {
    const state = states.get(migration);
    return { migration, lifecycle: state ? axesOf(state).lifecycle : 'undrafted' };
  });
  return { type: 'WaveCompleted', data: { members: outcomes } };
}
