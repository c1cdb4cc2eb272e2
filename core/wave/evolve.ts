import { getInitialSnapshot, transition, type SnapshotFrom } from 'xstate';
import type { WorkItem } from '#core/driver/model';
import { invariant } from '#core/invariant';
import type { Instant } from '#core/units';
import type { WaveEffect, WaveEffectType } from './effects.ts';
import type { WaveFact } from './facts.ts';
import { waveMachine } from './machine.ts';

type Snapshot = SnapshotFrom<typeof waveMachine>;

/** A wave folded from its facts. */
export interface WaveState {
  readonly snapshot: Snapshot;
  readonly count: number;
  readonly work: readonly WorkItem<WaveEffect>[];
}

/** The state before the first fact. */
export const initialWave = (): WaveState => ({ snapshot: getInitialSnapshot(waveMachine), count: 0, work: [] });

/** Whether the chart can take this fact now. */
export const canTakeWave = (state: WaveState, fact: WaveFact): boolean => state.snapshot.can(fact);

/** Folds one fact in; throws an `InvariantError` for one that cannot follow. */
export function evolveWave(
  state: WaveState,
  fact: WaveFact,
  place: { readonly stream: string; readonly time: Instant },
): WaveState {
  invariant(canTakeWave(state, fact), `${fact.type} cannot follow in state ${JSON.stringify(state.snapshot.value)}`);
  const [snapshot, actions] = transition(waveMachine, state.snapshot, fact);
  const asked = actions.flatMap(({ type, params }, index): WorkItem<WaveEffect>[] =>
    Object.hasOwn(dueWhile, type)
      ? [
          {
            key: `${place.stream}@${state.count}/${index}`,
            effect: { type, params: params ?? {} } as WaveEffect,
            standing: 'due',
            since: place.time,
          },
        ]
      : [],
  );
  const kept = state.work.filter(
    ({ effect }) => !asked.some((work) => work.effect.type === effect.type) && dueWhile[effect.type](snapshot, effect),
  );
  return { snapshot, count: state.count + 1, work: [...kept, ...asked] };
}

const dueWhile: Readonly<Record<WaveEffectType, (snapshot: Snapshot, effect: WaveEffect) => boolean>> = {
  prepareMembers: (s) => s.matches({ preparing: 'admitting' }),
  cutOverMembers: (s) => s.matches({ windowOpen: 'admitting' }),
  recoverMembers: (s) => s.matches('recovering'),
  armDeadline: (s, effect) =>
    effect.type === 'armDeadline' && s.matches(effect.params.deadline === 'windowOpens' ? 'preparing' : 'windowOpen'),
};
