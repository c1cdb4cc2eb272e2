import { formatPlural } from '#core/text/format';
import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { failureKey, type Failure } from '#simulator/search/failure';
import type { SeedVerdict } from './check-work.ts';

/** Seeds that failed in the same way. */
export interface FailedSeeds {
  readonly failure: Failure;
  readonly seeds: readonly number[];
}

/** What many seeds came to. */
export interface CheckTally {
  add(verdict: SeedVerdict): void;
  /** Seeds that were checked. */
  readonly checked: () => number;
  readonly facts: () => number;
  /** Each way to fail with its seeds in order: broken laws first, in the order of their numbers. */
  readonly failed: () => readonly FailedSeeds[];
}

/** Nothing yet. */
export function checkTally(): CheckTally {
  const failed = new Map<string, { readonly failure: Failure; readonly seeds: number[] }>();
  let checked = 0;
  let facts = 0;
  return {
    add: (verdict) => {
      checked += 1;
      facts += verdict.facts;
      for (const failure of verdict.failures) {
        const key = failureKey(failure);
        const known = failed.get(key);
        if (known) known.seeds.push(verdict.seed);
        else failed.set(key, { failure, seeds: [verdict.seed] });
      }
    },
    checked: () => checked,
    facts: () => facts,
    failed: () =>
      [...failed.values()]
        .map(({ failure, seeds }) => ({ failure, seeds: seeds.toSorted((a, b) => a - b) }))
        .toSorted((a, b) => rankOf(a.failure) - rankOf(b.failure)),
  };
}

const rankOf = (failure: Failure): number =>
  failure.type === 'broken' ? Number(failure.law.slice(1)) : failure.type === 'crashed' ? 1e6 : 2e6;

/**
 * How a check ended: a broken law weighs most, then seeds that led to two different logs, then a crash, then that somebody
 * did not come to an end.
 */
export function checkStatus(failed: readonly FailedSeeds[], differing: readonly number[]): ExitStatus {
  const types = new Set(failed.map(({ failure }) => failure.type));
  if (types.has('broken')) return exitStatus.lawBroken;
  if (differing.length > 0) return exitStatus.bug;
  if (types.has('crashed')) return exitStatus.crashed;
  return types.has('notLive') ? exitStatus.notLive : exitStatus.done;
}

const seedsMax = 12;

/** What came of it, a line for each way to fail. */
export function tallyLines(tally: CheckTally, demandsProgress: boolean): readonly string[] {
  const failed = tally.failed();
  const said = `${formatPlural(tally.checked(), 'world')}, ${formatPlural(tally.facts(), 'fact')}`;
  if (failed.length === 0) return [`Every law holds${demandsProgress ? ', and everyone came to an end' : ''}: ${said}`];
  const wrong = new Set(failed.flatMap(({ seeds }) => seeds)).size;
  return [
    `${wrong} of ${said} failed:`,
    ...failed.map(({ failure, seeds }) => {
      const shown = seeds.slice(0, seedsMax).join(', ');
      return `  ${failureText(failure)}: ${seeds.length === 1 ? 'seed' : 'seeds'} ${shown}${seeds.length > seedsMax ? ` and ${seeds.length - seedsMax} more` : ''}`;
    }),
  ];
}

/** What was wrong, in a few words. */
export function failureText(failure: Failure): string {
  switch (failure.type) {
    case 'broken':
      return `${failure.law} ${failure.slug} is broken`;
    case 'notLive':
      return 'not everyone came to an end';
    case 'crashed':
      return `sealift crashed (${failure.shape})`;
  }
}
