import { initialTransition, transition } from 'xstate';
import { migrationMachine } from '#core/migration/machine';
import { evolve, initialMigration } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { compileChart } from '#core/statechart/compiled-chart';
import { instant } from '#core/units';
import { sampleFacts } from '#test/support/migration-facts';
import { appendHistory, median } from './measure.ts';

/**
 * How many facts a second the migration chart takes: compiled, against XState's own `transition` on the same walks, turn
 * by turn; and how many the whole fold takes, which also keeps the outstanding work.
 *
 *     npx tsx bench/evolve.ts [rounds] [walks]
 */
const rounds = Number(process.argv[2] ?? 9);
const walks = walksOf(Number(process.argv[3] ?? 200), 60);
const facts = walks.reduce((sum, walk) => sum + walk.length, 0);
const chart = compileChart(migrationMachine);
const place = { stream: 'migration-x', time: instant(0) };

const theirs: number[] = [];
const ours: number[] = [];
const whole: number[] = [];
// The compiled step also tells whether the fact can follow, which XState would have to be asked before.
for (let turn = -1; turn < rounds; turn += 1) {
  const xstate = rate(1, (walk) => {
    let [state] = initialTransition(migrationMachine);
    for (const fact of walk) [state] = transition(migrationMachine, state, fact);
  });
  const compiled = rate(20, (walk) => {
    let state = chart.initial;
    for (const fact of walk) {
      const step = chart.step(state, fact);
      if (!step) throw new Error(fact.type);
      state = step.snapshot;
    }
  });
  const folded = rate(20, (walk) => {
    let state = initialMigration();
    for (const fact of walk) state = evolve(state, fact, place);
  });
  if (turn < 0) continue;
  theirs.push(xstate);
  ours.push(compiled);
  whole.push(folded);
}
const ratio = median(ours.map((one, i) => one / (theirs[i] ?? Number.NaN)));
const shown = (rates: readonly number[]): string => Math.round(median(rates)).toLocaleString('en');
console.log(
  `${facts} facts in ${walks.length} walks: XState ${shown(theirs)}/s, compiled ${shown(ours)}/s, ${ratio.toFixed(1)} x`,
);
console.log(`evolve, with outstanding work: ${shown(whole)}/s`);
appendHistory('evolve', {
  ratio: Number(ratio.toFixed(2)),
  xstate: median(theirs),
  compiled: median(ours),
  evolve: median(whole),
});

function rate(times: number, fold: (walk: readonly MigrationFact[]) => void): number {
  const began = performance.now();
  for (let time = 0; time < times; time += 1) for (const walk of walks) fold(walk);
  return (facts * times * 1_000) / (performance.now() - began);
}

/** Walks through the whole chart, always the same ones. */
function walksOf(count: number, lengthMax: number): readonly (readonly MigrationFact[])[] {
  let seed = 7;
  const draw = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  return Array.from({ length: count }, () => {
    const walk: MigrationFact[] = [];
    for (let [state] = initialTransition(migrationMachine); walk.length < lengthMax;) {
      const taken = sampleFacts(state.context).filter((fact) => state.can(fact));
      const fact = taken[draw(Math.max(1, taken.length))];
      if (!fact) break;
      walk.push(fact);
      [state] = transition(migrationMachine, state, fact);
    }
    return walk;
  });
}
