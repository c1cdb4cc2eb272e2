import { chartJson } from '#core/migration/diagram';
import { migrationMachine, migrationModel } from '#core/migration/machine';
import { waveChart, waveMachine } from '#core/wave/machine';
import type { AnyStateNode } from 'xstate';
import type { ChartName } from './chart-names.ts';

/** A chart as XState JSON. */
export const modelJson = (name: ChartName): object =>
  name === 'migration'
    ? chartJson(migrationMachine, migrationModel.version)
    : chartJson(waveMachine, waveChart.version);

/** A chart as an indented list of its states, each with its description and the facts it takes. */
export function modelLines(name: ChartName): readonly string[] {
  const { root } = name === 'migration' ? migrationMachine : waveMachine;
  const { id, version } = name === 'migration' ? migrationModel : waveChart;
  return [`${id} chart, version ${version}`, ...Object.values(root.states).flatMap((node) => linesOf(node, 1))];
}

function linesOf(node: AnyStateNode, depth: number): readonly string[] {
  const indent = '  '.repeat(depth);
  const takes = [...node.transitions.keys()].join(' ');
  return [
    `${indent}${node.key}${node.description ? `: ${node.description}` : ''}`,
    ...(takes === '' ? [] : [`${indent}    takes ${takes}`]),
    ...Object.values(node.states).flatMap((child) => linesOf(child, depth + 1)),
  ];
}
