import { formatPlural } from '#core/text/format';
import { byState, type Coverage } from '#simulator/search/coverage';

/** What was exercised and what was not, a line for each state and for each thing that sometimes happens. */
export function coverageLines({ exercised, never, seen, unseen }: Coverage): readonly string[] {
  const all = exercised.length + never.length;
  const has = byState(exercised);
  const lacks = byState(never);
  const width = Math.max(...[...Object.keys(has), ...Object.keys(lacks)].map((state) => state.length));
  const rows = (pairs: ReturnType<typeof byState>): readonly string[] =>
    Object.entries(pairs).map(([state, faults]) => `  ${state.padEnd(width)}  ${faults.join(' ')}`);
  return [
    `Exercised: ${formatPlural(exercised.length, 'pair')} of a state and a fault, of ${all}`,
    ...rows(has),
    `Never exercised: ${formatPlural(never.length, 'pair')}`,
    ...rows(lacks),
    `Seen of what sometimes happens: ${seen.length} of ${seen.length + unseen.length}`,
    ...seen.map(({ label, times }) => `  ${label} (${formatPlural(times, 'time')})`),
    ...(unseen.length > 0 ? ['Never seen:', ...unseen.map((label) => `  ${label}`)] : []),
  ];
}
