import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { GuestShape } from '#core/migration/facts';
import type { Checked, Notes } from '#core/migration/notes';
import { formatBytes, formatOffset, formatPlural } from '#core/text/format';
import { plainLine } from '#core/text/plain-text';
import type { Instant } from '#core/units';
import { checkGroups } from '#web/dashboard/view-models/checks';
import { checkGroupsOf, checkGroupsSheet } from './check-groups.ts';
import { sheet } from './sheet.ts';

/** What was checked before anything is moved, and what the guest is like inside. */
class ReadinessPanel extends LitElement {
  static override properties = { verification: { attribute: false }, guest: { attribute: false }, start: {} };
  static override styles = [
    sheet,
    checkGroupsSheet,
    css`
      .panel {
        height: 100%;
      }
      .guest {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 2px var(--gap-4);
        padding: 0 var(--gap-4) var(--gap-4);
      }
      .guest dt {
        color: var(--ink-soft);
      }
      .guest dd {
        overflow-wrap: anywhere;
      }
      .guest + .checks {
        padding-top: var(--gap-3);
        border-top: 1px solid var(--line);
      }
      .services {
        columns: 9rem;
        column-gap: var(--gap-4);
      }
    `,
  ];
  declare verification: Checked | null;
  declare guest: Notes['guest'];
  declare start: Instant;

  override render(): unknown {
    const { verification, guest } = this;
    return html`<section class="panel" aria-label="Readiness">
      <header>
        <h2>Readiness</h2>
        ${
          verification
            ? html`<span class="small soft"
                >${checkGroups(verification.checks).summary}, ${formatOffset(this.start, verification.at)}</span
              >`
            : nothing
        }
      </header>
      ${guest ? this.#guest(guest.shape) : nothing}
      ${
        verification
          ? checkGroupsOf(verification.checks)
          : html`<div class="checks"><p class="soft">The source has not been verified.</p></div>`
      }
    </section>`;
  }

  #guest({ hostname, system, firmware, memory, processors, nics, services }: GuestShape): TemplateResult {
    const hardware = `${formatPlural(processors, 'processor')}, ${formatBytes(memory)} of memory, ${firmware === 'uefi' ? 'UEFI' : 'BIOS'}`;
    return html`<dl class="guest">
      <dt>Guest</dt>
      <dd><b>${plainLine(hostname)}</b>, ${plainLine(system)}</dd>
      <dt>Hardware</dt>
      <dd>${hardware}</dd>
      <dt>Networks</dt>
      <dd>
        ${nics.length === 0 ? 'no NIC' : nothing}
        ${nics.map(
          ({ name, mac, addresses }) =>
            html`<div>
              ${plainLine(name)} <span class="mono soft">${plainLine(mac)}</span>
              ${addresses.length === 0 ? 'no address' : plainLine(addresses.join(', '))}
            </div>`,
        )}
      </dd>
      <dt>Services</dt>
      <dd>
        ${
          services.length === 0
            ? 'none runs'
            : html`<details>
                <summary>${formatPlural(services.length, 'service')} running</summary>
                <ul class="services">
                  ${services.map((name) => html`<li>${plainLine(name)}</li>`)}
                </ul>
              </details>`
        }
      </dd>
    </dl>`;
  }
}
customElements.define('sealift-readiness-panel', ReadinessPanel);
