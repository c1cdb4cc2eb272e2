import { chartJson } from '#core/migration/diagram';
import { migrationMachine, migrationModel } from '#core/migration/machine';
import { sentinelChart, sentinelMachine } from '#core/sentinel/machine';
import { waveChart, waveMachine } from '#core/wave/machine';
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { ChartName } from './chart-names.ts';

const charts: Readonly<
  Record<ChartName, { readonly machine: AnyStateMachine; readonly id: string; readonly version: string }>
> = {
  migration: { ...migrationModel, machine: migrationMachine },
  wave: { ...waveChart, machine: waveMachine },
  sentinel: { ...sentinelChart, machine: sentinelMachine },
};

/** A chart as XState JSON. */
export const modelJson = (name: ChartName): object => chartJson(charts[name].machine, charts[name].version);

/** A chart as an indented list of its states, each with its description and the facts it takes. */
export function modelLines(name: ChartName): readonly string[] {
  const { machine, id, version } = charts[name];
  const { root } = machine;
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
