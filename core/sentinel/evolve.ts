import { InvariantError } from '#core/invariant';
import { compileChart, type ChartSnapshot } from '#core/statechart/compiled-chart';
import type { SentinelEffect } from './effects.ts';
import type { SentinelFact } from './facts.ts';
import { sentinelMachine } from './machine.ts';

const chart = compileChart(sentinelMachine);

/** A sentinel folded from its facts. */
export interface SentinelState {
  readonly snapshot: ChartSnapshot<typeof sentinelMachine>;
  /** How many facts there were. */
  readonly count: number;
}

/** The state before the first fact. */
export const initialSentinel = (): SentinelState => ({ snapshot: chart.initial, count: 0 });

/** Whether the chart can take this fact now. */
export const canTakeSentinel = (state: SentinelState, fact: SentinelFact): boolean => chart.can(state.snapshot, fact);

/** Folds one fact in; throws an `InvariantError` for one that cannot follow. `effects` are due only if it is new. */
export function evolveSentinel(
  state: SentinelState,
  fact: SentinelFact,
): { readonly state: SentinelState; readonly effects: readonly SentinelEffect[] } {
  const step = chart.step(state.snapshot, fact);
  if (!step) throw new InvariantError(`${fact.type} cannot follow in state ${JSON.stringify(state.snapshot.value)}`);
  const effects = step.effects.map(({ type, params }) => ({ type, params: params ?? {} }) as SentinelEffect);
  return { state: { snapshot: step.snapshot, count: state.count + 1 }, effects };
}
