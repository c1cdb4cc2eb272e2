import { css, html, nothing, type TemplateResult } from 'lit';
import { formatDuration, formatOffset, formatPercent, formatPlural } from '#core/text/format';
import type { Moment } from '#web/dashboard/view-models/moment';
import { formatRoute, type Page } from '#web/dashboard/view-models/route';
import type { Session } from '#web/dashboard/view-models/session';
import './fleet-page.ts';
import './migration-page.ts';
import './scrubber.ts';
import './wave-page.ts';
import { SessionElement } from './session-element.ts';
import { sheet } from './sheet.ts';
import { severitySign } from './signs.ts';

/** The frame around every page: which run this is, whether it is heard, where one is, and the moment. */
export class App extends SessionElement {
  static override styles = [
    sheet,
    css`
      :host {
        min-height: 100dvh;
        padding-bottom: calc(var(--scrubber-height) + var(--gap-6));
      }
      .skip {
        position: absolute;
        inset: 0 auto auto 0;
        z-index: 20;
        margin: var(--gap-2);
      }
      .skip:not(:focus) {
        clip-path: inset(50%);
      }
      .bar {
        position: sticky;
        top: 0;
        z-index: 9;
        background: var(--panel-raised);
        border-bottom: 1px solid var(--line);
      }
      .bar > div {
        display: flex;
        align-items: center;
        gap: var(--gap-2) var(--gap-4);
        max-width: var(--page-max);
        min-height: 2.75rem;
        margin-inline: auto;
        padding: 0 var(--gap-4);
      }
      .name {
        display: inline-flex;
        align-items: center;
        gap: var(--gap-2);
        color: var(--ink);
        font-weight: 650;
        font-size: var(--size-large);
        letter-spacing: -0.01em;
        text-decoration: none;
      }
      .name svg {
        width: 1.375rem;
        height: 1.375rem;
        color: var(--accent);
      }
      nav ol {
        display: flex;
        gap: var(--gap-2);
        min-width: 0;
      }
      nav li:not(:first-child)::before {
        content: '/';
        margin-inline-end: var(--gap-2);
        color: var(--ink-faint);
      }
      .run {
        margin-inline-start: auto;
        min-width: 0;
        display: flex;
        align-items: center;
        gap: var(--gap-3);
        color: var(--ink-soft);
      }
      .mode {
        flex: none;
        padding: 0.05rem 0.5rem;
        border: 1px solid currentColor;
        border-radius: 99px;
        font-size: var(--size-small);
        font-weight: 600;
      }
      .mode.live {
        color: var(--moved);
      }
      .mode.lost {
        color: var(--failed);
      }
      .mode.replay {
        color: var(--accent);
      }
      .banner {
        background: var(--failed-wash);
        border-bottom: 1px solid var(--failed);
      }
      .banner.past {
        background: var(--accent-wash);
        border-color: var(--accent);
      }
      .banner > div {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--gap-1) var(--gap-3);
        max-width: var(--page-max);
        margin-inline: auto;
        padding: var(--gap-2) var(--gap-4);
      }
      .banner .button {
        margin-inline-start: auto;
      }
      .loading {
        height: 3px;
        background: var(--line);
      }
      .loading span {
        display: block;
        height: 100%;
        background: var(--accent);
        transform-origin: left;
      }
      main {
        max-width: var(--page-max);
        margin-inline: auto;
        padding: var(--gap-4);
        outline: none;
      }
      .nothing {
        padding: var(--gap-6);
        text-align: center;
      }
      @media (max-width: 760px) {
        .bar > div,
        main,
        .banner > div {
          padding-inline: var(--gap-3);
        }
        .run .source {
          display: none;
        }
        .name span {
          display: none;
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener('keydown', this.#key);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener('keydown', this.#key);
  }

  override render(): unknown {
    const { session } = this;
    const moment = session.moment();
    document.title = titleOf(session.route.page);
    return html`
      <a class="button skip" href="#main" @click=${this.#skip}>To the content</a>
      <div class="bar">
        <div>
          <a class="name" href=${this.#link({ type: 'fleet' })} aria-label="Sealift, to the fleet"
            >${mark}<span>Sealift</span></a
          >
          ${this.#crumbs()} ${this.#run()}
        </div>
        ${this.#loading()}
      </div>
      <div aria-live="polite">${this.#lost()} ${this.#fault()} ${this.#past(moment)}</div>
      <main id="main" tabindex="-1">${this.#page()}</main>
      <sealift-scrubber .session=${session}></sealift-scrubber>
    `;
  }

  #page(): TemplateResult {
    const { session } = this;
    const { page } = session.route;
    switch (page.type) {
      case 'fleet':
        return html`<sealift-fleet-page .session=${session}></sealift-fleet-page>`;
      case 'wave':
        return html`<sealift-wave-page .session=${session} .wave=${page.id}></sealift-wave-page>`;
      case 'migration':
        return html`<sealift-migration-page .session=${session} .migration=${page.id}></sealift-migration-page>`;
      case 'unknown':
        return html`<div class="panel nothing">
          <h1>There is no page at ${page.path}</h1>
          <p><a href=${this.#link({ type: 'fleet' })}>To the fleet</a></p>
        </div>`;
    }
  }

  #crumbs(): TemplateResult {
    const { page } = this.session.route;
    const here = page.type === 'wave' ? `Wave ${page.id}` : page.type === 'migration' ? page.id : '';
    return html`<nav aria-label="Where you are">
      <ol>
        <li>
          <a href=${this.#link({ type: 'fleet' })} aria-current=${page.type === 'fleet' ? 'page' : nothing}>Fleet</a>
        </li>
        ${here === '' ? nothing : html`<li class="clip" aria-current="page">${here}</li>`}
      </ol>
    </nav>`;
  }

  #run(): TemplateResult | typeof nothing {
    const { run } = this.session;
    if (!run) return nothing;
    const isLost = this.session.connection.type === 'lost';
    const speed = run.speed === 1 ? '' : ` ${run.speed} ×`;
    return html`<p class="run">
      <span class="source clip" title=${run.source}>${run.source}</span>
      <span class="mode ${isLost ? 'lost' : run.mode}"
        >${isLost ? 'Not heard' : run.mode === 'live' ? `Live${speed}` : 'Recording'}</span
      >
    </p>`;
  }

  #loading(): TemplateResult | typeof nothing {
    const { connection } = this.session;
    if (connection.type !== 'loading' || connection.total === 0) return nothing;
    const fraction = connection.facts / connection.total;
    return html`<div
      class="loading"
      role="progressbar"
      aria-label="Reading the run"
      aria-valuenow=${Math.round(fraction * 100)}
      title="${formatPercent(fraction)} of ${formatPlural(connection.total, 'fact')}"
    >
      <span style="transform:scaleX(${fraction})"></span>
    </div>`;
  }

  #lost(): TemplateResult | typeof nothing {
    const { connection } = this.session;
    if (connection.type !== 'lost') return nothing;
    return html`<div class="banner" data-banner="lost">
      <div>
        ${severitySign('failure')}
        <span
          ><b>The server cannot be reached</b> (${connection.why}). What is shown is the last that was heard. It is
          tried again after ${formatDuration(Math.max(1000, connection.retryInMs))}.</span
        >
        <button class="button" @click=${() => this.session.retry()}>Try now</button>
      </div>
    </div>`;
  }

  #fault(): TemplateResult | typeof nothing {
    const fault = this.session.run?.fault;
    if (!fault) return nothing;
    return html`<div class="banner" data-banner="fault">
      <div>
        ${severitySign('failure')}<span><b>The log cannot be read on.</b> ${fault}</span>
      </div>
    </div>`;
  }

  #past(moment: Moment | null): TemplateResult | typeof nothing {
    const span = this.session.history.span;
    if (!moment || moment.follows || !span || this.session.run?.mode === 'replay') return nothing;
    return html`<div class="banner past" data-banner="past">
      <div>
        <span
          ><b>You are looking at the past:</b> ${formatOffset(span.from, moment.time)}, which is
          ${formatDuration(Math.max(0, (this.session.now() ?? span.to) - moment.time))} ago.</span
        >
        <button class="button" @click=${() => this.session.follow()}>Back to the present</button>
      </div>
    </div>`;
  }

  #link(page: Page): string {
    return formatRoute({ ...this.session.route, page });
  }

  readonly #skip = (event: Event): void => {
    event.preventDefault();
    this.renderRoot.querySelector<HTMLElement>('#main')?.focus();
  };

  readonly #key = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0];
    if (
      target instanceof HTMLInputElement ||
      target instanceof HTMLSelectElement ||
      target instanceof HTMLTextAreaElement
    )
      return;
    if (event.composedPath().some((node) => node instanceof HTMLDialogElement)) return;
    const scrubber = this.renderRoot.querySelector('sealift-scrubber') as (HTMLElement & { toggle(): void }) | null;
    const keys: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => this.session.step(event.shiftKey ? -10 : -1),
      ArrowRight: () => this.session.step(event.shiftKey ? 10 : 1),
      Home: () => this.session.jumpTo(0),
      End: () => this.session.follow(),
      l: () => this.session.follow(),
      ' ': () => scrubber?.toggle(),
      '/': () => this.#focusSearch(),
    };
    // Space presses the button that has the focus.
    if (event.key === ' ' && target instanceof HTMLElement && target.closest('button, a')) return;
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };

  #focusSearch(): void {
    const page = this.renderRoot.querySelector('sealift-fleet-page');
    page?.shadowRoot?.querySelector<HTMLInputElement>('input[type=search]')?.focus();
  }
}
customElements.define('sealift-app', App);

/** Gives the frame its session: the element stands in the page before the program runs. */
export function showSession(session: Session): void {
  const app = document.querySelector('sealift-app');
  if (app instanceof App) app.session = session;
}

const titleOf = (page: Page): string => {
  if (page.type === 'wave') return `Wave ${page.id} · Sealift`;
  return page.type === 'migration' ? `${page.id} · Sealift` : 'Sealift';
};

const mark = html`<svg viewBox="0 0 16 16" aria-hidden="true">
  <path d="M1.5 9.5h13l-2.4 4.2H4.1zM4.4 8.2V4.4h2.9v3.8zm4.1 0V2.3h2.9v5.9z" fill="currentColor" />
</svg>`;
