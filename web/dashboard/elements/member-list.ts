import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { formatBytes } from '#core/text/format';
import { instant, type Instant } from '#core/units';
import { cellsOf, healthWords, type RowCells } from '#web/dashboard/view-models/fleet';
import type { MigrationRow } from '#web/dashboard/view-models/row';
import { platformWords, wordsFor } from '#web/dashboard/view-models/words';
import { memberListSheet } from './member-list-sheet.ts';
import { sheet } from './sheet.ts';
import { healthSign } from './signs.ts';
import { Windowed } from './windowed.ts';

const rowHeights = { wide: 46, narrow: 80 } as const;
const narrowBelow = 760;

/** A list of VMs at a moment, one line each; on a narrow screen a small card each. */
class MemberList extends LitElement {
  static override properties = {
    rows: { attribute: false },
    now: { attribute: false },
    /** Makes the address of a VM's page. */
    link: { attribute: false },
    label: {},
    /** Whether the page has so many rows that only those in sight are drawn. */
    isOneOfMany: { type: Boolean },
    isNarrow: { state: true },
  };
  static override styles = [sheet, memberListSheet];
  declare rows: readonly MigrationRow[];
  declare now: Instant;
  declare link: (id: string) => string;
  declare label: string;
  declare isOneOfMany: boolean;
  declare isNarrow: boolean;
  readonly #windowed = new Windowed(this, () => this.renderRoot.querySelector('.body'));
  readonly #resized = new ResizeObserver(([entry]) => {
    this.isNarrow = (entry?.contentRect.width ?? narrowBelow) < narrowBelow;
  });

  constructor() {
    super();
    this.rows = [];
    this.now = instant(0);
    this.label = 'VMs';
    this.isOneOfMany = false;
    this.isNarrow = window.innerWidth < narrowBelow;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
  }

  override render(): unknown {
    const height = this.isNarrow ? rowHeights.narrow : rowHeights.wide;
    const { first, end, above, below } = this.#windowed.range(this.rows.length, height, this.isOneOfMany);
    return html`
      <div
        class=${this.isNarrow ? 'table narrow' : 'table'}
        role="table"
        aria-label=${this.label}
        aria-rowcount=${this.rows.length + 1}
        style="--row-height:${height}px"
      >
        <div class="head" role="row" aria-rowindex="1">
          ${['VM', 'Lifecycle', 'Replication', 'Behind source', 'Final sync / budget', 'Downtime', 'Note'].map(
            (name) => html`<span role="columnheader">${name}</span>`,
          )}
        </div>
        <div class="body" role="rowgroup">
          <div style="height:${above}px"></div>
          ${this.rows.slice(first, end).map((row, n) => this.#row(row, first + n))}
          <div style="height:${below}px"></div>
        </div>
      </div>
    `;
  }

  #row(row: MigrationRow, index: number): TemplateResult {
    const cells = cellsOf(row, this.now);
    return html`
      <div class="row ${row.health}-row" role="row" aria-rowindex=${index + 2} data-id=${row.id}>
        <span role="cell" class="vm">
          ${healthSign(row.health, healthWords[row.health])}
          <span class="clip">
            <a href=${this.link(row.id)} class="clip">${row.name}</a>
            <span class="small faint clip what"
              >${wordsFor(platformWords, row.platform)} ${row.guest} ${formatBytes(row.sizeBytes)}</span
            >
          </span>
        </span>
        <span role="cell" class="lifecycle clip">${cells.lifecycle}</span>
        <span role="cell" class="replication">${replicationCell(row, cells)}</span>
        <span
          role="cell"
          class="lag"
          title=${cells.lag === '' ? '' : 'How old the replica is, and what is known to differ'}
        >
          ${cells.lag}${cells.lag === '' ? nothing : html`<span class="small faint">${cells.dirty} dirty</span>`}
        </span>
        <span role="cell" class="forecast">${forecastCell(cells)}</span>
        <span role="cell" class="downtime ${cells.downtimeRuns ? 'down' : ''}">
          ${cells.downtime}${cells.downtimeRuns ? html`<span class="small">and counting</span>` : nothing}
        </span>
        <span role="cell" class="note-cell small" title=${row.note}>${row.note}</span>
      </div>
    `;
  }
}
customElements.define('sealift-member-list', MemberList);

function replicationCell(row: MigrationRow, cells: RowCells): TemplateResult {
  if (row.fraction === null) return html`<span class="clip">${cells.replication}</span>`;
  return html`
    <span class="words"
      ><span class="clip">${cells.replication}</span><span class="small faint clip">${cells.progress}</span></span
    >
    <span class="track" aria-hidden="true"><span style="transform:scaleX(${row.fraction})"></span></span>
  `;
}

function forecastCell(cells: RowCells): TemplateResult | typeof nothing {
  if (cells.forecast === '') return nothing;
  return html`
    <span class=${cells.fits === false ? 'troubled' : ''}>${cells.forecast}</span>
    <span class="small faint">${cells.fits === false ? 'over' : 'of'} ${cells.budget}</span>
  `;
}
