import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { invariant } from '#core/invariant';

/** A state of a chart as XState built it. */
export type StateNode = AnyStateNode;

/** A transition, as far as structure goes. */
export interface Move {
  readonly source: StateNode;
  readonly target: readonly StateNode[] | undefined;
  readonly reenter: boolean;
  readonly actions: readonly unknown[];
}

/** The active states in document order, and the actions on the way to them in the order in which they run. */
export interface Arrival {
  readonly active: readonly StateNode[];
  readonly actions: readonly unknown[];
}

const childrenOf = (node: StateNode): readonly StateNode[] => Object.values(node.states);

/** Refuses charts whose meaning would need more than states, guards, assigns and effects. */
export function checkSupported(machine: AnyStateMachine): void {
  const visit = (node: StateNode): void => {
    const refuse = (what: string): void => invariant(false, `${node.id} ${what}, which a compiled chart does not know`);
    if (node.type === 'history') refuse('is a history state');
    if (node.type === 'parallel' && node.parent) refuse('is parallel below the root');
    if (node.invoke.length > 0 || node.after.length > 0) refuse('invokes or waits');
    if ((node.initial?.actions.length ?? 0) > 0) refuse('has actions on its initial transition');
    for (const type of node.transitions.keys())
      if (type.includes('*') || type.startsWith('xstate.')) refuse(`has transitions for ${type}`);
    if (node === machine.root && (node.always ?? []).length > 0) refuse('moves by itself');
    if (node.type === 'final' && node.parent === machine.root && machine.root.exit.length > 0)
      refuse('ends a chart that has exit actions');
    for (const move of [...[...node.transitions.values()].flat(), ...(node.always ?? [])] as readonly Move[]) {
      if ((move.target?.length ?? 0) > 1) refuse('has a transition with several targets');
      const [target] = move.target ?? [];
      // It would leave all regions at once, and take the transitions of the others with it.
      if (target && domainOf(move, target).type === 'parallel') refuse('has a transition out of its region');
    }
    for (const child of childrenOf(node)) visit(child);
  };
  visit(machine.root as StateNode);
  const { root } = machine;
  const endsAsAWhole =
    root.type === 'parallel' &&
    childrenOf(root as StateNode).every((region) => childrenOf(region).some(({ type }) => type === 'final'));
  invariant(!endsAsAWhole, `${root.id} may end when all its regions do, which a compiled chart does not know`);
}

/** Where a chart begins. */
export function initialActive(root: StateNode): Arrival {
  const active = [root, ...enteredBelow(root)].sort(byOrder);
  return { active, actions: active.flatMap(({ entry }) => entry) };
}

/**
 * Where transitions lead that are taken at once: leave the states below each one's domain, innermost first; run the
 * transitions' own actions; enter states, outermost first.
 */
export function activeAfter(before: readonly StateNode[], moves: readonly Move[]): Arrival {
  const left = new Set<StateNode>();
  const entered = new Set<StateNode>();
  for (const move of moves) {
    const [target] = move.target ?? [];
    if (!target) continue;
    const domain = domainOf(move, target);
    for (const node of before) {
      if (!isBelow(node, domain)) continue;
      invariant(!left.has(node), `two transitions taken at once both leave ${node.id}`);
      left.add(node);
    }
    for (let node: StateNode | undefined = target; node && node !== domain; node = node.parent) entered.add(node);
    for (const node of enteredBelow(target)) entered.add(node);
  }
  const entering = [...entered].sort(byOrder);
  const leaving = [...left].sort((a, b) => byOrder(b, a));
  const stayed = before.filter((node) => !left.has(node) && !entered.has(node));
  return {
    active: [...stayed, ...entering].sort(byOrder),
    actions: [
      ...leaving.flatMap(({ exit }) => exit),
      ...moves.flatMap(({ actions }) => actions),
      ...entering.flatMap(({ entry }) => entry),
    ],
  };
}

const byOrder = (a: StateNode, b: StateNode): number => a.order - b.order;

const isBelow = (node: StateNode, ancestor: StateNode): boolean => {
  for (let up = node.parent; up; up = up.parent) if (up === ancestor) return true;
  return false;
};

/** The innermost state that a transition stays in. */
function domainOf({ source, reenter }: Move, target: StateNode): StateNode {
  if (!reenter && (target === source || isBelow(target, source))) return source;
  let domain = source.parent;
  while (domain && !isBelow(target, domain)) domain = domain.parent;
  invariant(domain, `a transition of ${source.id} leaves the root`);
  return domain;
}

/** What becomes active with a state: its initial states, or all regions, all the way down. */
function enteredBelow(node: StateNode): readonly StateNode[] {
  if (node.type === 'parallel') return childrenOf(node).flatMap((child) => [child, ...enteredBelow(child)]);
  const [initial] = (node.initial?.target ?? []) as readonly StateNode[];
  if (!initial) return [];
  const path: StateNode[] = [];
  for (let step: StateNode | undefined = initial; step && step !== node; step = step.parent) path.push(step);
  return [...path, ...enteredBelow(initial)];
}
