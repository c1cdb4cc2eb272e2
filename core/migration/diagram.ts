import type { AnyStateMachine, AnyStateNode } from 'xstate';

/**
 * A chart as XState JSON: states, descriptions, tags, transitions with the names of their guards and actions. What is
 * code (guards, parameters, context) is named and not included, so this can be drawn and compared, not executed.
 */
export function chartJson(machine: AnyStateMachine, version: string): object {
  const { context: _computed, ...config } = machine.config as Record<string, unknown>;
  const plain = JSON.parse(JSON.stringify(config)) as object;
  return { version, ...plain };
}

/** One region of a chart, or a whole one without regions, as a Mermaid state diagram. */
export function mermaid(root: AnyStateNode): string {
  return ['stateDiagram-v2', ...insideOf(root, '  ', root)].join('\n');
}

function insideOf(node: AnyStateNode, indent: string, root: AnyStateNode): readonly string[] {
  const children = Object.values(node.states);
  const initial = node.initial.target[0];
  return [
    ...(initial ? [`${indent}[*] --> ${nameOf(initial, root)}`] : []),
    ...children.flatMap((child) =>
      Object.keys(child.states).length > 0
        ? [`${indent}state ${nameOf(child, root)} {`, ...insideOf(child, `${indent}  `, root), `${indent}}`]
        : [],
    ),
    ...children.flatMap((child) => arrowsFrom(child, root).map((arrow) => `${indent}${arrow}`)),
    ...children.filter(({ type }) => type === 'final').map((child) => `${indent}${nameOf(child, root)} --> [*]`),
    // What is legal in every state of a region is said once, beside it, not as an arrow from each.
    ...(node === root ? arrowsAnywhere(root).map((arrow) => `${indent}${arrow}`) : []),
  ];
}

// Arrows with the same ends share a line: a diagram of a hundred arrows is read by nobody.
function arrowsFrom(node: AnyStateNode, root: AnyStateNode): readonly string[] {
  const labels = new Map<string, string[]>();
  for (const [event, target, guard] of transitionsOf(node)) {
    const arrow = `${nameOf(node, root)} --> ${nameOf(target, root)}`;
    labels.set(arrow, [...(labels.get(arrow) ?? []), guard ? `${event} [${guard}]` : event]);
  }
  return [...labels].map(([arrow, events]) => `${arrow}: ${events.join(', ')}`);
}

function arrowsAnywhere(root: AnyStateNode): readonly string[] {
  return transitionsOf(root).map(([event, target]) => `note left of ${nameOf(target, root)}: ${event}, from any state`);
}

function transitionsOf(node: AnyStateNode): readonly (readonly [string, AnyStateNode, string | undefined])[] {
  const defined = [...node.transitions].flatMap(([event, all]) => all.map((each) => [event, each] as const));
  const always = (node.always ?? []).map((each) => ['always', each] as const);
  return [...defined, ...always].flatMap(([event, { target, guard }]) =>
    (target ?? []).map((to) => [event, to, guardName(guard)] as const),
  );
}

function guardName(guard: unknown): string | undefined {
  if (guard === undefined) return undefined;
  if (typeof guard === 'string') return guard;
  const { type, params } = guard as { type: string; params?: Record<string, string> };
  return params ? `${type} ${Object.values(params).join(' ')}` : type;
}

const nameOf = (node: AnyStateNode, root: AnyStateNode): string =>
  node.path.slice(root.path.length).join('_') || node.key;
