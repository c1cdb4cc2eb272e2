import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { ChecklistView, ItemView, StepView, WaitView } from '#web/dashboard/view-models/checklist';
import { formatPlural } from '#core/text/format';
import { sheet } from './sheet.ts';
import { icons, standingSign, type StandingSign } from './signs.ts';

/** The step that goes on with all that belongs to it, what is waited for, and the steps before it. */
class StepChecklist extends LitElement {
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
      .line {
        display: grid;
        grid-template-columns: 1rem minmax(0, 1fr);
        gap: 0 var(--gap-2);
        align-items: baseline;
      }
      .line > .sign {
        align-self: start;
        margin-top: 0.15em;
      }
      /* Words go below a title that leaves them no room. */
      .title {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        align-items: baseline;
        gap: 0 var(--gap-3);
        overflow-wrap: anywhere;
      }
      .current h3 {
        display: inline;
      }
      .detail {
        grid-column: 2;
        color: var(--ink-soft);
        overflow-wrap: anywhere;
        white-space: pre-line;
      }
      .current h3 {
        font-size: inherit;
        font-weight: 600;
      }
      .items {
        display: grid;
        gap: var(--gap-2);
        margin: var(--gap-2) 0 0 1.5rem;
      }
      .waits {
        display: grid;
        gap: var(--gap-1);
        padding: var(--gap-2) var(--gap-3);
        border-radius: var(--radius-small);
        background: var(--panel-sunken);
      }
      .earlier > ol {
        display: grid;
        gap: var(--gap-3);
        margin-top: var(--gap-3);
      }
      .earlier b {
        font-weight: 550;
      }
    `,
  ];
  declare view: ChecklistView;

  override render(): unknown {
    const { current, earlier, waits } = this.view;
    return html`<section class="panel" aria-label="Steps">
      <header>
        <h2>Steps</h2>
        ${current ? html`<span class="small soft">begun at ${current.offset}</span>` : nothing}
      </header>
      <div class="body">
        ${
          current
            ? html`<div class="current" data-step=${current.state}>
                ${stepLine(current, html`<h3>${current.name}</h3>`)} ${itemsOf(current)}
              </div>`
            : html`<p class="soft">No step has begun.</p>`
        }
        ${
          waits.length === 0
            ? nothing
            : html`<ul class="waits" aria-label="What is waited for">
                ${waits.map(waitLine)}
              </ul>`
        }
        ${
          earlier.length === 0
            ? nothing
            : html`<details class="earlier">
                <summary>${formatPlural(earlier.length, 'earlier step')}</summary>
                <ol>
                  ${repeat(
                    earlier,
                    ({ key }) => key,
                    (step) => html`<li>${earlierStep(step)}</li>`,
                  )}
                </ol>
              </details>`
        }
      </div>
    </section>`;
  }
}
customElements.define('sealift-step-checklist', StepChecklist);

const stepSigns: Readonly<Record<StepView['state'], StandingSign>> = {
  running: 'moving',
  unknown: 'warning',
  undecidable: 'failure',
  done: 'success',
  failed: 'failure',
  abandoned: 'still',
};
const itemSigns: Readonly<Record<ItemView['state'], StandingSign>> = {
  running: 'moving',
  done: 'success',
  failed: 'failure',
  retrying: 'warning',
  unfinished: 'still',
};

interface Line {
  readonly sign: StandingSign;
  readonly title: TemplateResult;
  readonly again: string;
  readonly words: TemplateResult | string;
  readonly detail: string;
}

const lineOf = ({ sign, title, again, words, detail }: Line): TemplateResult =>
  html`${standingSign(sign)}
    <div class="title">
      <span>${title}${again === '' ? nothing : html` <span class="small soft">${again}</span>`}</span>
      <span class="small soft">${words}</span>
    </div>
    ${detail === '' ? nothing : html`<p class="detail">${detail}</p>`}`;

const stepLine = ({ state, again, words, detail }: StepView, title: TemplateResult): TemplateResult =>
  html`<div class="line">${lineOf({ sign: stepSigns[state], title, again, words, detail })}</div>`;

const earlierStep = (step: StepView): TemplateResult =>
  html`${stepLine(step, html`<b>${step.name}</b>`)}${itemsOf(step)}`;

const itemsOf = ({ items, name }: StepView): TemplateResult | typeof nothing =>
  items.length === 0
    ? nothing
    : html`<ol class="items" aria-label="Items of: ${name}">
        ${repeat(
          items,
          ({ item }) => item,
          ({ title, state, words, attempt, next, detail }) =>
            html`<li class="line" data-item=${state}>
              ${lineOf({
                sign: itemSigns[state],
                title: html`${title}`,
                again: attempt,
                words: html`${words}${next === '' ? nothing : html`, <b>${next}</b>`}`,
                detail,
              })}
            </li>`,
        )}
      </ol>`;

const waitLine = ({ timer, title, left, detail }: WaitView): TemplateResult =>
  html`<li class="line" data-timer=${timer}>
    ${icons.wait}
    <div class="title">
      <span>${title}${detail === '' ? nothing : html` <span class="small soft">${detail}</span>`}</span>
      <b>${left}</b>
    </div>
  </li>`;
