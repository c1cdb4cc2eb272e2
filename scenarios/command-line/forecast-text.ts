import { formatCount, formatDuration, formatPercent, formatPlural } from '#core/text/format';
import { millis } from '#core/units';
import type { BrokenLaw } from '#scenarios/broken-laws';
import type { Forecast } from '#scenarios/forecast';
import type { MemberRisk } from '#scenarios/forecast-members';
import type { TightestPlace, UsageForecast } from '#scenarios/forecast-usage';
import type { Spread } from '#scenarios/spread';
import { troubleWords } from '#scenarios/trouble';

// More than fit on a screen are for --json and --report.
const membersShown = 10;
const stretchesShown = 12;
const reasonsShown = 2;

/** What many seeds came to: the wave, the downtimes, the bottleneck, and who is most at risk. Fits 80 columns. */
export function forecastLines(forecast: Forecast): readonly string[] {
  const { seeds, vms, left, finish, duration, downtime, members, usage, worst, breaches } = forecast;
  if (seeds === 0) return ['no seed was rehearsed to its end'];
  const risky = members.filter(({ surprised, notMoved }) => surprised > 0 || notMoved > 0);
  const shown = (risky.length > 0 ? risky : members).slice(0, membersShown);
  const more = risky.length - shown.length;
  return [
    ...fitLines(forecast),
    `${' '.repeat(nameWidth)}${['P50', 'P90', 'P99', 'longest'].map((name) => name.padStart(cellWidth)).join('')}`,
    spreadLine('last VM moved after', finish),
    spreadLine('wave over after', duration),
    spreadLine('downtime of a VM', downtime),
    spreadLine(`left behind, of ${formatPlural(vms, 'VM')}`, left, formatCount),
    ...(usage ? usageLines(usage) : []),
    risky.length > 0 ? 'Most at risk:' : 'No VM did anything else than expected. Longest down:',
    ...shown.flatMap(riskLines),
    ...(more > 0 ? [`  and ${more} more; --json and --report have them all`] : []),
    ...(worst ? [worstLine(worst)] : []),
    ...breaches.map(breachLine),
  ];
}

const breachLine = ({ law, slug, seeds, first: { seed, breach } }: BrokenLaw): string =>
  `${law} ${slug} is broken in ${formatPlural(seeds, 'seed')}, first by seed ${seed}: ${breach.stream}: ${breach.why}`;

function fitLines({ seeds, asExpected, expects, inWindow, complete, window }: Forecast): readonly string[] {
  const share = (count: number): string => formatPercent(count / seeds);
  const expected = expects
    ? `every VM ended as expected in ${share(asExpected)} of them`
    : 'the scenario does not say where VMs are to end';
  return [
    `${formatPlural(seeds, 'seed')}: ${expected}`,
    ...(window
      ? [
          `It fits its window (${hourText(window.opens)} to ${hourText(window.closes)}) in ${share(inWindow)}; no VM stays behind in ${share(complete)}`,
        ]
      : []),
  ];
}

const nameWidth = 26;
const cellWidth = 12;
const durationText = (value: number): string => formatDuration(Math.round(value));

function spreadLine(name: string, spread: Spread | null, told: (amount: number) => string = durationText): string {
  const cells = spread ? [spread.p50, spread.p90, spread.p99, spread.largest].map(told) : ['none'];
  return `  ${name.padEnd(nameWidth - 2)}${cells.map((cell) => cell.padStart(cellWidth)).join('')}`;
}

/** The bottleneck, and the tightest place of each hour; hours with the same one are told together. */
export function usageLines({ bottleneck, hours }: UsageForecast): readonly string[] {
  if (!bottleneck) return [];
  const { place, lasts, peak, full } = bottleneck;
  const stretches = stretchesOf(hours);
  const shown = stretches.slice(0, stretchesShown);
  const width = Math.max(...shown.map((stretch) => (stretch.place ?? '').length), 4);
  const spanText = ({ from, lasts: long }: TightestPlace): string => `${hourText(from)} to ${hourText(from + long)}`;
  const spanWidth = Math.max(...shown.map((stretch) => spanText(stretch).length), 0);
  return [
    full
      ? `Bottleneck: ${place}, the tightest place for ${durationText(lasts)}, up to ${formatPercent(peak)} used`
      : `No place is full for an hour; the tightest is ${place}, up to ${formatPercent(peak)} used`,
    ...shown.map(
      (stretch) =>
        `  ${spanText(stretch).padEnd(spanWidth)}  ${(stretch.place ?? 'idle').padEnd(width)}  ${bar(stretch.utilisation)} ${formatPercent(stretch.utilisation).padStart(5)}`,
    ),
    ...(stretches.length > shown.length ? [`  and ${stretches.length - shown.length} stretches more`] : []),
  ];
}

function stretchesOf(hours: readonly TightestPlace[]): readonly TightestPlace[] {
  const stretches: { -readonly [K in keyof TightestPlace]: TightestPlace[K] }[] = [];
  for (const { from, lasts, place, utilisation } of hours) {
    const last = stretches.at(-1);
    // Hours that differ much are told apart: a mean of a full one and an idle one is neither.
    if (last && last.place === place && Math.abs(last.utilisation - utilisation) < 0.1) {
      last.utilisation = (last.utilisation * last.lasts + utilisation * lasts) / (last.lasts + lasts);
      last.lasts = millis(last.lasts + lasts);
    } else stretches.push({ from, lasts, place, utilisation });
  }
  return stretches;
}

const hourText = (ms: number): string => (ms === 0 ? '0 h' : durationText(ms).replace(/ 00 [smh]$/, ''));

const barWidth = 20;
const bar = (share: number): string => {
  const filled = Math.round(share * barWidth);
  return `[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}]`;
};

function riskLines({ migration, seeds, notMoved, surprised, downtime, ends, reasons, seed }: MemberRisk) {
  const share = (count: number): string => formatPercent(count / seeds);
  const head = [
    ...(surprised > 0 ? [`not as expected in ${share(surprised)}`] : []),
    ...(notMoved > 0 ? [`not moved in ${share(notMoved)}`] : []),
    ...(downtime ? [`down ${durationText(downtime.p50)}, P99 ${durationText(downtime.p99)}`] : []),
    `ends ${ends.map(([lifecycle, count]) => `${lifecycle} ${share(count)}`).join(', ')}`,
    ...(seed !== null ? [`--seed ${seed}`] : []),
  ];
  const why = reasons
    .slice(0, reasonsShown)
    .map(({ type, seeds: count }) => `${troubleWords[type]} in ${share(count)}`);
  return [...wrapped(`  ${migration}  `, head), ...wrapped('    ', why)];
}

// As wide as a terminal is when nobody has pulled at it.
const columns = 80;

/** Parts one after the other, in as many lines as it takes. */
function wrapped(lead: string, parts: readonly string[]): readonly string[] {
  const lines: string[] = [];
  let line = lead;
  let begun = false;
  for (const part of parts) {
    if (begun && line.length + 2 + part.length > columns) {
      lines.push(`${line};`);
      line = `    ${part}`;
    } else line += begun ? `; ${part}` : part;
    begun = true;
  }
  return begun ? [...lines, line] : lines;
}

function worstLine({ duration, downtime, finish, surprises }: NonNullable<Forecast['worst']>): string {
  const seeds: readonly (readonly [string, number | null])[] = [
    ['most unexpected', surprises],
    ['last move', finish],
    ['downtime', downtime],
    ['wave', duration],
  ];
  const told = seeds.flatMap(([what, seed]) => (seed === null ? [] : [`${what} ${seed}`]));
  return `Seeds to look at with --seed: ${told.join(', ')}`;
}
