import { stringify } from 'yaml';
import type { Failure } from '#simulator/search/failure';
import type { BlockSpec } from '#simulator/block/spec';
import { worldText, type CheckText, type WorldText } from '#scenarios/check-scenario';

/** A world that failed, and how it was found. */
export interface RegressionInput {
  readonly spec: BlockSpec;
  readonly failure: Failure;
  /** What is wrong with it, in a sentence. */
  readonly why: string;
  readonly found: { readonly seed: number; readonly commit: string };
  readonly demands: 'progress' | 'safety';
}

/** What was wrong as the first part of a name, and what was against it as the rest: `l5-receiver-power-lost-link-cut`. */
export function regressionName({ spec, failure }: Pick<RegressionInput, 'spec' | 'failure'>): string {
  const what =
    failure.type === 'broken' ? failure.law.toLowerCase() : failure.type === 'notLive' ? 'not-live' : 'crashed';
  const kinds = [...new Set(spec.faults.map(({ kind }) => kind))].slice(0, 3);
  const against = kinds.map((kind) => kind.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
  return [what, ...(against.length > 0 ? against : ['no-fault'])].join('-');
}

/** The file of a world that failed: a scenario of kind "check". `name` is that of the file without its ending. */
export function regressionText(name: string, { spec, failure, why, found, demands }: RegressionInput): string {
  const head: Omit<CheckText, keyof WorldText> = {
    kind: 'check',
    id: name,
    title: failure.type === 'broken' ? `${failure.law} ${failure.slug} was broken` : titles[failure.type],
    why,
    broke: failure.type === 'broken' ? failure.law : failure.type,
    found,
    demands,
  };
  return stringify({ ...head, ...worldText(spec) }, { lineWidth: 120, flowCollectionPadding: true });
}

const titles = { notLive: 'Not everyone came to an end', crashed: 'The program found itself to be wrong' } as const;
