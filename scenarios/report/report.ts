import { formatPercent, formatPlural } from '#core/text/format';
import { tickText } from './axis.ts';
import { courseChart } from './course-chart.ts';
import { distributionChart } from './distribution-chart.ts';
import { heatStrip } from './heat-strip.ts';
import { markup, type Markup } from './markup.ts';
import type { ReportInput } from './report-input.ts';
import { riskSection } from './risk-table.ts';
import { assumptionsSection, expectationsSection, reproduceSection, seedsSection } from './sections.ts';
import { reportSheet } from './sheet.ts';
import { verdictSection } from './verdict.ts';

/**
 * One HTML file that tells what many seeds came to. It holds everything it needs and no script, and its own policy
 * forbids it to load anything, so it reads the same years later, in a mail, in print and aloud.
 */
export function reportPage(input: ReportInput): string {
  const { scenario, version, first, asked, forecast, expectations = [], assumptions = [] } = input;
  const seedCommand = (seed: number): string =>
    `sealift rehearse ${shellWord(input.file)} --seed ${seed} --log seed-${seed}.db`;
  const seeds = asked === 1 ? `seed ${first}` : `seeds ${first} to ${first + asked - 1}`;
  const again =
    asked === 1
      ? `sealift rehearse ${shellWord(input.file)} --seed ${first}`
      : `sealift rehearse ${shellWord(input.file)} --seed ${first} --seeds ${asked}`;
  const sections: readonly (readonly [id: string, title: string, section: Markup | null])[] = [
    ['verdict', 'Verdict', verdictSection(input)],
    ['expectations', 'Expectations', expectationsSection(expectations)],
    ['when', 'How long', durationsSection(input)],
    ['over-time', 'Over time', courseSection(input)],
    ['bottleneck', 'Bottleneck', bottleneckSection(input)],
    ['risk', 'Risk', forecast.seeds === 0 ? null : riskSection(forecast, seedCommand)],
    ['seeds', 'Seeds', seedsSection(input, seedCommand)],
    ['assumptions', 'Assumptions', assumptionsSection(assumptions)],
    ['reproduce', 'Reproduce', reproduceSection(input, `${again} --report report.html`)],
  ];
  const shown = sections.flatMap(([id, title, section]) => (section ? [{ id, title, section }] : []));
  return markup`${doctype}
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">
<meta name="generator" content="Sealift ${version}">
<title>${scenario.title}: rehearsal report</title>
<style>${reportSheet}</style></head>
<body><a class="skip" href="#verdict">To the verdict</a>
<header><p class="brand"><b>Sealift</b> rehearsal report</p><h1>${scenario.title}</h1><p class="why">${scenario.why}</p>
<p class="soft">${formatPlural(forecast.seeds, 'seed')}, ${formatPlural(forecast.vms, 'VM')}; ${seeds}, Sealift ${version}</p></header>
<nav aria-label="Sections"><ul>${shown.map(({ id, title }) => markup`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
<main>
${shown.map(({ section }) => section)}
</main>
<footer><p>Made by Sealift ${version} from ${input.file}. A forecast of a simulated world: it is as good as its assumptions.</p></footer>
</body></html>
`.markup;
}

const doctype: Markup = { markup: '<!doctype html>' };

function durationsSection({ forecast: { finish, downtime, window, seeds } }: ReportInput): Markup | null {
  if (!window) return null;
  const moved = finish
    ? distributionChart({
        ...{ id: 'finish', title: 'When the last VM had moved', distribution: finish, each: 'seed' },
        lead: markup`In how many seeds after how long, counted from the start of the wave.${finish.count < seeds && ` In ${formatPlural(seeds - finish.count, 'seed')} no VM moved at all.`}`,
        marks: [{ at: window.opens, text: 'window opens', kind: 'window' }],
        limit: { at: window.closes, text: 'window closes', kind: 'window' },
      })
    : markup`<p>No VM moved in any seed.</p>`;
  const down = downtime
    ? distributionChart({
        ...{ id: 'downtime', title: 'Downtime of a VM', distribution: downtime, each: 'VM and seed' },
        lead: `From services stopped at the source to the target validated, or the source given back: ${formatPlural(downtime.count, 'downtime')} of all VMs and seeds.`,
      })
    : markup`<p>No VM was down in any seed.</p>`;
  return markup`<section id="when" class="panel"><h2>How long it takes</h2><div class="pair">${moved}${down}</div></section>`;
}

function courseSection({ forecast: { course, window, seeds } }: ReportInput): Markup | null {
  if (!course || !window) return null;
  return markup`<section id="over-time" class="panel"><h2>Where VMs stand</h2>${courseChart({ course, window, seeds })}</section>`;
}

function bottleneckSection({ forecast: { usage } }: ReportInput): Markup | null {
  if (!usage) return null;
  const { bottleneck } = usage;
  const sentence = !bottleneck
    ? markup`Nothing was carried.`
    : bottleneck.full
      ? markup`<b>${bottleneck.place}</b> is the bottleneck: the tightest place for ${tickText(bottleneck.lasts)}, and up to ${formatPercent(bottleneck.peak)} used over an hour.`
      : markup`No place is full for an hour. The tightest is <b>${bottleneck.place}</b>, for ${tickText(bottleneck.lasts)} with at most ${formatPercent(bottleneck.peak)} used: limits of the wave, single streams or people hold it up rather than a place.`;
  return markup`<section id="bottleneck" class="panel"><h2>Bottleneck</h2><p>${sentence}</p>${usage.places.length > 0 && heatStrip(usage)}</section>`;
}

/** A word as a shell takes it. */
const shellWord = (text: string): string =>
  /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
