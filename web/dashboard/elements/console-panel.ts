import { css, html, LitElement, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { ConsoleNote } from '#core/migration/notes';
import type { Instant } from '#core/units';
import { consoleViews, type ConsoleView } from '#web/dashboard/view-models/consoles';
import { sheet } from './sheet.ts';

/** What VMs said on their serial consoles, the last captured first. Each is opened at its end, where a boot stopped. */
class ConsolePanel extends LitElement {
  static override properties = { consoles: { attribute: false }, start: {} };
  static override styles = [
    sheet,
    css`
      details {
        border-top: 1px solid var(--line);
        padding: var(--gap-2) var(--gap-4);
      }
      summary {
        cursor: pointer;
      }
      pre {
        margin: var(--gap-2) 0;
        padding: var(--gap-2) var(--gap-3);
        max-height: 26rem;
        overflow: auto;
        overscroll-behavior: contain;
        border: 1px solid var(--line);
        border-radius: var(--radius-small);
        background: var(--panel-sunken);
        font-family: var(--mono);
        font-size: var(--size-small);
        line-height: 1.4;
        tab-size: 8;
      }
      @media (max-width: 600px) {
        pre {
          white-space: pre-wrap;
          overflow-wrap: anywhere;
        }
      }
    `,
  ];
  declare consoles: readonly ConsoleNote[];
  declare start: Instant;
  #made: { readonly consoles: readonly ConsoleNote[]; readonly views: readonly ConsoleView[] } | undefined;
  /** Captures that have been shown at their end already. From there on they are scrolled by hand. */
  readonly #shown = new WeakSet<Element>();

  override render(): unknown {
    // Made once for each capture: while the run is played this is drawn with every frame.
    if (this.#made?.consoles !== this.consoles)
      this.#made = { consoles: this.consoles, views: consoleViews(this.consoles, this.start) };
    return html`<section class="panel" aria-label="Console">
      <header>
        <h2>Console</h2>
        <span class="small soft">what VMs said, last captured first</span>
      </header>
      ${repeat(
        this.#made.views,
        ({ key }) => key,
        ({ vm, stage, offset, size, text }, n) =>
          html`<details ?open=${n === 0} @toggle=${this.#toEnd}>
            <summary><b>${vm}</b>, ${stage} <span class="small soft">captured at ${offset}, ${size}</span></summary>
            ${
              text === ''
                ? html`<p class="soft">It said nothing.</p>`
                : html`<pre tabindex="0" role="group" aria-label="Console of ${vm}">${text}</pre>`
            }
          </details>`,
      )}
      ${this.consoles.length === 0 ? html`<p class="soft">No console was captured.</p>` : nothing}
    </section>`;
  }

  protected override updated(): void {
    this.#toEnd();
  }

  readonly #toEnd = (): void => {
    for (const screen of this.renderRoot.querySelectorAll('details[open] pre')) {
      if (this.#shown.has(screen) || screen.clientHeight === 0) continue;
      this.#shown.add(screen);
      screen.scrollTop = screen.scrollHeight;
    }
  };
}
customElements.define('sealift-console-panel', ConsolePanel);
