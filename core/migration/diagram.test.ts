import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sentinelChart, sentinelMachine } from '#core/sentinel/machine';
import { waveChart, waveMachine } from '#core/wave/machine';
import { createMachine, type AnyStateMachine, type AnyStateNode } from 'xstate';
import { chartJson, mermaid } from './diagram.ts';
import { migrationMachine, migrationModel } from './machine.ts';

const fence = '```';
const block = (name: string, diagram: string): string =>
  `<!-- ${name}: kept current by diagram.test.ts; UPDATE_DIAGRAMS=1 rewrites it -->\n\n${fence}mermaid\n${diagram}\n${fence}`;

function expectCurrent(readme: string, name: string, diagram: string): void {
  const path = new URL(readme, import.meta.url);
  const text = readFileSync(path, 'utf8');
  const wanted = block(name, diagram);
  const found = new RegExp(`<!-- ${name}: [^]*?${fence}mermaid[^]*?\n${fence}`).exec(text)?.[0];
  if (process.env['UPDATE_DIAGRAMS'] && found)
    writeFileSync(
      path,
      text.replace(found, () => wanted),
    );
  else
    expect(
      found,
      `${readme} does not show the chart as it is; run UPDATE_DIAGRAMS=1 npx vitest run core/migration/diagram`,
    ).toBe(wanted);
}

const nodes = (node: AnyStateNode): readonly AnyStateNode[] => [node, ...Object.values(node.states).flatMap(nodes)];
const shape = (machine: AnyStateMachine) =>
  nodes(machine.root).map((node) => ({
    id: node.id,
    type: node.type,
    description: node.description,
    events: [...node.transitions].map(([event, all]) => [event, all.map(({ target }) => target?.map(({ id }) => id))]),
  }));

describe('the diagrams', () => {
  it.each(['lifecycle', 'replication', 'outcome'])('of the migration chart are current: %s', (axis) => {
    const node = migrationMachine.root.states[axis];
    expect(node).toBeDefined();
    if (node) expectCurrent('README.md', axis, mermaid(node));
  });
  it('of the wave chart is current', () => expectCurrent('../wave/README.md', 'wave', mermaid(waveMachine.root)));
  it('of the sentinel chart is current', () =>
    expectCurrent('../sentinel/README.md', 'sentinel', mermaid(sentinelMachine.root)));
});

describe('the JSON of a chart', () => {
  it.each([
    ['migration', migrationMachine, migrationModel.version],
    ['wave', waveMachine, waveChart.version],
    ['sentinel', sentinelMachine, sentinelChart.version],
  ] as const)(
    'is a chart that XState reads back with the same states and transitions: %s',
    (_name, machine, version) => {
      const json = JSON.parse(JSON.stringify(chartJson(machine, version))) as Parameters<typeof createMachine>[0];
      expect(shape(createMachine(json))).toEqual(shape(machine as AnyStateMachine));
    },
  );
});
