import { css, html, nothing, type TemplateResult } from 'lit';
import type { MigrationView } from '#core/fleet/fleet-view';
import type { Progress } from '#core/migration/progress';
import { formatBytes, formatDuration, formatOffset, formatPercent, formatPlural, formatRate } from '#core/text/format';
import type { Instant } from '#core/units';
import { verdictSign } from './signs.ts';

const roundsShown = 8;
const kindWords = { full: 'Full', delta: 'Delta', rescan: 'Rescan', final: 'Final' } as const;

/** How the panels below are drawn; for the page that holds them. */
export const detailsSheet = css`
  .disks,
  .checks {
    display: grid;
    gap: var(--gap-2);
    padding: 0 var(--gap-4) var(--gap-4);
  }
  .disks li {
    display: grid;
    grid-template-columns: minmax(3rem, auto) minmax(0, 1fr) auto;
    gap: 0 var(--gap-3);
    align-items: center;
  }
  .disks .meter {
    height: 8px;
    border-radius: 2px;
    background: var(--line);
    overflow: hidden;
    display: flex;
    gap: 1px;
  }
  .meter span {
    background: var(--moving);
  }
  .meter .zero {
    background: repeating-linear-gradient(90deg, var(--ink-faint) 0 2px, transparent 2px 4px);
  }
  .disks .small {
    grid-column: 2 / 4;
  }
  .checks li {
    display: grid;
    grid-template-columns: 1rem minmax(0, 1fr);
    gap: 0 var(--gap-2);
  }
  .checks .remedy {
    grid-column: 2;
    color: var(--ink-soft);
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

/** The disks of a VM: how much of each crossed, was known to be zero, or did not have to cross. */
export function disksPanel({ disks, round }: Progress): TemplateResult {
  return html`<section class="panel" aria-label="Disks">
    <header>
      <h2>Disks</h2>
      <span class="small soft">as of the last completed round</span>
    </header>
    <ul class="disks">
      ${disks.map(({ disk, size, sent, zeroed, tracked, root }) => {
        const whole = Math.max(1, size, sent + zeroed);
        return html`<li>
          <b>${disk}</b>
          <span
            class="meter"
            role="img"
            aria-label="${formatBytes(sent)} sent, ${formatBytes(zeroed)} zero, of ${formatBytes(size)}"
            ><span style="width:${(sent / whole) * 100}%"></span
            ><span class="zero" style="width:${(zeroed / whole) * 100}%"></span
          ></span>
          <span>${formatBytes(size)}</span>
          <span class="small soft clip"
            >${formatBytes(sent)}
            sent${zeroed > 0 ? `, ${formatBytes(zeroed)} zero` : ''}${
              tracked === false ? ', changes not tracked' : ''
            }${root === null ? '' : html`, digest <span class="mono" title=${root}>${root.slice(0, 12)}</span>`}</span
          >
        </li>`;
      })}
      ${
        round && round.kind === 'full' && round.total > 0
          ? html`<li>
              <b>All</b>
              <span class="meter" aria-hidden="true"><span style="width:${round.fraction * 100}%"></span></span>
              <span>${formatPercent(round.fraction)}</span>
              <span class="small soft"
                >${formatBytes(round.done)} of ${formatBytes(round.total)} in the full sync that runs</span
              >
            </li>`
          : nothing
      }
    </ul>
  </section>`;
}

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

const checkWords = { verification: 'Verification', fixUp: 'Fix-up', validation: 'Validation' } as const;

/** What was checked last, the worst first, each with its remedy. */
export function checksPanel({ checks }: Progress): TemplateResult | typeof nothing {
  if (!checks) return nothing;
  const order = { failed: 0, warning: 1, passed: 2 } as const;
  const sorted = checks.checks.toSorted((a, b) => order[a.verdict] - order[b.verdict]);
  return html`<section class="panel" aria-label="Checks">
    <header>
      <h2>Checks</h2>
      <span class="small soft">${checkWords[checks.of]}</span>
    </header>
    <ul class="checks">
      ${sorted.map(
        ({ id, verdict, message, remedy }) =>
          html`<li>
            ${verdictSign(verdict)}<span title=${id}>${message}</span>
            ${remedy === '' ? nothing : html`<span class="remedy">${remedy}</span>`}
          </li>`,
      )}
      ${sorted.length === 0 ? html`<li class="soft">Nothing was checked.</li>` : nothing}
    </ul>
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
