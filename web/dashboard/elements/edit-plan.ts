import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { FixUpNote } from '#core/migration/notes';
import { formatPlural } from '#core/text/format';
import type { Instant } from '#core/units';
import { fixUpView, type EditView, type FixUpView } from '#web/dashboard/view-models/edits';
import { checkGroupsOf, checkGroupsSheet } from './check-groups.ts';
import { editPlanSheet } from './edit-plan-sheet.ts';
import { sheet } from './sheet.ts';
import { severitySign } from './signs.ts';

// So many edits are read one after the other; of more, one chooses.
const openMax = 3;

/** What a fix-up changes in a guest, edit by edit as a difference, and what was found beside. */
class EditPlan extends LitElement {
  static override properties = { note: { attribute: false }, start: {} };
  static override styles = [sheet, checkGroupsSheet, editPlanSheet];
  declare note: FixUpNote;
  declare start: Instant;
  #made: { readonly note: FixUpNote; readonly view: FixUpView } | undefined;

  override render(): unknown {
    // Made once for each plan: while the run is played this is drawn with every frame.
    if (this.#made?.note !== this.note) this.#made = { note: this.note, view: fixUpView(this.note, this.start) };
    const { title, detail, severity, edits } = this.#made.view;
    return html`<section class="panel" aria-label="Fix-up">
      <header>
        <h2>Fix-up</h2>
        <span class="state ${severity}">${severitySign(severity)} ${title}</span>
        <span class="small soft">${edits ? formatPlural(edits.length, 'edit') : ''}</span>
      </header>
      <p class="detail soft">${detail}</p>
      ${edits ? this.#edits(edits) : html`<p class="detail soft">The log does not say what was changed.</p>`}
      <h3 class="findings">Findings</h3>
      ${
        this.note.findings.length === 0
          ? html`<p class="detail soft">Nothing was found that one should know.</p>`
          : checkGroupsOf(this.note.findings)
      }
    </section>`;
  }

  #edits(edits: readonly EditView[]): TemplateResult {
    if (edits.length === 0) return html`<p class="detail soft">Nothing has to be changed.</p>`;
    return html`
      <div class="all">
        <button class="button quiet" @click=${() => this.#openAll(true)}>Open all</button>
        <button class="button quiet" @click=${() => this.#openAll(false)}>Close all</button>
      </div>
      <ol class="edits">
        ${repeat(
          edits,
          ({ id }, n) => `${n} ${id}`,
          (edit) => html`<li>${editDetails(edit, edits.length <= openMax)}</li>`,
        )}
      </ol>
    `;
  }

  #openAll(open: boolean): void {
    for (const details of this.renderRoot.querySelectorAll<HTMLDetailsElement>('.edits details')) details.open = open;
  }
}
customElements.define('sealift-edit-plan', EditPlan);

const editDetails = ({ what, why, path, keeps, change }: EditView, isOpen: boolean): TemplateResult =>
  html`<details ?open=${isOpen}>
    <summary>
      <span class="what">${what}</span>
      <span class="mono soft path">${path}</span>
      <span class="mono soft count">${change.type === 'command' ? 'command' : change.count}</span>
    </summary>
    <dl>
      <dt>Why</dt>
      <dd>${why}</dd>
      ${
        keeps === ''
          ? nothing
          : html`<dt>Original</dt>
              <dd class="mono">${keeps}</dd>`
      }
    </dl>
    ${changeOf(change, path)}
  </details>`;

function changeOf(change: EditView['change'], path: string): TemplateResult {
  if (change.type === 'command')
    return html`<pre
      class="change"
      tabindex="0"
      aria-label="Command that makes ${path}"
    ><code><span>${change.command}</span></code></pre>`;
  if (change.lines.length === 0) return html`<p class="soft">No difference was told.</p>`;
  // Inserted and deleted text is told as such to whoever does not see its colour; the signs stay in any case.
  return html`<pre class="change" tabindex="0" aria-label="Difference of ${path}"><code>${change.lines.map(
    ({ kind, text }) =>
      kind === 'added'
        ? html`<ins>${text} </ins>`
        : kind === 'removed'
          ? html`<del>${text} </del>`
          : html`<span class=${kind}>${text} </span>`,
  )}</code></pre>`;
}
