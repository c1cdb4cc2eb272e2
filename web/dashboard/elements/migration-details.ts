import { css, html, nothing, type TemplateResult } from 'lit';
import type { MigrationView } from '#core/fleet/fleet-view';
import type { Progress } from '#core/migration/progress';
import { formatBytes, formatDuration, formatOffset, formatPlural, formatRate } from '#core/text/format';
import type { Instant } from '#core/units';
import { verdictSign } from './signs.ts';
import { planRows } from './plan-rows.ts';

const roundsShown = 8;
const kindWords = { full: 'Full', delta: 'Delta', rescan: 'Rescan', final: 'Final' } as const;

/** How the panels below are drawn; for the page that holds them. */
export const detailsSheet = css`
  .plan {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr);
    gap: 2px var(--gap-4);
    padding: 0 var(--gap-4) var(--gap-4);
  }
  .plan dt {
    color: var(--ink-soft);
  }
  .plan dd {
    overflow-wrap: anywhere;
  }
  .waived {
    padding: 0 var(--gap-4) var(--gap-3);
    overflow-wrap: anywhere;
  }
  .rounds {
    overflow-x: auto;
    padding: 0 var(--gap-4) var(--gap-3);
  }
  .rounds table {
    width: 100%;
    border-collapse: collapse;
    white-space: nowrap;
  }
  .rounds th {
    padding: 0 0 var(--gap-1);
    font-size: var(--size-small);
    font-weight: 400;
    color: var(--ink-faint);
    text-align: end;
  }
  .rounds td {
    padding: 3px 0 3px var(--gap-3);
    border-top: 1px solid var(--line);
    text-align: end;
  }
  .rounds :is(td, th):first-child {
    padding-inline-start: 0;
    text-align: start;
  }
`;

/** The latest rounds, newest first. */
export function roundsPanel({ rounds, roundsDone }: Progress, start: Instant): TemplateResult | typeof nothing {
  if (rounds.length === 0) return nothing;
  return html`<section class="panel" aria-label="Rounds">
    <header>
      <h2>Rounds</h2>
      <span class="small soft"
        >${formatPlural(roundsDone, 'round')}${roundsDone > roundsShown ? `, the last ${roundsShown} shown` : ''}</span
      >
    </header>
    <div class="rounds" tabindex="0" role="group" aria-label="Table of rounds">
      <table>
        <thead>
          <tr>
            ${['Round', 'Completed', 'Sent', 'Took', 'Rate', 'Dirty after'].map((name) => html`<th scope="col">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rounds
            .slice(-roundsShown)
            .toReversed()
            .map(
              ({ round, kind, at, sent, duration, rate, dirty }) =>
                html`<tr>
                  <td>${round} <span class="soft">${kindWords[kind]}</span></td>
                  <td class="mono soft">${formatOffset(start, at)}</td>
                  <td>${formatBytes(sent)}</td>
                  <td>${formatDuration(duration)}</td>
                  <td>${sent > 0 ? formatRate(rate) : ''}</td>
                  <td>${kind === 'final' ? '' : formatBytes(dirty)}</td>
                </tr>`,
            )}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** What the world has been asked for and has not answered. */
export function workPanel({ state }: MigrationView): TemplateResult | typeof nothing {
  const waiting = state.work.filter(({ standing }) => standing === 'unknown' || standing === 'undecidable');
  if (waiting.length === 0) return nothing;
  return html`<section class="panel" aria-label="Unknown outcomes">
    <header><h2>Unknown outcomes</h2></header>
    <ul class="checks">
      ${waiting.map(
        ({ key, effect, standing }) =>
          html`<li>
            ${verdictSign(standing === 'undecidable' ? 'failed' : 'warning')}<span
              >${effect.type}: ${standing === 'undecidable' ? 'a person has to look' : 'the world is being asked'}</span
            >
            <span class="remedy mono">${key}</span>
          </li>`,
      )}
    </ul>
  </section>`;
}

const approvalWords = {
  given: 'given with the plan',
  required: 'required',
  requiredByAnother: 'required, by someone else',
} as const;

/** What was decided before it began. */
export function planPanel({ state }: MigrationView): TemplateResult | typeof nothing {
  const { plan, approvedBy, test } = state.snapshot.context;
  if (!plan) return nothing;
  const rows: readonly (readonly [string, string])[] = [
    ['Requested by', plan.requester],
    ['Approval', approvedBy === null ? approvalWords[plan.approval] : `by ${approvedBy}`],
    ['Test launch', test === 'none' ? plan.testLaunch : test],
    ['Hand-over', plan.handOver === 'launch' ? 'the target is started' : 'verified disks'],
    ['Final sync at most', formatDuration(plan.downtimeMax)],
    [
      'Quiesce',
      `${formatDuration(plan.quiesce.timeout)}, then ${plan.quiesce.onRefusal === 'force' ? 'by force' : 'roll back'}`,
    ],
    ['Refresh while parked', `every ${formatDuration(plan.refreshEvery)}`],
    ['If validation fails', plan.onValidationFailure === 'ask' ? 'ask' : 'roll back'],
  ];
  return planRows(rows);
}
