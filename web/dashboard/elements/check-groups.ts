import { css, html, nothing, type TemplateResult } from 'lit';
import type { Check } from '#core/migration/facts';
import { plainText } from '#core/text/plain-text';
import { checkGroups } from '#web/dashboard/view-models/checks';
import { verdictSign } from './signs.ts';

/** How groups of checks are drawn; for the elements that hold some. */
export const checkGroupsSheet = css`
  .checks {
    display: grid;
    gap: var(--gap-2);
    padding: 0 var(--gap-4) var(--gap-4);
  }
  .checks h3 {
    margin-bottom: var(--gap-1);
    font-size: var(--size-small);
    font-weight: 600;
    color: var(--ink-soft);
  }
  .checks ul {
    display: grid;
    gap: var(--gap-2);
  }
  .checks li {
    display: grid;
    grid-template-columns: 1rem minmax(0, 1fr);
    gap: 0 var(--gap-2);
    overflow-wrap: anywhere;
  }
  .checks .remedy {
    grid-column: 2;
    color: var(--ink-soft);
  }
  .checks summary {
    cursor: pointer;
  }
  .checks details > ul {
    margin-top: var(--gap-2);
  }
`;

/** Checks by verdict: what failed and what warns with its remedy, and what passed behind one line. */
export function checkGroupsOf(checks: readonly Check[]): TemplateResult {
  const { failed, warning, passed } = checkGroups(checks);
  const attention = [
    ['Failed', failed],
    ['Warnings', warning],
  ] as const;
  return html`<div class="checks">
    ${attention.map(([name, group]) =>
      group.length === 0
        ? nothing
        : html`<section>
            <h3>${name}</h3>
            <ul>
              ${group.map(checkLine)}
            </ul>
          </section>`,
    )}
    ${
      passed.length === 0
        ? nothing
        : html`<details>
            <summary>${verdictSign('passed')} ${passed.length} passed</summary>
            <ul>
              ${passed.map(checkLine)}
            </ul>
          </details>`
    }
    ${checks.length === 0 ? html`<p class="soft">Nothing was checked.</p>` : nothing}
  </div>`;
}

const checkLine = ({ id, verdict, message, remedy }: Check): TemplateResult =>
  html`<li>
    ${verdictSign(verdict)}<span title=${id}>${plainText(message)}</span>
    ${remedy === '' ? nothing : html`<span class="remedy">Remedy: ${plainText(remedy)}</span>`}
  </li>`;
