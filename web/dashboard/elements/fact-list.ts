import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { RecordedFact } from '#core/event-log/event-log';
import { formatPlural } from '#core/text/format';
import { currentLine, factFilters, factLine, filterFacts, type FactFilter } from '#web/dashboard/view-models/fact-list';
import type { History } from '#web/dashboard/view-models/history';
import { sheet } from './sheet.ts';
import { severitySign } from './signs.ts';
import { Windowed } from './windowed.ts';

const rowHeight = 44;

interface Filtered {
  readonly history: History;
  readonly filter: FactFilter;
  readonly source: readonly number[];
  readonly seen: number;
  readonly shown: readonly number[];
}

/**
 * Facts in the order in which they happened, and which of them is the moment. Choosing one fires `moment` with its place in
 * the history; what lies after the moment is drawn faintly.
 */
class FactList extends LitElement {
  static override properties = {
    history: { attribute: false },
    indexes: { attribute: false },
    /** Grows when facts were added: the lists above are changed in place. */
    count: { type: Number },
    index: { type: Number },
    /** Whether the newest facts are kept in sight. */
    follows: { type: Boolean },
    showSubject: { type: Boolean },
    /** Reads a fact as the log holds it. */
    record: { attribute: false },
    filter: { state: true },
    raw: { state: true },
  };
  static override styles = [
    sheet,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      header {
        display: flex;
        align-items: center;
        gap: var(--gap-3);
        padding: var(--gap-2) var(--gap-4);
      }
      header label {
        margin-inline-start: auto;
      }
      .scroll {
        flex: 1 1 auto;
        min-height: 12rem;
        overflow: auto;
        overscroll-behavior: contain;
        border-top: 1px solid var(--line);
      }
      .row {
        display: grid;
        grid-template-columns: 4.9rem 1rem minmax(0, 1fr);
        gap: 0 var(--gap-2);
        align-items: center;
        width: 100%;
        height: ${rowHeight}px;
        padding: 0 var(--gap-4);
        border: 0;
        border-bottom: 1px solid var(--line);
        background: none;
        text-align: start;
        cursor: pointer;
        line-height: 1.3;
      }
      .row:hover {
        background: var(--hover);
      }
      .row:focus-visible {
        outline-offset: -2px;
      }
      .row[aria-current] {
        background: var(--selected);
        box-shadow: inset 3px 0 var(--accent);
      }
      .ahead {
        opacity: 0.5;
      }
      .offset {
        color: var(--ink-faint);
        font-size: var(--size-small);
        white-space: nowrap;
      }
      .title {
        font-weight: 550;
      }
      .actor {
        float: inline-end;
        margin-inline-start: var(--gap-2);
      }
      .raw {
        border-top: 1px solid var(--line);
        padding: var(--gap-1) var(--gap-2);
      }
      pre {
        max-height: 14rem;
        margin: var(--gap-1) 0;
        padding: var(--gap-2);
        overflow: auto;
        font-size: var(--size-small);
        background: var(--panel-sunken);
        border-radius: var(--radius-small);
      }
      .nothing {
        padding: var(--gap-4);
        color: var(--ink-soft);
      }
    `,
  ];
  declare history: History;
  declare indexes: readonly number[];
  declare count: number;
  declare index: number;
  declare follows: boolean;
  declare showSubject: boolean;
  declare record: (index: number) => Promise<RecordedFact | undefined>;
  declare filter: FactFilter;
  /** The fact of the moment as it was recorded, while it is looked at. */
  declare raw: { readonly index: number; readonly text: string } | null;
  readonly #windowed = new Windowed(this, () => this.renderRoot.querySelector('.rows'));
  #filtered: Filtered | undefined;

  constructor() {
    super();
    this.filter = 'milestones';
    this.showSubject = false;
    this.raw = null;
  }

  override render(): unknown {
    const shown = this.#shown();
    const current = currentLine(shown, this.index);
    const { first, end, above, below } = this.#windowed.range(shown.length, rowHeight);
    return html`
      <header>
        <h2>Facts</h2>
        <span class="small soft" role="status">${formatPlural(shown.length, 'fact')}</span>
        <label
          ><span class="unseen">Which facts</span>
          <select
            class="field"
            @change=${(event: Event) => (this.filter = (event.target as HTMLSelectElement).value as FactFilter)}
          >
            ${Object.entries(factFilters).map(
              ([value, label]) => html`<option value=${value} ?selected=${value === this.filter}>${label}</option>`,
            )}
          </select></label
        >
      </header>
      <div class="scroll">
        ${shown.length === 0 ? html`<p class="nothing">No fact of this kind.</p>` : nothing}
        <ol class="rows">
          <li style="height:${above}px" role="presentation"></li>
          ${shown.slice(first, end).map((index, n) => this.#row(index, first + n - current))}
          <li style="height:${below}px" role="presentation"></li>
        </ol>
      </div>
      ${this.#raw(shown[current])}
    `;
  }

  protected override updated(changed: PropertyValues): void {
    // The moment is kept in sight, whoever moved it; scrolling by hand is left alone until it moves again.
    if (changed.has('index') || changed.has('filter') || (this.follows && changed.has('count'))) this.#reveal();
  }

  // A list that grew is only filtered where it grew: it may be long, and grows with every fact.
  #shown(): readonly number[] {
    const { history, filter, indexes } = this;
    const before = this.#filtered;
    const grew =
      before?.history === history &&
      before.filter === filter &&
      before.source === indexes &&
      before.seen <= indexes.length;
    const known = grew ? before : { history, filter, source: indexes, seen: 0, shown: [] };
    const added = filterFacts(history, indexes.slice(known.seen), filter);
    const shown = added.length === 0 ? known.shown : [...known.shown, ...added];
    this.#filtered = { history, filter, source: indexes, seen: indexes.length, shown };
    return shown;
  }

  #row(index: number, fromCurrent: number): TemplateResult {
    const line = factLine(this.history, index);
    const isCurrent = fromCurrent === 0;
    return html`<li>
      <button
        class="row ${fromCurrent > 0 ? 'ahead' : ''}"
        aria-current=${isCurrent ? 'true' : nothing}
        title="${line.title}${line.detail === '' ? '' : `: ${line.detail}`} (${line.actor}, position ${line.position})"
        data-type=${this.history.fact(index).type}
        @click=${() => this.dispatchEvent(new CustomEvent('moment', { detail: index }))}
      >
        <span class="offset mono">${line.offset}</span>
        ${severitySign(line.severity)}
        <span class="clip">
          <span class="title"
            >${this.showSubject ? html`<span class="soft">${line.subject}</span> ` : nothing}${line.title}</span
          ><br /><span class="small soft">${line.detail === '' ? line.actor : line.detail}</span>
        </span>
      </button>
    </li>`;
  }

  #raw(index: number | undefined): TemplateResult | typeof nothing {
    if (index === undefined) return nothing;
    const text = this.raw?.index === index ? this.raw.text : null;
    return html`<div class="raw">
      <button
        class="button quiet"
        aria-expanded=${text === null ? 'false' : 'true'}
        @click=${() => void (text === null ? this.#look(index) : (this.raw = null))}
      >
        ${text === null ? 'Show the fact as recorded' : 'Hide the fact as recorded'}
      </button>
      ${text === null ? nothing : html`<pre class="mono" tabindex="0" aria-label="The fact as recorded">${text}</pre>`}
    </div>`;
  }

  async #look(index: number): Promise<void> {
    this.raw = { index, text: 'It is being read.' };
    const text = await this.record(index).then(
      (fact) => JSON.stringify(fact, null, 2),
      () => 'It cannot be read now: the server does not answer.',
    );
    if (this.raw?.index === index) this.raw = { index, text };
  }

  #reveal(): void {
    const scroll = this.renderRoot.querySelector('.scroll');
    if (!(scroll instanceof HTMLElement)) return;
    const line = currentLine(this.#shown(), this.index);
    const top = line * rowHeight;
    if (this.follows) scroll.scrollTop = scroll.scrollHeight;
    else if (top < scroll.scrollTop || top + rowHeight > scroll.scrollTop + scroll.clientHeight)
      scroll.scrollTop = top - scroll.clientHeight / 2;
  }
}
customElements.define('sealift-fact-list', FactList);
