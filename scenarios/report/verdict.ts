import { formatCount, formatDuration, formatPercent, formatPlural } from '#core/text/format';
import type { Forecast } from '#scenarios/forecast';
import type { Spread } from '#scenarios/spread';
import { tickText } from './axis.ts';
import { markup, type Markup } from './markup.ts';
import type { ReportExpectation, ReportInput } from './report-input.ts';

/** How well a wave does: it nearly always fits, it may, it hardly ever does. */
type Tone = 'good' | 'doubtful' | 'bad';

// From here on a wave may be planned on; below, it is a coin's toss or worse.
const good = 0.95;
const doubtful = 0.5;

/** The whole report in one sentence, and the numbers that people ask for first. */
export function verdictSection({ forecast, asked, differing, expectations = [] }: ReportInput): Markup {
  const { seeds, inWindow, complete, asExpected, window } = forecast;
  if (seeds === 0)
    return markup`<section id="verdict" class="panel verdict bad"><h2>Verdict</h2><p class="sentence">${sign('bad')}No seed was rehearsed to its end, so nothing can be said.</p></section>`;
  const tone =
    expectations.length > 0
      ? toneOfExpectations(expectations)
      : toneOf(Math.min(inWindow, complete, asExpected) / seeds);
  return markup`<section id="verdict" class="panel verdict ${tone}"><h2>Verdict</h2>
<div class="beside"><div><p class="sentence">${sign(tone)}${sentence(forecast)}</p>
<p>${seeds === 1 ? 'One seed says what can happen, and not how likely it is.' : markup`${expectedSentence(forecast)} ${confidence(inWindow, seeds)}`}${seeds < asked && ` The rehearsal was stopped after ${formatCount(seeds)} of ${formatPlural(asked, 'seed')}: this is what was known by then.`}${differing !== null && differing.length > 0 && ` Not the same happened twice with seed ${differing.join(', ')}: that is a mistake of the simulator, and nothing here can be relied on.`}</p>
${window && markup`<p class="soft">Times count from the start of the wave. Its window is open from ${tickText(window.opens)} to ${tickText(window.closes)}.</p>`}</div>${numbers(forecast)}</div>
</section>`;
}

const toneOf = (share: number): Tone => (share >= good ? 'good' : share >= doubtful ? 'doubtful' : 'bad');

// Where a scenario says what is good enough, nobody else does.
function toneOfExpectations(expectations: readonly ReportExpectation[]): Tone {
  if (expectations.some(({ verdict }) => verdict === 'notMet')) return 'bad';
  return expectations.some(({ verdict }) => verdict === 'undecided') ? 'doubtful' : 'good';
}

function sentence({ seeds, inWindow, complete, left, vms, expects }: Forecast): string {
  const missing = left?.p50 ?? 0;
  // What is expected to stay is not left behind.
  const nobody = expects ? 'no VM that should move' : 'no VM';
  const behind = `${missing} of ${formatPlural(vms, 'VM')}`;
  if (seeds === 1)
    return `In this seed the wave ${inWindow === 1 ? 'fits' : 'does not fit'} its window, and ${missing === 0 ? `${nobody} stays` : `${behind} ${missing === 1 ? 'stays' : 'stay'}`} behind.`;
  const fits = `The wave fits its window in ${shareOf(inWindow, seeds)} of ${formatCount(seeds)} seeds`;
  const median = missing > 0 ? `: ${behind} in the median seed` : '';
  if (complete === 0) return `${fits}, ${inWindow > 0 ? 'but' : 'and'} in each some VM stays behind${median}.`;
  return `${fits}, and ${nobody} stays behind in ${complete === seeds ? 'any' : `${formatPercent(complete / seeds)} of them`}${median}.`;
}

const shareOf = (count: number, seeds: number): string =>
  count === 0 ? 'none' : count === seeds ? 'all' : formatPercent(count / seeds);

const expectedSentence = ({ asExpected, expects, seeds }: Forecast): string =>
  !expects
    ? ''
    : asExpected === seeds
      ? 'Every VM ended as the scenario expects in all of them.'
      : asExpected === 0
        ? 'In none of them did every VM end as the scenario expects.'
        : `Every VM ended as the scenario expects in ${formatPercent(asExpected / seeds)} of them.`;

/**
 * What so many seeds can tell of a probability.
 *
 * Wilson's score interval at 95 %, which holds near 0 and 1 and for few seeds too.
 */
export function wilson(hits: number, seeds: number): { readonly low: number; readonly high: number } {
  const z = 1.96;
  const share = hits / seeds;
  const scale = 1 + z ** 2 / seeds;
  const middle = (share + z ** 2 / (2 * seeds)) / scale;
  const half = (z / scale) * Math.sqrt((share * (1 - share)) / seeds + z ** 2 / (4 * seeds ** 2));
  return { low: hits === 0 ? 0 : middle - half, high: hits === seeds ? 1 : middle + half };
}

function confidence(hits: number, seeds: number): string {
  const { low, high } = wilson(hits, seeds);
  return `With so many seeds, the probability of fitting the window lies between ${formatPercent(low)} and ${formatPercent(high)} (95 % confidence), as far as the assumptions hold.`;
}

const quantiles = [
  ['P50', 'p50'],
  ['P90', 'p90'],
  ['P99', 'p99'],
  ['Longest', 'largest'],
] as const satisfies readonly (readonly [string, keyof Spread])[];

const durationText = (ms: number): string => formatDuration(Math.round(ms));

function numbers({ finish, duration, downtime, left, vms }: Forecast): Markup {
  const rows = [
    ['Last VM moved', finish],
    ['Wave over', duration],
    ['Downtime of a VM', downtime],
    [`VMs left behind, of ${formatCount(vms)}`, left, formatCount],
  ] as const;
  return markup`<div class="scroll" role="region" aria-label="Key numbers" tabindex="0"><table class="numbers"><caption class="unseen">Key numbers</caption>
<thead><tr><td></td>${quantiles.map(([name]) => markup`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map(([name, spread, told = durationText]) => markup`<tr><th scope="row">${name}</th>${quantiles.map(([, key]) => markup`<td>${spread ? told(spread[key]) : 'none'}</td>`)}</tr>`)}</tbody></table></div>`;
}

// Each tone has a shape of its own, so that none depends on its colour.
const shapes: Readonly<Record<Tone, Markup>> = {
  good: markup`<circle cx="8" cy="8" r="7" fill="currentColor"/><path d="m4.8 8.3 2.2 2.2 4.2-4.8" fill="none" stroke="var(--panel)" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/>`,
  doubtful: markup`<path d="M8 1.6 15 14H1Z" fill="currentColor" stroke="currentColor" stroke-linejoin="round"/><path d="M8 6v4M8 12v.1" stroke="var(--panel)" stroke-width="1.6" stroke-linecap="round"/>`,
  bad: markup`<path d="M5 1.2h6L14.8 5v6L11 14.8H5L1.2 11V5Z" fill="currentColor"/><path d="m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8" stroke="var(--panel)" stroke-width="1.7" stroke-linecap="round"/>`,
};

/** The sign of a tone. It stands beside words that say the same. */
export const sign = (tone: Tone): Markup =>
  markup`<svg class="sign ${tone}" viewBox="0 0 16 16" aria-hidden="true">${shapes[tone]}</svg>`;
