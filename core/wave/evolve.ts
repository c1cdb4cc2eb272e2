import type { WorkItem } from '#core/driver/model';
import { InvariantError } from '#core/invariant';
import { compileChart, type ChartSnapshot } from '#core/statechart/compiled-chart';
import { inState } from '#core/statechart/state-test';
import type { Instant } from '#core/units';
import type { WaveDeadline, WaveEffect, WaveEffectType } from './effects.ts';
import type { WaveFact } from './facts.ts';
import { waveMachine } from './machine.ts';

type Snapshot = ChartSnapshot<typeof waveMachine>;

const chart = compileChart(waveMachine);

/** A wave folded from its facts. */
export interface WaveState {
  readonly snapshot: Snapshot;
  readonly count: number;
  readonly work: readonly WorkItem<WaveEffect>[];
}

/** The state before the first fact. */
export const initialWave = (): WaveState => ({ snapshot: chart.initial, count: 0, work: [] });

/** Whether the chart can take this fact now. */
export const canTakeWave = (state: WaveState, fact: WaveFact): boolean => chart.can(state.snapshot, fact);

/** Folds one fact in; throws an `InvariantError` for one that cannot follow. */
export function evolveWave(
  state: WaveState,
  fact: WaveFact,
  place: { readonly stream: string; readonly time: Instant },
): WaveState {
  const step = chart.step(state.snapshot, fact);
  if (!step) throw new InvariantError(`${fact.type} cannot follow in state ${JSON.stringify(state.snapshot.value)}`);
  const { snapshot, effects } = step;
  const asked = effects.map(({ type, params }, index): WorkItem<WaveEffect> => ({
    key: `${place.stream}@${state.count}/${index}`,
    effect: { type, params: params ?? {} } as WaveEffect,
    standing: 'due',
    since: place.time,
  }));
  const kept = state.work.filter(
    ({ effect }) =>
      !asked.some((work) => slotOf(work.effect) === slotOf(effect)) && dueWhile[effect.type](snapshot, effect),
  );
  return { snapshot, count: state.count + 1, work: [...kept, ...asked] };
}

// Work is replaced by newer work of the same kind.
function slotOf(effect: WaveEffect): string {
  if (effect.type === 'armDeadline') return `armDeadline:${effect.params.deadline}`;
  return effect.type === 'armRetry' ? `armRetry:${effect.params.migration}` : effect.type;
}

const isOpen = inState<typeof waveMachine>('windowOpen');
const whileDeadline: Readonly<Record<WaveDeadline, (snapshot: Snapshot, at: Instant) => boolean>> = {
  windowOpens: inState('preparing'),
  windowCloses: isOpen,
  lastStart: (s, at) => isOpen(s) && (s.context.lastStart === null || at > s.context.lastStart),
};
const dueWhile: Readonly<Record<WaveEffectType, (snapshot: Snapshot, effect: WaveEffect) => boolean>> = {
  prepareMembers: inState({ preparing: 'admitting' }),
  cutOverMembers: inState({ windowOpen: 'admitting' }),
  recoverMembers: inState('recovering'),
  armDeadline: (s, effect) =>
    effect.type === 'armDeadline' && whileDeadline[effect.params.deadline](s, effect.params.at),
  armRetry: (s, effect) => {
    if (effect.type !== 'armRetry') return false;
    const { migration, cutovers } = effect.params;
    const note = s.context.retries[migration];
    return isOpen(s) && note?.cutovers === cutovers && !note.due;
  },
};
