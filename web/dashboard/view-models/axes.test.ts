import { beforeAll, describe, expect, it } from 'vitest';
import { migrationMachine } from '#core/migration/machine';
import { waveMachine } from '#core/wave/machine';
import { instant } from '#core/units';
import { everyTemper, smallFleet } from '#test/support/small-fleet';
import { allStops, axisAt, visitsOf, type Axis, type StopView } from './axes.ts';
import { History } from './history.ts';
import { lifecycleWords, replicationWords, waveWords } from './words.ts';

interface Node {
  readonly states: Readonly<Record<string, Node>>;
}

/** Every state of a chart as text, outer ones included. */
const statesBelow = (node: Node, outer = ''): readonly string[] =>
  Object.entries(node.states).flatMap(([name, inner]) => [
    `${outer}${name}`,
    ...statesBelow(inner, `${outer}${name}.`),
  ]);
const leavesBelow = (node: Node): readonly string[] => {
  const all = statesBelow(node);
  return all.filter((state) => !all.some((other) => other.startsWith(`${state}.`)));
};
const axisNode = (axis: Axis): Node => migrationMachine.states[axis] as unknown as Node;

describe('the map of an axis', () => {
  it.each(['lifecycle', 'replication'] as const)('has every state of %s once, each described', (axis) => {
    const stops = allStops(axis);
    const states = statesBelow(axisNode(axis)).filter((state) => state !== 'undrafted');
    expect(stops.map(({ state }) => state).toSorted()).toEqual(states.toSorted());
    expect(stops.filter(({ description }) => description === '').map(({ state }) => state)).toEqual([]);
  });

  it('has words for every state an axis or a wave can be in', () => {
    const unworded = [
      ...leavesBelow(axisNode('lifecycle')).filter((state) => !(state in lifecycleWords)),
      ...leavesBelow(axisNode('replication')).filter((state) => !(state in replicationWords)),
      ...leavesBelow(waveMachine as unknown as Node).filter((state) => !(state in waveWords)),
    ];
    expect(unworded).toEqual([]);
  });
});

describe('the axes of a migration', () => {
  let history: History;
  beforeAll(async () => {
    const fleet = await smallFleet({ tempers: everyTemper });
    await fleet.advance(120);
    await fleet.stop();
    history = new History();
    for await (const fact of fleet.log.readAll()) history.append([fact]);
  });

  const axisOf = (id: string, axis: Axis, index = history.lastIndex): ReadonlyMap<string, StopView> => {
    const stream = history.migrations.get(id);
    if (!stream) throw new Error(`there is a migration ${id}`);
    const visits = visitsOf(stream, axis, (at) => history.timeAt(at) ?? instant(0));
    const flat = (view: StopView): readonly StopView[] => [
      view,
      ...view.steps.flatMap(flat),
      ...view.beside.flatMap(flat),
    ];
    return new Map(
      axisAt(axis, visits, index)
        .flatMap(flat)
        .map((view) => [view.stop.state, view]),
    );
  };
  const indexOf = (stream: string, type: string): number => {
    for (let index = 0; index < history.count; index += 1) {
      const fact = history.fact(index);
      if (fact.stream === stream && fact.type === type) return index;
    }
    throw new Error(`${stream} has no ${type}`);
  };

  it('show where it is, where it was and where it never was', () => {
    const lifecycle = axisOf('vm-01', 'lifecycle');
    expect(lifecycle.get('cutOver')?.standing).toBe('current');
    expect(lifecycle.get('cuttingOver')).toMatchObject({ standing: 'visited', count: 1 });
    expect(lifecycle.get('cuttingOver.fencing')?.standing).toBe('visited');
    expect(lifecycle.get('rollingBack')).toMatchObject({ standing: 'never', visit: null, count: 0 });
  });

  it('seen from the past, tell what is to come from what never was', () => {
    const lifecycle = axisOf('vm-01', 'lifecycle', indexOf('migration-vm-01', 'ProtectionStarted'));
    expect(lifecycle.get('protected')?.standing).toBe('current');
    expect(lifecycle.get('cutOver')?.standing).toBe('ahead');
    expect(lifecycle.get('failed')?.standing).toBe('never');
  });

  it('count going from step to step as one stay, from its first step to its last', () => {
    const cuttingOver = axisOf('vm-01', 'lifecycle').get('cuttingOver')?.visit;
    expect(cuttingOver?.index).toBe(indexOf('migration-vm-01', 'CutoverStarted'));
    expect(cuttingOver?.to).toBe(history.timeAt(indexOf('migration-vm-01', 'TargetValidated')));
  });

  it('count each stay by itself, and lead to the last one up to the moment', () => {
    const disconnected = axisOf('vm-10', 'replication').get('disconnected');
    expect(disconnected).toMatchObject({ standing: 'visited', count: 3 });
    const second = axisOf('vm-10', 'replication', (disconnected?.visit?.index ?? 0) - 1).get('disconnected');
    expect(second?.count).toBe(2);
  });
});
