import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { DowntimeView } from '#web/dashboard/view-models/downtime';
import { sheet } from './sheet.ts';
import { healthSign } from './signs.ts';

/** The downtime of a cutover and what it was made of; before one, the forecast against the budget. */
class DowntimePanel extends LitElement {
  static override properties = { view: { attribute: false } };
  static override styles = [
    sheet,
    css`
      .panel {
        height: 100%;
      }
      .body {
        display: grid;
        gap: var(--gap-3);
        padding: 0 var(--gap-4) var(--gap-4);
      }
      .figure {
        font-size: 1.625rem;
        font-weight: 600;
        letter-spacing: -0.015em;
        line-height: 1.15;
      }
      .gauge {
        position: relative;
        height: 10px;
        margin-bottom: 1.25rem;
        border-radius: 3px;
        background: var(--line);
      }
      .gauge > span {
        position: absolute;
        inset-block: 0;
        left: 0;
        border-radius: 3px;
        background: var(--moving);
        transition: width var(--calm);
      }
      .gauge.over > span {
        background: repeating-linear-gradient(-45deg, var(--troubled) 0 5px, transparent 5px 7px), var(--troubled-wash);
      }
      .gauge > i {
        position: absolute;
        inset-block: -4px;
        width: 2px;
        background: var(--ink);
      }
      .gauge > em {
        position: absolute;
        top: 15px;
        translate: -100% 0;
        font-style: normal;
        font-size: var(--size-small);
        color: var(--ink-soft);
        white-space: nowrap;
      }
      .parts {
        display: flex;
        gap: 2px;
        min-height: 2.6rem;
      }
      .parts li {
        flex: var(--share) 1 0;
        min-width: 3px;
        overflow: hidden;
        padding-top: 12px;
        background: linear-gradient(var(--down), var(--down)) top / 100% 9px no-repeat;
        font-size: 0.6875rem;
        line-height: 1.25;
        color: var(--ink-soft);
        white-space: nowrap;
      }
      .parts li:nth-child(even) {
        background-image: linear-gradient(
          color-mix(in srgb, var(--down) 62%, var(--panel)),
          color-mix(in srgb, var(--down) 62%, var(--panel))
        );
      }
      .parts .runs {
        background-image: repeating-linear-gradient(-45deg, var(--down) 0 4px, var(--down-wash) 4px 8px);
      }
      dl {
        display: grid;
        grid-template-columns: auto auto;
        justify-content: start;
        gap: 0 var(--gap-4);
        font-size: var(--size-small);
      }
      dt {
        color: var(--ink-soft);
      }
      dd {
        text-align: end;
      }
    `,
  ];
  declare view: DowntimeView;

  override render(): unknown {
    const { standing, title, detail, parts, split } = this.view;
    const runs = standing === 'running' || standing === 'quiescing';
    // The name of a part that is too narrow for it is in its title.
    const whole = parts.reduce((sum, { ms }) => sum + ms, 0);
    return html`<section class="panel" aria-label="Downtime" data-standing=${standing}>
      <header>
        <h2>${standing === 'forecast' || standing === 'none' ? 'Forecast of the final sync' : 'Downtime'}</h2>
        ${runs ? html`<span class="down small">${healthSign('down', '')} runs</span>` : nothing}
      </header>
      <div class="body">
        <div>
          <p class="figure ${runs ? 'down' : ''}">${title}</p>
          <p class="soft">${detail}</p>
        </div>
        ${standing === 'forecast' ? this.#gauge() : nothing}
        ${
          parts.length === 0
            ? nothing
            : html`<ol class="parts" aria-label="What it was made of">
                ${parts.map(
                  (part) =>
                    html`<li
                      class=${part.runs ? 'runs' : ''}
                      style="--share:${Math.max(1, part.ms)}"
                      title="${part.name}: ${part.text}"
                    >
                      ${part.ms * 12 < whole ? nothing : html`${part.name}<br /><b>${part.text}</b>`}
                    </li>`,
                )}
              </ol>`
        }
        ${
          split.length === 0
            ? nothing
            : html`<dl>
                ${split.map(
                  ([name, text]) =>
                    html`<dt>${name}</dt>
                      <dd>${text}</dd>`,
                )}
              </dl>`
        }
      </div>
    </section>`;
  }

  #gauge(): TemplateResult | typeof nothing {
    const { totalMs, budgetMs } = this.view;
    if (budgetMs === null) return nothing;
    // The budget stands at four fifths, so that there is room to see by how much it is exceeded.
    const whole = Math.max(budgetMs / 0.8, totalMs);
    return html`<div class="gauge ${totalMs > budgetMs ? 'over' : ''}" aria-hidden="true">
      <span style="width:${(totalMs / whole) * 100}%"></span>
      <i style="left:${(budgetMs / whole) * 100}%"></i>
      <em style="left:${(budgetMs / whole) * 100}%">budget</em>
    </div>`;
  }
}
customElements.define('sealift-downtime-panel', DowntimePanel);
