import { formatDuration, formatPercent, formatPlural } from '#core/text/format';
import type { Forecast } from '#scenarios/forecast';
import type { MemberReason, MemberRisk } from '#scenarios/forecast-members';
import { troubleWords } from '#scenarios/trouble';
import { markup, type Markup } from './markup.ts';

// What a person reads; then what one may want to search; the rest is in the JSON.
const shownMax = 15;
const reasonsMax = 2;
const foundMax = 500;

/** The VMs most at risk, with what went wrong and the seed to look at. */
export function riskSection({ members, expects }: Forecast, command: (seed: number) => string): Markup {
  const risky = members.filter(({ surprised, notMoved }) => surprised > 0 || notMoved > 0).length;
  const first = members.slice(0, shownMax);
  const others = members.slice(shownMax, foundMax);
  const beyond = members.length - first.length - others.length;
  const lead =
    risky === 0
      ? 'No VM did anything else than expected. Those with the longest downtime come first.'
      : `${risky} of ${formatPlural(members.length, 'VM')} did not move, or did not end as expected, in some seed. The most at risk come first.`;
  return markup`<section id="risk" class="panel"><h2>VMs most at risk</h2><p>${lead}</p>
${members.length > 0 && riskTable('The VMs most at risk', first, { expects, command })}
${others.length > 0 && markup`<details><summary>${others.length} more</summary>${riskTable('More VMs', others, { expects, command })}</details>`}
${beyond > 0 && markup`<p class="soft">${beyond} more are in the output of --json.</p>`}
</section>`;
}

interface Columns {
  /** Whether the scenario says where VMs are to end. */
  readonly expects: boolean;
  readonly command: (seed: number) => string;
}

function riskTable(caption: string, members: readonly MemberRisk[], { expects, command }: Columns): Markup {
  return markup`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table class="risk"><caption class="unseen">${caption}</caption>
<thead><tr><th scope="col">VM</th>${expects && markup`<th scope="col" class="number">Not as expected</th>`}<th scope="col" class="number">Not moved</th><th scope="col" class="number">Downtime P50</th><th scope="col" class="number">P99</th><th scope="col">What went wrong</th><th scope="col">Ended</th><th scope="col">Look at</th></tr></thead>
<tbody>${members.map(
    ({
      migration,
      seeds,
      surprised,
      notMoved,
      downtime,
      reasons,
      ends,
      seed,
    }) => markup`<tr><th scope="row">${migration}</th>
${expects && markup`<td class="number">${share(surprised, seeds)}</td>`}<td class="number">${share(notMoved, seeds)}</td>
<td class="number">${downtime ? formatDuration(Math.round(downtime.p50)) : '–'}</td><td class="number">${downtime ? formatDuration(Math.round(downtime.p99)) : '–'}</td>
<td>${reasons.length === 0 ? markup`<span class="faint">nothing</span>` : markup`<ul>${reasons.slice(0, reasonsMax).map((reason) => markup`<li>${reasonText(reason, seeds)}</li>`)}</ul>`}</td>
<td><ul class="ends">${ends.map(([lifecycle, count]) => markup`<li>${lifecycleText(lifecycle)} ${formatPercent(count / seeds)}</li>`)}</ul></td>
<td>${seed === null ? markup`<span class="faint">–</span>` : markup`<span title="${command(seed)}">seed ${seed}</span>`}</td></tr>
`,
  )}</tbody></table></div>`;
}

// `cuttingOver.undecided` is the chart's name for it.
const lifecycleText = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace('.', ', ');

const share = (count: number, seeds: number): Markup =>
  count === 0
    ? markup`<span class="faint">never</span>`
    : markup`<b class="failed">${formatPercent(count / seeds)}</b>`;

function reasonText({ type, detail, seeds: count, moved }: MemberReason, seeds: number): Markup {
  const overcome =
    moved === count ? 'moved all the same' : moved > 0 ? `moved all the same in ${formatPercent(moved / seeds)}` : '';
  return markup`${capital(troubleWords[type])}${detail !== '' && markup` <span class="soft">(${detail})</span>`}: ${formatPercent(count / seeds)}${overcome !== '' && `, ${overcome}`}`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
