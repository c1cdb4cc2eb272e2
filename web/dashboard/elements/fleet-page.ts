import { css, html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { formatPlural } from '#core/text/format';
import { instant } from '#core/units';
import { fleetAt, healthWords, waveCells, type FleetGroup, type FleetView } from '#web/dashboard/view-models/fleet';
import type { Moment } from '#web/dashboard/view-models/moment';
import { formatRoute, sortKeys, type SortKey } from '#web/dashboard/view-models/route';
import { healthOrder, type Health } from '#web/dashboard/view-models/row';
import './health-bar.ts';
import './member-list.ts';
import { SessionElement } from './session-element.ts';
import { sheet } from './sheet.ts';
import { healthSign, icons } from './signs.ts';

const sortWords: Readonly<Record<SortKey, string>> = {
  plan: 'Order of the plan',
  attention: 'What needs attention',
  name: 'Name',
  progress: 'Progress',
  lag: 'Furthest behind',
  forecast: 'Longest final sync',
  size: 'Size',
};

// Beyond this, rows out of sight are not drawn.
const wholeMax = 150;
// More would push the list itself out of sight; the filter shows all of them.
const askingShown = 4;

/** Every wave and every VM at the moment that is shown. */
class FleetPage extends SessionElement {
  static override styles = [
    sheet,
    css`
      :host {
        display: grid;
        gap: var(--gap-4);
      }
      .tools {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--gap-2);
      }
      .search {
        position: relative;
        flex: 1 1 14rem;
        max-width: 24rem;
      }
      .search input {
        width: 100%;
        padding-inline-start: 2rem;
      }
      .search .sign {
        position: absolute;
        inset: 50% auto auto 0.6rem;
        translate: 0 -50%;
        color: var(--ink-faint);
        pointer-events: none;
      }
      .filters {
        display: flex;
        flex-wrap: wrap;
        gap: var(--gap-1);
      }
      .filters .button {
        font-weight: 400;
        padding-inline: 0.55rem;
      }
      .filters [aria-pressed='true'] {
        background: var(--accent-wash);
        border-color: var(--accent);
        font-weight: 600;
      }
      .filters b {
        font-weight: 600;
      }
      .sort {
        margin-inline-start: auto;
        display: inline-flex;
        align-items: center;
        gap: var(--gap-2);
      }
      .asking {
        border-inline-start: 3px solid var(--asks);
        padding: var(--gap-3) var(--gap-4);
        display: grid;
        gap: var(--gap-2);
      }
      .asking h2 {
        color: var(--asks);
      }
      .asking li {
        display: flex;
        flex-wrap: wrap;
        gap: 0 var(--gap-3);
      }
      .asking a {
        font-weight: 600;
      }
      section > header {
        align-items: center;
      }
      section h2 a {
        color: inherit;
        text-decoration: none;
      }
      section h2 a:hover {
        color: var(--accent);
        text-decoration: underline;
      }
      .panel > header > sealift-health-bar {
        flex: 1 1 18rem;
        max-width: 34rem;
      }
      .nothing {
        padding: var(--gap-6) var(--gap-4);
        text-align: center;
        color: var(--ink-soft);
      }
    `,
  ];

  override render(): unknown {
    const moment = this.session.moment();
    if (!moment) return this.#empty();
    const fleet = fleetAt(this.session.history, moment.index, this.session.route.list);
    return html`
      <h1 class="unseen">Fleet</h1>
      ${this.#asking(fleet)} ${this.#tools(fleet)}
      ${repeat(
        fleet.groups,
        ({ wave }) => wave?.id ?? '',
        (group) => this.#group(group, moment, fleet.shown > wholeMax),
      )}
      ${
        fleet.shown === 0 && fleet.total > 0
          ? html`<div class="panel nothing" role="status">
              <p>None of ${formatPlural(fleet.total, 'VM')} matches.</p>
              <button class="button" @click=${() => this.session.choose({ search: '', show: 'all' })}>Show all</button>
            </div>`
          : nothing
      }
    `;
  }

  #empty(): TemplateResult {
    if (this.session.connection.type !== 'open')
      return html`<h1 class="unseen">Fleet</h1>
        <div class="panel nothing" role="status">The run is being read.</div>`;
    return html`<h1 class="unseen">Fleet</h1>
      <div class="panel nothing">
        <h2>Nothing has happened yet</h2>
        <p>
          ${
            this.session.run?.mode === 'replay'
              ? 'This recording holds no fact.'
              : 'This log holds no fact. As soon as a migration or a wave is drafted, it appears here.'
          }
        </p>
      </div>`;
  }

  #asking({ asking }: FleetView): TemplateResult | typeof nothing {
    if (asking.length === 0) return nothing;
    const more = asking.length - askingShown;
    return html`<aside class="panel asking" aria-label="Needs you">
      <h2>
        ${healthSign('asks', '')} ${formatPlural(asking.length, 'VM')} ${asking.length === 1 ? 'needs' : 'need'} your
        decision
      </h2>
      <ul>
        ${asking
          .slice(0, askingShown)
          .map(
            (row) => html`<li><a href=${this.#link(row.id)}>${row.name}</a> <span class="soft">${row.note}</span></li>`,
          )}
      </ul>
      ${
        more > 0
          ? html`<p>
              <button class="button" @click=${() => this.session.choose({ show: 'asks', search: '' })}>
                Show ${more} more
              </button>
            </p>`
          : nothing
      }
    </aside>`;
  }

  #tools({ counts, total }: FleetView): TemplateResult {
    const { list } = this.session.route;
    const chip = (show: Health | 'all', count: number): TemplateResult | typeof nothing =>
      count === 0 && show !== list.show && show !== 'all'
        ? nothing
        : html`<button class="button" aria-pressed=${list.show === show} @click=${() => this.session.choose({ show })}>
            ${show === 'all' ? 'All' : html`${healthSign(show, '')} ${healthWords[show]}`} <b>${count}</b>
          </button>`;
    return html`<div class="tools" role="search">
      <label class="search">
        <span class="unseen">Search VMs</span>${icons.search}
        <input
          class="field"
          type="search"
          placeholder="Search by name, platform, state or note"
          .value=${list.search}
          @input=${(event: InputEvent) => this.session.choose({ search: (event.target as HTMLInputElement).value })}
        />
      </label>
      <div class="filters" role="group" aria-label="Show">
        ${chip('all', total)}${healthOrder.map((health) => chip(health, counts[health]))}
      </div>
      <label class="sort"
        ><span class="soft">Sort</span>
        <select
          class="field"
          @change=${(event: Event) =>
            this.session.choose({ sort: (event.target as HTMLSelectElement).value as SortKey })}
        >
          ${sortKeys.map((key) => html`<option value=${key} ?selected=${key === list.sort}>${sortWords[key]}</option>`)}
        </select>
      </label>
    </div>`;
  }

  #group({ wave, rows, counts, total }: FleetGroup, moment: Moment, isOneOfMany: boolean): TemplateResult {
    const name = wave?.name ?? 'Not in a wave';
    const cells = wave && waveCells(wave, moment.time);
    return html`<section class="panel" aria-label=${name} data-wave=${wave?.id ?? ''}>
      <header>
        <div>
          <h2>${wave ? html`<a href=${this.#waveLink(wave.id)}>${name}</a>` : name}</h2>
          <p class="small soft">
            ${cells ? html`<b>${cells.state}</b> · ${cells.window} · ` : nothing}${
              rows.length === total ? formatPlural(total, 'VM') : `${rows.length} of ${formatPlural(total, 'VM')}`
            }
          </p>
        </div>
        <sealift-health-bar .counts=${counts}></sealift-health-bar>
      </header>
      ${
        rows.length === 0
          ? html`<p class="nothing">No member has been drafted yet.</p>`
          : html`<sealift-member-list
              .rows=${rows}
              .now=${instant(moment.time)}
              .link=${this.#link}
              .isOneOfMany=${isOneOfMany}
              label=${`VMs of ${name}`}
            ></sealift-member-list>`
      }
    </section>`;
  }

  readonly #link = (id: string): string => formatRoute({ ...this.session.route, page: { type: 'migration', id } });
  readonly #waveLink = (id: string): string => formatRoute({ ...this.session.route, page: { type: 'wave', id } });
}
customElements.define('sealift-fleet-page', FleetPage);
