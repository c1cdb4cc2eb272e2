import { css } from 'lit';

/** How edits are drawn: one line each, and below it the difference, which scrolls inside itself. */
export const editPlanSheet = css`
  .state {
    font-weight: 600;
  }
  .detail {
    padding: 0 var(--gap-4) var(--gap-2);
    overflow-wrap: anywhere;
    white-space: pre-line;
  }
  .findings {
    margin: 0 var(--gap-4) var(--gap-2);
    padding-top: var(--gap-3);
    border-top: 1px solid var(--line);
    font-size: inherit;
    font-weight: 600;
  }
  .all {
    display: flex;
    gap: var(--gap-1);
    padding: 0 var(--gap-2) var(--gap-1);
  }
  .edits {
    padding: 0 var(--gap-4) var(--gap-3);
  }
  .edits li {
    border-top: 1px solid var(--line);
    padding: var(--gap-2) 0;
  }
  .edits summary {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr) auto auto;
    cursor: pointer;
    gap: 0 var(--gap-3);
    align-items: baseline;
  }
  .edits summary::before {
    content: '▸';
    grid-row: 1;
    width: 0.75rem;
    color: var(--ink-faint);
  }
  .edits details[open] > summary::before {
    content: '▾';
  }
  .what {
    font-weight: 550;
    overflow-wrap: anywhere;
  }
  .path {
    overflow-wrap: anywhere;
    text-align: end;
  }
  .edits dl {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr);
    gap: 2px var(--gap-3);
    margin: var(--gap-2) 0;
  }
  .edits dt {
    color: var(--ink-soft);
  }
  .edits dd {
    overflow-wrap: anywhere;
  }
  .change {
    margin: 0;
    max-height: 24rem;
    overflow: auto;
    overscroll-behavior: contain;
    border: 1px solid var(--line);
    border-radius: var(--radius-small);
    background: var(--panel-sunken);
    font-family: var(--mono);
    font-size: var(--size-small);
    line-height: 1.5;
    tab-size: 8;
  }
  .change code {
    display: block;
    width: max-content;
    min-width: 100%;
    padding: var(--gap-1) 0;
    font: inherit;
  }
  .change :is(ins, del, span) {
    display: block;
    padding: 0 var(--gap-3);
    text-decoration: none;
    white-space: pre;
  }
  .change ins {
    background: var(--moved-wash);
    color: var(--moved);
  }
  .change del {
    background: var(--failed-wash);
    color: var(--failed);
  }
  .change :is(.file, .place, .note) {
    color: var(--ink-soft);
  }
  @media (max-width: 600px) {
    .edits summary {
      grid-template-columns: auto minmax(0, 1fr) auto;
    }
    .path {
      grid-area: 2 / 2 / 3 / -1;
      text-align: start;
    }
  }
`;
