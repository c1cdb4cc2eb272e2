import { formatCount, formatPercent } from '#core/text/format';
import { percentText, judgesOf } from './expectation.ts';
import { confidence, judgeShare, type ShareVerdict } from './expectation-share.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';
import type { RehearsalSummary } from './rehearsal-summary.ts';

/*
 * What a scenario expects, held against what its rehearsals came to. Summaries are folded in and forgotten: what is kept
 * grows with the expectations, neither with the seeds nor with the machines.
 */

/** What the seeds so far say of one expectation. */
export interface ExpectationVerdict {
  /** To be read after "expected": `the wave to be over within 8 h 00 m`. */
  readonly text: string;
  /** How likely it has to be: `95 %`. With one seed it is not looked at. */
  readonly required: string;
  /** What was seen: of one seed what happened, of many in how many it was met. */
  readonly observed: string;
  readonly met: boolean;
  /** `undecided`: too few seeds to tell. */
  readonly verdict: ShareVerdict;
  readonly seeds: number;
  readonly seedsMet: number;
  /** Where the true share of seeds lies, with `confidence`; null with one seed, which says nothing of that. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  /** How many seeds in all would decide what is undecided, if they came out as those so far; null if none would. */
  readonly seedsToTell: number | null;
  /** The lowest seeds in which it was not met, to look at one by one. */
  readonly brokenBy: readonly number[];
}

/** Folds rehearsals of one scenario into verdicts. */
export interface ExpectationTally {
  /** Adds a rehearsal that was not stopped. The order makes no difference. */
  add(summary: RehearsalSummary): void;
  /** In the order of the scenario. Empty if no seed was added, or nothing is expected. */
  verdicts(): readonly ExpectationVerdict[];
}

const seedsNamed = 3;

/** A tally of no seeds yet. */
export function expectationTally(scenario: RehearsalScenario): ExpectationTally {
  let seeds = 0;
  const tallies = judgesOf(scenario).map((judge) => ({ judge, met: 0, last: '', broken: [] as number[] }));
  return {
    add: (summary) => {
      seeds += 1;
      for (const tally of tallies) {
        const { met, observed } = tally.judge.judge(summary);
        tally.last = observed;
        if (met) tally.met += 1;
        else tally.broken = [...tally.broken, summary.seed].sort((a, b) => a - b).slice(0, seedsNamed);
      }
    },
    verdicts: () =>
      seeds === 0
        ? []
        : tallies.map(({ judge: { text, probability }, met, last, broken }): ExpectationVerdict => {
            const shared = { text, required: percentText(probability), seeds, seedsMet: met, brokenBy: broken };
            const one = { observed: last, met: met === 1, interval: null, seedsToTell: null };
            if (seeds === 1) return { ...shared, ...one, verdict: met === 1 ? 'met' : 'notMet' };
            const { verdict, low, high, seedsToTell } = judgeShare({ hits: met, seeds, asked: probability });
            const range = `${formatPercent(low)} to ${formatPercent(high)}`;
            return {
              ...shared,
              observed: `${formatPercent(met / seeds)} of ${formatCount(seeds)} seeds (${range})`,
              met: verdict === 'met',
              verdict,
              interval: { low, high },
              seedsToTell,
            };
          }),
  };
}

/** Verdicts on a single rehearsal; none on one that was stopped or whose log failed: it has not come to anything. */
export function judgeOnce(scenario: RehearsalScenario, summary: RehearsalSummary): readonly ExpectationVerdict[] {
  const tally = expectationTally(scenario);
  if (summary.ending.type === 'finished') tally.add(summary);
  return tally.verdicts();
}

/** Whether everything that is expected is met. */
export const allMet = (verdicts: readonly ExpectationVerdict[]): boolean => verdicts.every(({ met }) => met);

const words: Readonly<Record<ShareVerdict, string>> = {
  met: 'met',
  notMet: 'NOT MET',
  undecided: 'too few seeds',
};

/** Verdicts for a person, a line each; none where nothing is expected. */
export function expectationLines(verdicts: readonly ExpectationVerdict[]): readonly string[] {
  const [first] = verdicts;
  if (!first) return [];
  const width = Math.max(...verdicts.map(({ verdict }) => words[verdict].length));
  const many = first.seeds > 1;
  const lines = verdicts.map((verdict) => {
    const { text, required, observed, brokenBy } = verdict;
    const how = !many ? '' : required === '100 %' ? ', always' : `, with ${required}`;
    const look = many && brokenBy.length > 0 ? `; not in --seed ${brokenBy.join(', ')}` : '';
    return `  ${words[verdict.verdict].padEnd(width)}  ${text}${how}: ${observed}${tellText(verdict)}${look}`;
  });
  const unlikely = verdicts.filter(({ required }) => required !== '100 %').length;
  const note = many
    ? [`  Ranges hold the true share with ${confidence.percent} % confidence.`]
    : unlikely === 0
      ? []
      : [`  One seed says nothing of probabilities, which ${unlikely} of these have; --seeds 200 does.`];
  return ['Expected:', ...lines, ...note];
}

function tellText({ verdict, seedsToTell }: ExpectationVerdict): string {
  if (verdict !== 'undecided') return '';
  return seedsToTell === null
    ? '; it lies where it is asked for, so more seeds may not tell'
    : `; about ${formatCount(seedsToTell)} seeds would tell`;
}
