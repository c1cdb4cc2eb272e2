import type { AnyStateMachine } from 'xstate';
import { invariant } from '#core/invariant';
import type { StateNode } from './chart-structure.ts';

/** What a guard may look at beside the event: the active states. */
export interface GuardPlace {
  /** Names the set of active states. */
  readonly id: number;
  readonly active: readonly StateNode[];
  readonly value: unknown;
  readonly matches: (pattern: never) => boolean;
}

/** What a guard is asked about. */
export interface GuardArgs {
  readonly context: unknown;
  readonly event: unknown;
}

/** A guard, with its name looked up and its parameters in hand. */
export type Guard = (args: GuardArgs, place: GuardPlace) => boolean;

type Plain = (args: GuardArgs, params: unknown) => boolean;
/** What XState's `and`, `or`, `not` and `stateIn` are. */
type Built = Plain & {
  readonly check: (snapshot: object, args: GuardArgs, self: unknown) => boolean;
  /** Of `stateIn`. */
  readonly stateValue?: unknown;
  /** Of `and`, `or` and `not`. */
  readonly guards?: readonly unknown[];
};
type Named = string | { readonly type: string; readonly params?: unknown };

/** Makes a guard out of what a chart says at a transition. */
export function chartGuard(machine: AnyStateMachine, said: unknown): Guard {
  if (typeof said === 'function') return callable(machine, said as Plain, undefined);
  const named = said as Named;
  const name = typeof named === 'string' ? named : named.type;
  const implementation: unknown = machine.implementations.guards[name];
  invariant(implementation !== undefined, `${machine.id} has no guard ${name}`);
  if (typeof implementation !== 'function') return chartGuard(machine, implementation);
  return callable(machine, implementation as Plain, typeof named === 'string' ? undefined : named.params);
}

function callable(machine: AnyStateMachine, guard: Plain, params: unknown): Guard {
  if ('check' in guard) {
    const built = guard as Built;
    // These ask a snapshot where it stands, and that is all they ask of it.
    const check: Guard = (args, { active, value, matches }) =>
      built.check({ machine, _nodes: active, value, matches, context: args.context }, args, built);
    return asksOnlyStates(machine, built) ? oncePerPlace(check) : check;
  }
  return typeof params === 'function'
    ? (args) => guard(args, (params as (args: GuardArgs) => unknown)(args))
    : (args) => guard(args, params);
}

/** Whether the answer follows from the active states alone. */
function asksOnlyStates(machine: AnyStateMachine, said: unknown): boolean {
  if (typeof said !== 'function') {
    const name = typeof said === 'string' ? said : (said as { readonly type: string }).type;
    const implementation: unknown = machine.implementations.guards[name];
    return implementation !== undefined && asksOnlyStates(machine, implementation);
  }
  const { stateValue, guards } = said as Partial<Built>;
  return stateValue !== undefined || (guards?.every((guard) => asksOnlyStates(machine, guard)) ?? false);
}

function oncePerPlace(guard: Guard): Guard {
  const known: (boolean | undefined)[] = [];
  return (args, place) => (known[place.id] ??= guard(args, place));
}
