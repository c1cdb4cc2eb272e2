import { migrationMachine } from './machine.ts';

interface Node {
  readonly key: string;
  readonly type: string;
  readonly states: Readonly<Record<string, Node>>;
}

const leavesBelow = (node: Node, above: string): readonly string[] => {
  const name = above === '' ? node.key : `${above}.${node.key}`;
  const below = Object.values(node.states);
  if (below.length > 0) return below.flatMap((each) => leavesBelow(each, name));
  return node.type === 'final' ? [] : [name];
};

/** Every state of a lifecycle in which something can still happen to a migration, as `axesOf` names them: `cuttingOver.fencing`. */
export const lifecycleStates: readonly string[] = Object.values((migrationMachine.root.states.lifecycle as Node).states)
  .flatMap((node) => leavesBelow(node, ''))
  .filter((name) => name !== 'undrafted');
