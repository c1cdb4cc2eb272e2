import type { AnyStateMachine, SnapshotFrom } from 'xstate';
import { runActions, type ActionsAround, type AskedEffect, type Context, type CopyContext } from './chart-actions.ts';
import { chartTables, type Configuration, type Transition } from './chart-tables.ts';

/*
 * A chart, compiled while it is used.
 *
 * XState's own `transition` builds an actor scope, sets and arrays for each event, 30 us of them. What follows from the
 * chart's structure alone is the same every time, so here it is worked out once for each configuration that is met:
 *
 *     configuration + event type            ->  the transitions that may be taken, by priority
 *     configuration + transitions taken     ->  the configuration after it, and the actions on the way, in order
 *
 * What remains for an event is to ask its guards and to run its assigns. The chart stays the only source of truth: the
 * tables are read off XState's own state nodes, and `compiled-chart.test.ts` holds every step against XState's.
 *
 * Charts may be as ours are: a root, parallel or not, whose regions are not parallel, without history, invocations,
 * delays or transitions on `done`. Anything else is refused when the chart is compiled.
 */

/** Where a chart stands. Unlike XState's, it has no actor behind it and can only be read. */
export interface ChartSnapshot<Machine extends AnyStateMachine> {
  /** The active states, as XState writes them. */
  readonly value: SnapshotFrom<Machine>['value'];
  readonly context: SnapshotFrom<Machine>['context'];
  /** Names the set of active states: equal numbers of one chart, equal states. */
  readonly configuration: number;
  readonly hasTag: SnapshotFrom<Machine>['hasTag'];
  readonly matches: SnapshotFrom<Machine>['matches'];
}

/** What an event made of a snapshot. */
export interface ChartStep<Machine extends AnyStateMachine> {
  readonly snapshot: ChartSnapshot<Machine>;
  /** What XState returns as actions, in its order: `assign`s are already in the context. */
  readonly effects: readonly AskedEffect[];
}

/** A chart that can be stepped. */
export interface CompiledChart<Machine extends AnyStateMachine> {
  readonly initial: ChartSnapshot<Machine>;
  /** Whether the chart has a transition for this event now. */
  can(snapshot: ChartSnapshot<Machine>, event: ChartEvent): boolean;
  /** Takes one event, and what follows from it without another; undefined where the chart cannot take it. */
  step(snapshot: ChartSnapshot<Machine>, event: ChartEvent): ChartStep<Machine> | undefined;
}

/** What a chart is told. */
export interface ChartEvent {
  readonly type: string;
}

// A chart that goes on for this many steps without an event never comes to rest.
const eventlessMax = 100;

/** Compiles a chart. `copyOf` copies its context. Throws an `InvariantError` for one it does not support. */
export function compileChart<Machine extends AnyStateMachine>(
  machine: Machine,
  copyOf?: (context: SnapshotFrom<Machine>['context']) => SnapshotFrom<Machine>['context'],
): CompiledChart<Machine> {
  const tables = chartTables(machine);
  const copy: CopyContext = (copyOf as CopyContext | undefined) ?? ((context) => ({ ...context }));

  const settle = (from: Configuration, fromContext: Context, event: ChartEvent, around: ActionsAround) => {
    let configuration = from;
    let context = fromContext;
    for (let step = 0; configuration.eventless.length > 0; step += 1) {
      const taken = chosenOf(configuration, configuration.eventless, context, event);
      if (taken.length === 0) break;
      if (step === eventlessMax)
        throw new Error(`${machine.id} does not come to rest in ${JSON.stringify(from.value)}`);
      const outcome = tables.outcomeOf(configuration, taken);
      context = runActions(outcome.actions, context, around);
      // A step that neither moves nor changes anything would be taken for ever.
      const rests = outcome.next === configuration && outcome.actions.length === 0;
      configuration = outcome.next;
      if (rests) break;
    }
    return snapshotOf(configuration, context);
  };
  const snapshotOf = (configuration: Configuration, context: Context): ChartSnapshot<Machine> => ({
    value: configuration.value as SnapshotFrom<Machine>['value'],
    context: context as SnapshotFrom<Machine>['context'],
    configuration: configuration.id,
    hasTag: configuration.hasTag as SnapshotFrom<Machine>['hasTag'],
    matches: configuration.matches as SnapshotFrom<Machine>['matches'],
  });
  const takenBy = (snapshot: ChartSnapshot<Machine>, event: ChartEvent): readonly Transition[] => {
    const configuration = tables.configuration(snapshot.configuration);
    const offer = tables.offerOf(configuration, event.type);
    const taken = chosenOf(configuration, offer.regions, snapshot.context as Context, event);
    return taken.length > 0 || offer.root.length === 0
      ? taken
      : chosenOf(configuration, [offer.root], snapshot.context as Context, event);
  };

  const start = { type: 'xstate.init' };
  const atStart: ActionsAround = { event: start, effects: [], copy };
  const contextOf = machine.config.context as Context | (() => Context) | undefined;
  const firstContext = typeof contextOf === 'function' ? contextOf() : (contextOf ?? {});
  return {
    initial: settle(tables.first, runActions(tables.firstActions, firstContext, atStart), start, atStart),
    can: (snapshot, event) => takenBy(snapshot, event).some(({ moves }) => moves),
    step: (snapshot, event) => {
      const taken = takenBy(snapshot, event);
      if (!taken.some(({ moves }) => moves)) return undefined;
      const { next, actions } = tables.outcomeOf(tables.configuration(snapshot.configuration), taken);
      const around: ActionsAround = { event, effects: [], copy };
      const before = snapshot.context as Context;
      const context = runActions(actions, before, around);
      // What is only noted leaves everything as it is, and a fifth of a log are such facts.
      const isSame = context === before && next.id === snapshot.configuration && next.eventless.length === 0;
      return { snapshot: isSame ? snapshot : settle(next, context, event, around), effects: around.effects };
    },
  };
}

const none: readonly Transition[] = [];

/** The first transition of each list whose guard passes. */
function chosenOf(
  configuration: Configuration,
  lists: readonly (readonly Transition[])[],
  context: Context,
  event: ChartEvent,
): readonly Transition[] {
  let taken: Transition[] | undefined;
  for (const list of lists) {
    for (const transition of list) {
      const { guard } = transition;
      if (guard && !guard({ context, event }, configuration)) continue;
      if (taken) taken.push(transition);
      else taken = [transition];
      break;
    }
  }
  return taken ?? none;
}
