import { matchesState, type AnyStateMachine } from 'xstate';
import { compileActions, type CompiledAction } from './chart-actions.ts';
import { chartGuard, type Guard } from './chart-guards.ts';
import { activeAfter, checkSupported, initialActive, type StateNode } from './chart-structure.ts';

/** One transition of the chart. `id` is unique in it. */
export interface Transition {
  readonly id: number;
  readonly guard: Guard | undefined;
  readonly source: StateNode;
  readonly target: readonly StateNode[] | undefined;
  readonly reenter: boolean;
  readonly actions: readonly unknown[];
  readonly moves: boolean;
}

/** Transitions that may be taken: one of each region at most, and one of the root where no region has any. */
export interface Offer {
  readonly regions: readonly (readonly Transition[])[];
  readonly root: readonly Transition[];
}

/** Where transitions lead, and the actions on the way. */
export interface Outcome {
  readonly next: Configuration;
  readonly actions: readonly CompiledAction[];
}

/** One set of active states, and what follows from it alone. */
export interface Configuration {
  readonly id: number;
  readonly active: readonly StateNode[];
  readonly value: unknown;
  readonly hasTag: (tag: string) => boolean;
  readonly matches: (pattern: never) => boolean;
  readonly offers: Map<string, Offer>;
  readonly eventless: readonly (readonly Transition[])[];
  /** By the ids of the transitions taken. */
  readonly outcomes: Map<number | string, Outcome>;
}

/** What is known of a chart so far. */
export interface ChartTables {
  readonly first: Configuration;
  readonly firstActions: readonly CompiledAction[];
  configuration(id: number): Configuration;
  /** What an event type offers there. */
  offerOf(configuration: Configuration, type: string): Offer;
  /** Where taking these transitions at once leads. */
  outcomeOf(configuration: Configuration, taken: readonly Transition[]): Outcome;
}

/** The tables of a chart. They grow with the configurations that are met, of which a chart has some hundred. */
export function chartTables(machine: AnyStateMachine): ChartTables {
  checkSupported(machine);
  const root = machine.root as StateNode;
  const transitionsOf = transitionTable(machine);
  const intern = configurationTable(root, transitionsOf);
  const first = initialActive(root);
  return {
    first: intern.of(first.active),
    firstActions: compileActions(machine, first.actions),
    configuration: (id) => intern.byId[id] as Configuration,
    offerOf: ({ offers, active }, type) => {
      const known = offers.get(type);
      if (known) return known;
      const made = {
        regions: chains(active, (node) => transitionsOf(node.transitions.get(type))),
        root: transitionsOf(root.transitions.get(type)),
      };
      offers.set(type, made);
      return made;
    },
    outcomeOf: ({ outcomes, active }, taken) => {
      const [only] = taken;
      const key = taken.length === 1 && only ? only.id : taken.map(({ id }) => id).join();
      const known = outcomes.get(key);
      if (known) return known;
      const after = activeAfter(active, taken);
      const made = { next: intern.of(after.active), actions: compileActions(machine, after.actions) };
      outcomes.set(key, made);
      return made;
    },
  };
}

type Definitions = StateNode['always'];
type TransitionsOf = (definitions: Definitions) => readonly Transition[];

function transitionTable(machine: AnyStateMachine): TransitionsOf {
  const known = new Map<unknown, Transition>();
  return (definitions = []) =>
    definitions.map((definition) => {
      const before = known.get(definition);
      if (before) return before;
      const { guard, source, target, reenter, actions } = definition;
      const made: Transition = {
        id: known.size,
        guard: guard === undefined ? undefined : chartGuard(machine, guard),
        source,
        target,
        reenter,
        actions,
        moves: target !== undefined || actions.length > 0,
      };
      known.set(definition, made);
      return made;
    });
}

/** Transitions by priority for each active leaf: its own, then its parents', up to below the root. */
const chains = (
  active: readonly StateNode[],
  of: (node: StateNode) => readonly Transition[],
): readonly (readonly Transition[])[] =>
  active
    .filter((node) => node.type === 'atomic' || node.type === 'final')
    .map((leaf) => {
      const chain: Transition[] = [];
      for (let node: StateNode | undefined = leaf; node?.parent; node = node.parent) chain.push(...of(node));
      return chain;
    })
    .filter((chain) => chain.length > 0);

function configurationTable(root: StateNode, transitionsOf: TransitionsOf) {
  const byName = new Map<string, Configuration>();
  const byId: Configuration[] = [];
  const of = (active: readonly StateNode[]): Configuration => {
    const name = active.map(({ order }) => order).join();
    const known = byName.get(name);
    if (known) return known;
    const value = valueOf(root, new Set(active));
    const tags = new Set(active.flatMap((node) => [...node.tags]));
    const made: Configuration = {
      id: byId.length,
      active,
      value,
      hasTag: (tag) => tags.has(tag),
      matches: (pattern) => matchesState(pattern, value as never),
      offers: new Map(),
      eventless: chains(active, (node) => transitionsOf(node.always)),
      outcomes: new Map(),
    };
    byName.set(name, made);
    byId.push(made);
    return made;
  };
  return { of, byId };
}

/** The value of a state whose active descendants are known: a name where its child is a leaf. */
function valueOf(node: StateNode, active: ReadonlySet<StateNode>): unknown {
  const isLeaf = (child: StateNode): boolean => Object.keys(child.states).length === 0;
  const children = Object.values(node.states).filter((child) => active.has(child));
  const [first] = children;
  if (node.type !== 'parallel' && first && isLeaf(first)) return first.key;
  return Object.fromEntries(children.map((child) => [child.key, isLeaf(child) ? {} : valueOf(child, active)]));
}
