import { formatPlural, formatTime } from '#core/text/format';
import { markup, type Markup } from './markup.ts';
import type { ReportAssumption, ReportExpectation, ReportInput } from './report-input.ts';
import { sign } from './verdict.ts';

/** Seeds to look at one by one, and the command for each. */
export function seedsSection({ forecast: { worst } }: ReportInput, command: (seed: number) => string): Markup | null {
  if (!worst) return null;
  const rows = [
    ['Most VMs that did not end as expected', worst.surprises],
    ['Last VM moved latest', worst.finish],
    ['Longest downtime of a VM', worst.downtime],
    ['Longest wave', worst.duration],
  ] as const;
  return markup`<section id="seeds" class="panel"><h2>Seeds worth a look</h2>
<p>Each command rehearses one seed again, step by step the same, and keeps its whole log for the dashboard: <code>sealift replay seed-N.db --dashboard</code>.</p>
<div class="scroll" role="region" aria-label="Seeds worth a look" tabindex="0"><table><caption class="unseen">Seeds worth a look</caption>
<thead><tr><th scope="col">Because</th><th scope="col" class="number">Seed</th><th scope="col">Command</th></tr></thead>
<tbody>${rows.map(([why, seed]) => seed !== null && markup`<tr><th scope="row">${why}</th><td class="number">${seed}</td><td><code>${command(seed)}</code></td></tr>`)}</tbody></table></div></section>`;
}

const verdictWords = { met: 'yes', notMet: 'no', undecided: 'too few seeds to tell' } as const;
const verdictSigns = { met: 'good', notMet: 'bad', undecided: 'doubtful' } as const;

/** What the scenario expects, and whether it came true. */
export function expectationsSection(expectations: readonly ReportExpectation[]): Markup | null {
  if (expectations.length === 0) return null;
  return markup`<section id="expectations" class="panel"><h2>Expectations</h2>
<div class="scroll" role="region" aria-label="Expectations" tabindex="0"><table><caption class="unseen">What the scenario expects</caption>
<thead><tr><th scope="col">Expected</th><th scope="col" class="number">How likely</th><th scope="col">What was seen</th><th scope="col">Came true</th></tr></thead>
<tbody>${expectations.map(
    ({ text, required, observed, verdict }) =>
      markup`<tr><th scope="row">${text}</th><td class="number">${required}</td><td>${observed}</td><td>${sign(verdictSigns[verdict])} ${verdictWords[verdict]}</td></tr>`,
  )}</tbody></table></div></section>`;
}

/** What the simulated world takes for granted, each with its source. */
export function assumptionsSection(assumptions: readonly ReportAssumption[]): Markup | null {
  if (assumptions.length === 0) return null;
  return markup`<section id="assumptions" class="panel"><h2>Assumptions</h2>
<p>A forecast is as good as these. Each can be set in the scenario, or measured: <code>sealift calibrate</code>.</p>
<details open><summary>All ${assumptions.length}, what the scenario says first</summary><div class="scroll" role="region" aria-label="Assumptions" tabindex="0"><table><caption class="unseen">Assumptions</caption>
<thead><tr><th scope="col">What</th><th scope="col">Value</th><th scope="col">Source</th></tr></thead>
<tbody>${assumptions.map(({ name, value, source }) => markup`<tr><th scope="row">${name}</th><td>${value}</td><td>${source}</td></tr>`)}</tbody></table></div></details></section>`;
}

/** All that is needed to come to the same report again. */
export function reproduceSection(input: ReportInput, command: string): Markup {
  const { scenario, file, version, first, asked, forecast, differing } = input;
  const rows = [
    ['Scenario', `${scenario.id}, from ${file}`],
    ['Begins', `${formatTime(scenario.starts)}, in simulated time`],
    ['Seeds', asked === 1 ? String(first) : `${first} to ${first + asked - 1}`],
    ['Rehearsed', `${formatPlural(forecast.seeds, 'seed')} of ${asked}`],
    ['Certified', certifiedText(differing)],
    ['Sealift', version],
  ] as const;
  return markup`<section id="reproduce" class="panel"><h2>How to come to the same</h2>
<p>The same file, seeds and version of Sealift give the same report, to the letter.</p><p><code>${command}</code></p>
<dl>${rows.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>`;
}

function certifiedText(differing: readonly number[] | null): string {
  if (differing === null) return 'no; --certify rehearses each seed twice and compares';
  return differing.length === 0
    ? 'the same happened twice with each seed'
    : `not the same happened twice with seed ${differing.join(', ')}`;
}
