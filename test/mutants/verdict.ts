import { canary, nothingChanged } from './controls.ts';
import type { Mutant } from './mutant.ts';
import type { MutantResult } from './results.ts';

/** A mutant with what became of it. */
export interface Judged {
  readonly mutant: Mutant;
  readonly result: MutantResult;
}

/** What is wrong with a run, a sentence each: survivors that nobody has explained, and controls that did not hold. */
export const troubles = (judged: readonly Judged[]): readonly string[] =>
  judged.flatMap(({ mutant, result }) => {
    const isCaught = result.caught !== null;
    if (mutant.id === canary.id) return isCaught ? [] : ['the canary lives: what is not caught proves nothing'];
    if (mutant.id === nothingChanged.id)
      return isCaught ? ['a change that changes nothing was caught: what is caught proves nothing'] : [];
    if (!isCaught && mutant.survives === undefined) return [`${mutant.id} survives, and nobody has said why`];
    return [];
  });

/** A table for people: each mutant, by what it was caught, after how many seeds, in how many seconds; survivors last. */
export function reportLines(judged: readonly Judged[]): readonly string[] {
  const isReal = ({ mutant }: Judged): boolean => mutant.id !== canary.id && mutant.id !== nothingChanged.id;
  const real = judged.filter(isReal);
  const caught = real.filter(({ result }) => result.caught !== null);
  const survivors = real.filter(({ result }) => result.caught === null);
  const width = Math.max(0, ...judged.map(({ mutant }) => mutant.id.length));
  const row = (id: string, by: string, seeds: string, seconds: string): string =>
    `${id.padEnd(width)}  ${seeds.padStart(6)}  ${seconds.padStart(6)}  ${by}`;
  const byOf = ({ result: { caught: found }, mutant }: Judged): string => {
    if (found === null) return `SURVIVES${mutant.survives === undefined ? '' : `: ${mutant.survives}`}`;
    const law = found.law === null ? '' : `${found.law} `;
    return `${law}${found.by}${found.file === null ? '' : ` (${found.file})`}`;
  };
  const rowOf = (one: Judged): string =>
    row(one.mutant.id, byOf(one), String(one.result.caught?.seeds ?? ''), one.result.seconds.toFixed(1));
  const controls = judged.filter((one) => !isReal(one));
  return [
    row('mutant', 'caught by', 'seeds', 's'),
    ...caught.map(rowOf),
    ...survivors.map(rowOf),
    ...controls.map(rowOf),
    `${caught.length} of ${real.length} mutants are caught`,
    ...troubles(judged),
  ];
}
