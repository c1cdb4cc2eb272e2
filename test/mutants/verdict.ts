import { formatPercent } from '#core/text/format';
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
    return [...reachTroubles(mutant, result), ...survivalTroubles(mutant, result)];
  });

/** What is said of reach is held to what worlds executed. */
function reachTroubles({ id, noWorldRuns }: Mutant, { worlds, caught }: MutantResult): readonly string[] {
  if (worlds === null) return [];
  if (noWorldRuns !== undefined && worlds.reached > 0)
    return [`${id} is executed by a world, though it says of itself that none does`];
  if (noWorldRuns === undefined && worlds.reached === 0 && caught?.catcher !== 'tests')
    return [`${id} is executed by none of ${worlds.searched} worlds, and nobody has said why`];
  return [];
}

function survivalTroubles(
  { id, survives, noWorldRuns, worldsMiss }: Mutant,
  { caught, tried }: MutantResult,
): readonly string[] {
  if (caught !== null || survives !== undefined) return [];
  // Where tests were not asked it is enough that worlds could not know.
  if (!tried.includes('tests') && (noWorldRuns ?? worldsMiss) !== undefined) return [];
  return [`${id} survives, and nobody has said why`];
}

/** How many of those that the search executes, and that could be noticed at all, it has found; undefined if it did not search worlds. */
function foundBySearch(judged: readonly Judged[]): string | undefined {
  const searched = judged.filter(({ result: { worlds, caught } }) => worlds !== null || caught?.catcher === 'layerOne');
  if (!searched.some(({ result }) => result.worlds !== null)) return undefined;
  const found = searched.filter(({ result }) => result.caught !== null && result.caught.catcher !== 'tests');
  const able = searched.filter(
    (one) => found.includes(one) || (one.mutant.survives ?? one.mutant.noWorldRuns) === undefined,
  );
  const byLayerOne = found.filter(({ result }) => result.caught?.catcher === 'layerOne').length;
  return `the search found ${found.length} of ${able.length} that it executes (${formatPercent(found.length / Math.max(1, able.length))}): ${byLayerOne} over charts and planner, ${found.length - byLayerOne} in worlds`;
}

/** A table for people: each mutant, by what it was caught, after how many seeds, in how many seconds; survivors last. */
export function reportLines(judged: readonly Judged[]): readonly string[] {
  const isReal = ({ mutant }: Judged): boolean => mutant.id !== canary.id && mutant.id !== nothingChanged.id;
  const real = judged.filter(isReal);
  const caught = real.filter(({ result }) => result.caught !== null);
  const survivors = real.filter(({ result }) => result.caught === null);
  const width = Math.max(0, ...judged.map(({ mutant }) => mutant.id.length));
  const row = (id: string, by: string, seeds: string, seconds: string): string =>
    `${id.padEnd(width)}  ${seeds.padStart(6)}  ${seconds.padStart(6)}  ${by}`;
  const byOf = ({ result: { caught: found, worlds }, mutant }: Judged): string => {
    if (found === null) {
      const why = mutant.survives ?? mutant.noWorldRuns ?? mutant.worldsMiss;
      const looked = worlds
        ? ` ${worlds.searched} worlds, ${worlds.reached} of which execute it, ${worlds.differed} otherwise`
        : '';
      return `SURVIVES${looked}${why === undefined ? '' : `: ${why}`}`;
    }
    const law = found.law === null || found.law === found.by ? '' : `${found.law} `;
    return `${found.catcher}: ${law}${found.by}${found.file === null ? '' : ` (${found.file})`}`;
  };
  const rowOf = (one: Judged): string =>
    row(one.mutant.id, byOf(one), String(one.result.caught?.seeds ?? ''), one.result.seconds.toFixed(1));
  const controls = judged.filter((one) => !isReal(one));
  const search = foundBySearch(real);
  return [
    row('mutant', 'caught by', 'seeds', 's'),
    ...caught.map(rowOf),
    ...survivors.map(rowOf),
    ...controls.map(rowOf),
    `${caught.length} of ${real.length} mutants are caught`,
    ...(search === undefined ? [] : [search]),
    ...troubles(judged),
  ];
}
