import { css, html, LitElement, nothing } from 'lit';
import { formatPlural } from '#core/text/format';
import { countedHealth, type HealthCounts } from '#web/dashboard/view-models/fleet';
import { healthOrder, type Health } from '#web/dashboard/view-models/row';
import { sheet } from './sheet.ts';
import { healthSign } from './signs.ts';

// From what has moved to what is still to come: the bar fills up as the wave goes on.
const drawOrder: readonly Health[] = [...healthOrder.toReversed().filter((health) => health !== 'still'), 'still'];

/** How many VMs are how: a bar for the eye, and the same in words. */
class HealthBar extends LitElement {
  static override properties = { counts: { attribute: false } };
  static override styles = [
    sheet,
    css`
      .bar {
        display: flex;
        gap: 2px;
        height: 6px;
        border-radius: 3px;
        overflow: hidden;
        background: var(--line);
      }
      .bar span {
        flex: var(--share) 1 0;
        min-width: 4px;
        background: currentColor;
        transition: flex var(--calm);
      }
      .bar .still {
        opacity: 0.35;
      }
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: 0 var(--gap-3);
        margin-top: var(--gap-1);
        font-size: var(--size-small);
        color: var(--ink-soft);
      }
      li {
        white-space: nowrap;
      }
      b {
        font-weight: 600;
        color: var(--ink);
      }
    `,
  ];
  declare counts: HealthCounts;

  override render(): unknown {
    const order = drawOrder.filter((health) => this.counts[health] > 0);
    return html`
      <div class="bar" aria-hidden="true">
        ${order.map((health) => html`<span class=${health} style="--share:${this.counts[health]}"></span>`)}
      </div>
      <ul aria-label="By state">
        ${order.map(
          (health) =>
            html`<li title=${formatPlural(this.counts[health], 'VM')}>
              ${healthSign(health, '')} <b>${this.counts[health]}</b> ${countedHealth(health, this.counts[health])}
            </li>`,
        )}
        ${order.length === 0 ? html`<li>no VMs</li>` : nothing}
      </ul>
    `;
  }
}
customElements.define('sealift-health-bar', HealthBar);
