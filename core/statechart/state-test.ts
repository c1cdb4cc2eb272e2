import type { AnyStateMachine } from 'xstate';
import type { ChartSnapshot } from './compiled-chart.ts';

/** Whether a snapshot is in the states of `pattern`, worked out once for each set of active states of one chart. */
export function inState<Machine extends AnyStateMachine>(
  pattern: unknown,
): (snapshot: ChartSnapshot<Machine>) => boolean {
  const known: (boolean | undefined)[] = [];
  return ({ configuration, matches }) => (known[configuration] ??= (matches as (pattern: unknown) => boolean)(pattern));
}
