import { html, nothing, type TemplateResult } from 'lit';
import type { Notes } from '#core/migration/notes';
import { formatOffset } from '#core/text/format';
import { plainText } from '#core/text/plain-text';
import type { Instant } from '#core/units';
import { checkGroups } from '#web/dashboard/view-models/checks';
import { checkGroupsOf } from './check-groups.ts';
import { verdictSign } from './signs.ts';

/** What the target was found to be once it ran. For a page whose sheet has groups of checks. */
export function validationPanel({ validation }: Notes, start: Instant): TemplateResult | typeof nothing {
  if (!validation) return nothing;
  const { at, checks, waived } = validation;
  return html`<section class="panel" aria-label="Validation">
    <header>
      <h2>Validation</h2>
      <span class="small soft">${checkGroups(checks).summary}, ${formatOffset(start, at)}</span>
    </header>
    ${
      waived === null
        ? nothing
        : html`<p class="waived">
            ${verdictSign('warning')} Accepted all the same by ${plainText(waived.by)}: ${plainText(waived.reason)}
          </p>`
    }
    ${checkGroupsOf(checks)}
  </section>`;
}
