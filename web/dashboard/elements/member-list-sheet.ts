import { css } from 'lit';

/** How a list of VMs is drawn: a table where there is room, cards where there is none. */
export const memberListSheet = css`
  .head,
  .row {
    display: grid;
    grid-template-columns:
      minmax(11rem, 1.5fr) minmax(7rem, 0.9fr) minmax(9rem, 1.2fr) minmax(5.5rem, 0.7fr) minmax(6.5rem, 0.8fr)
      minmax(5.5rem, 0.6fr) minmax(8rem, 1.6fr);
    align-items: center;
    column-gap: var(--gap-4);
    padding-inline: var(--gap-4);
  }
  .head {
    height: 1.75rem;
    font-size: var(--size-small);
    color: var(--ink-faint);
    border-bottom: 1px solid var(--line);
  }
  .head span {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .row {
    position: relative;
    height: var(--row-height);
    border-bottom: 1px solid var(--line);
    line-height: 1.25;
  }
  .row:hover {
    background: var(--hover);
  }
  .row:has(a:focus-visible) {
    outline: 2px solid var(--focus);
    outline-offset: -2px;
  }
  .row > span {
    min-width: 0;
  }
  .row .small {
    display: block;
  }
  .vm {
    display: flex;
    align-items: center;
    gap: var(--gap-2);
  }
  .vm > .clip {
    display: grid;
  }
  .vm a {
    color: var(--ink);
    font-weight: 600;
    text-decoration: none;
    outline: none;
  }
  /* The whole line leads to the VM. */
  .vm a::after {
    content: '';
    position: absolute;
    inset: 0;
  }
  .row:hover .vm a {
    color: var(--accent);
  }
  .asks-row {
    box-shadow: inset 3px 0 var(--asks);
  }
  .down-row {
    box-shadow: inset 3px 0 var(--down);
  }
  .words {
    display: flex;
    justify-content: space-between;
    gap: var(--gap-2);
    align-items: baseline;
  }
  .words > .small {
    text-align: end;
  }
  .track {
    display: block;
    height: 4px;
    margin-top: 3px;
    border-radius: 2px;
    overflow: hidden;
    background: var(--line);
  }
  .track > span {
    display: block;
    height: 100%;
    border-radius: 2px;
    background: var(--moving);
    transform-origin: left;
    transition: transform var(--calm) linear;
  }
  .note-cell {
    position: relative;
    display: -webkit-box !important;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
    overflow: hidden;
    color: var(--ink-soft);
    overflow-wrap: anywhere;
  }
  .asks-row .note-cell {
    color: var(--asks);
  }

  :host {
    container-type: inline-size;
  }
  @container (max-width: 1100px) {
    .head,
    .row {
      grid-template-columns:
        minmax(9rem, 1.4fr) minmax(0, 0.9fr) minmax(0, 1.15fr) minmax(0, 0.75fr) minmax(0, 0.8fr) minmax(0, 0.6fr)
        minmax(0, 1.4fr);
      column-gap: var(--gap-3);
    }
  }

  .narrow .head {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
  }
  .narrow .row {
    grid-template-columns: minmax(0, 1fr) auto !important;
    grid-template-rows: auto auto auto;
    align-content: center;
    gap: 2px var(--gap-3);
    padding-inline: var(--gap-3);
  }
  .narrow .vm {
    grid-area: 1 / 1;
  }
  .narrow .vm .what {
    display: none;
  }
  .narrow .lifecycle {
    grid-area: 1 / 2;
    color: var(--ink-soft);
  }
  .narrow .replication {
    grid-area: 2 / 1;
  }
  .narrow .lag,
  .narrow .forecast {
    display: none;
  }
  .narrow .replication:has(.track) {
    grid-column: 1 / 3;
  }
  .narrow .downtime {
    grid-area: 2 / 2;
    text-align: end;
  }
  .narrow .downtime .small {
    display: none;
  }
  .narrow .note-cell {
    grid-area: 3 / 1 / 4 / 3;
    -webkit-line-clamp: 1;
  }
`;
