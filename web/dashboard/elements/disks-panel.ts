import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { DiskRow, DiskTable } from '#web/dashboard/view-models/disks';
import { sheet } from './sheet.ts';

/** The bytes of every disk: how many there are, how many are at the target, were compared again, and are missing. */
class DisksPanel extends LitElement {
  static override properties = { view: { attribute: false } };
  static override styles = [
    sheet,
    css`
      .figures {
        display: flex;
        flex-wrap: wrap;
        gap: var(--gap-2) var(--gap-6);
        padding: 0 var(--gap-4) var(--gap-3);
      }
      .figures dt {
        font-size: var(--size-small);
        color: var(--ink-faint);
      }
      .figures b {
        font-size: var(--size-large);
        font-weight: 600;
      }
      .table {
        overflow-x: auto;
        padding: 0 var(--gap-4) var(--gap-3);
      }
      table {
        width: 100%;
        border-collapse: collapse;
      }
      thead th {
        padding: 0 0 var(--gap-1);
        font-size: var(--size-small);
        font-weight: 400;
        color: var(--ink-faint);
      }
      :is(th, td) {
        text-align: end;
        vertical-align: baseline;
        white-space: nowrap;
      }
      tr > :is(th, td):not(:first-child) {
        padding-inline-start: var(--gap-3);
      }
      tr > :first-child {
        text-align: start;
      }
      @media (max-width: 600px) {
        tr > :is(th, td):not(:first-child) {
          padding-inline-start: var(--gap-2);
        }
      }
      tbody {
        border-top: 1px solid var(--line);
      }
      tbody :is(th, td) {
        padding: var(--gap-2) 0 0;
      }
      tbody th {
        font-weight: 600;
      }
      tbody .more {
        padding: var(--gap-1) 0 var(--gap-2);
        text-align: start;
        white-space: normal;
      }
      .meter {
        display: flex;
        gap: 1px;
        height: 8px;
        border-radius: 2px;
        background: var(--line);
        overflow: hidden;
      }
      .meter i {
        background: var(--moving);
        transition: width var(--calm);
      }
      .meter .zero {
        background: repeating-linear-gradient(90deg, var(--ink-faint) 0 2px, transparent 2px 4px);
      }
      .detail {
        display: flex;
        flex-wrap: wrap;
        gap: 0 var(--gap-4);
        margin-top: var(--gap-1);
      }
    `,
  ];
  declare view: DiskTable;

  override render(): unknown {
    const { rows, whole, figures, remark } = this.view;
    return html`<section class="panel" aria-label="Disks">
      <header>
        <h2>Disks</h2>
      </header>
      <dl class="figures">
        ${figures.map(
          ({ name, value, detail }) =>
            html`<div>
              <dt>${name}</dt>
              <dd><b>${value}</b> <span class="small soft">${detail}</span></dd>
            </div>`,
        )}
      </dl>
      <div class="table" tabindex="0" role="group" aria-label="Table of disks">
        <table>
          <caption class="unseen">
            Bytes of each disk: in all, replicated, rescanned and missing
          </caption>
          <thead>
            <tr>
              ${['Disk', 'Total', 'Replicated', 'Rescanned', 'Backlog'].map((name) => html`<th scope="col">${name}</th>`)}
            </tr>
          </thead>
          ${rows.map(diskRows)} ${whole ? diskRows(whole) : nothing}
        </table>
        ${remark === '' ? nothing : html`<p class="small soft">${remark}</p>`}
      </div>
    </section>`;
  }
}
customElements.define('sealift-disks-panel', DisksPanel);

const diskRows = ({ name, total, replicated, rescanned, backlog, bar, detail, root }: DiskRow): TemplateResult =>
  html`<tbody data-disk=${name}>
    <tr>
      <th scope="row">${name}</th>
      <td>${total}</td>
      <td>${replicated}</td>
      <td>${rescanned}</td>
      <td>${backlog}</td>
    </tr>
    <tr>
      <td class="more" colspan="5">
        <div class="meter" role="img" aria-label=${bar.label}>
          <i style="width:${bar.sent * 100}%"></i><i class="zero" style="width:${bar.zeroed * 100}%"></i>
        </div>
        ${
          detail === '' && root === ''
            ? nothing
            : html`<div class="detail small soft">
                <span>${detail}</span>
                ${root === '' ? nothing : html`<span>digest <span class="mono" title=${root}>${root.slice(0, 12)}</span></span>`}
              </div>`
        }
      </td>
    </tr>
  </tbody>`;
