import type { AnyStateMachine } from 'xstate';
import { invariant } from '#core/invariant';

/** An effect that a chart asks for. */
export interface AskedEffect {
  readonly type: string;
  readonly params: unknown;
}

/** What a chart knows of the past, by name. */
export type Context = Readonly<Record<string, unknown>>;
/** Makes a copy of a context that nobody else has seen, with all of its members. */
export type CopyContext = (context: Context) => Context;
interface Args {
  readonly context: Context;
  readonly event: unknown;
}
type ParamsOf = (args: Args) => unknown;
type Assignment = ((args: Args, params: unknown) => Context) | Readonly<Record<string, unknown>>;

/** One action, with its name looked up. */
export type CompiledAction =
  | { readonly type: 'assign'; readonly assign: (args: Args, params: unknown) => Context; readonly params: ParamsOf }
  | { readonly type: 'effect'; readonly name: string; readonly params: ParamsOf };

/** Looks actions up. Only `assign`s and effects, which have empty bodies, are known. */
export const compileActions = (machine: AnyStateMachine, actions: readonly unknown[]): readonly CompiledAction[] =>
  actions.map((action) => compileAction(machine, action));

function compileAction(machine: AnyStateMachine, said: unknown): CompiledAction {
  invariant(typeof said !== 'function', `${machine.id} has an inline action, which has no name in a log`);
  const action =
    typeof said === 'string' ? { type: said } : (said as { readonly type: string; readonly params?: unknown });
  const given: unknown = 'params' in action ? action.params : undefined;
  const params: ParamsOf = typeof given === 'function' ? (given as ParamsOf) : () => given;
  const implementation: unknown = machine.implementations.actions[action.type];
  if (typeof implementation !== 'function' || !('resolve' in implementation))
    return { type: 'effect', name: action.type, params };
  invariant('assignment' in implementation, `${action.type} of ${machine.id} is neither an assign nor an effect`);
  return { type: 'assign', assign: assigner(implementation.assignment as Assignment), params };
}

function assigner(assignment: Assignment): (args: Args, params: unknown) => Context {
  if (typeof assignment === 'function') return assignment as (args: Args, params: unknown) => Context;
  const members = Object.entries(assignment);
  return (args, params) => {
    const changes: Record<string, unknown> = {};
    for (const [key, value] of members)
      changes[key] =
        typeof value === 'function' ? (value as (args: Args, params: unknown) => unknown)(args, params) : value;
    return changes;
  };
}

/** Runs actions in order: returns the context after them, and adds what they ask for to `effects`. */
export function runActions(
  actions: readonly CompiledAction[],
  before: Context,
  { event, effects, copy }: ActionsAround,
): Context {
  let context = before;
  for (const action of actions) {
    const args = { context, event };
    const params = action.params(args);
    if (action.type === 'effect') effects.push({ type: action.name, params });
    else context = withChanges(context, action.assign(args, params), copy);
  }
  return context;
}

/** What actions are run with. */
export interface ActionsAround {
  readonly event: unknown;
  /** What they ask for is added here. */
  readonly effects: AskedEffect[];
  readonly copy: CopyContext;
}

// A fact that is only noted changes nothing, and a fifth of a log are such facts. The copy is made first and then changed: of two
// spreads, the second costs several times the first.
function withChanges(context: Context, changes: Context, copy: CopyContext): Context {
  const names = Object.keys(changes);
  if (names.length === 0) return context;
  const next = copy(context) as Record<string, unknown>;
  for (const name of names) next[name] = changes[name];
  return next;
}
