import { html, type TemplateResult } from 'lit';

/** What was planned, a row each. Its looks are those of the page it stands on. */
export const planRows = (rows: readonly (readonly [name: string, value: string])[]): TemplateResult =>
  html`<section class="panel" aria-label="Plan">
    <header><h2>Plan</h2></header>
    <dl class="plan">
      ${rows.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
  </section>`;
