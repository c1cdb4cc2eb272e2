import { formatDuration, formatPercent, formatPlural } from '#core/text/format';
import { millis } from '#core/units';
import type { Forecast, MemberRisk, Spread } from '#scenarios/forecast';

// More than fit on a screen are for --json.
const membersShown = 10;

/** What many seeds came to: the wave, the downtimes, and who is most at risk. */
export function forecastLines(forecast: Forecast): readonly string[] {
  const { seeds, asExpected, duration, downtime, members, worst } = forecast;
  if (seeds === 0) return ['no seed was rehearsed to its end'];
  const risky = members.filter(({ surprised, notMoved }) => surprised > 0 || notMoved > 0);
  const shown = (risky.length > 0 ? risky : members).slice(0, membersShown);
  const width = Math.max(...shown.map(({ migration }) => migration.length));
  return [
    `${formatPlural(seeds, 'seed')}: every VM ended as expected in ${formatPercent(asExpected / seeds)} of them`,
    `  wave over after  ${spreadText(duration)}`,
    `  downtime of a VM ${spreadText(downtime)}`,
    risky.length > 0 ? 'Most at risk:' : 'No VM did anything else than expected. Longest down:',
    ...shown.map((member) => `  ${member.migration.padEnd(width)}  ${riskText(member, seeds)}`),
    ...(worst ? [`Longest wave: --seed ${worst.duration}. Longest downtime: --seed ${worst.downtime}.`] : []),
  ];
}

const spreadText = (spread: Spread | null): string =>
  spread === null
    ? 'none'
    : `P50 ${durationText(spread.p50)}, P90 ${durationText(spread.p90)}, P99 ${durationText(spread.p99)}, longest ${durationText(spread.largest)}`;

const durationText = (value: number): string => formatDuration(millis(Math.round(value)));

function riskText({ notMoved, surprised, downtime, ends }: MemberRisk, seeds: number): string {
  const where = ends.map(([lifecycle, count]) => `${lifecycle} ${formatPercent(count / seeds)}`).join(', ');
  return [
    ...(surprised > 0 ? [`not as expected in ${formatPercent(surprised / seeds)}`] : []),
    ...(notMoved > 0 ? [`not moved in ${formatPercent(notMoved / seeds)}`] : []),
    ...(downtime ? [`down ${durationText(downtime.p50)}, P99 ${durationText(downtime.p99)}`] : []),
    `ends ${where}`,
  ].join('; ');
}
