import { css } from 'lit';

/** A way from left to right where there is room, from top to bottom where there is none. */
export const axisMapSheet = css`
  :host {
    container-type: inline-size;
  }
  h3 {
    font-size: var(--size-small);
    font-weight: 600;
    color: var(--ink-faint);
    margin-bottom: var(--gap-2);
  }
  button {
    position: relative;
    display: grid;
    justify-items: center;
    gap: 1px;
    width: 100%;
    padding: 0 2px 2px;
    border: 0;
    background: none;
    text-align: center;
    cursor: pointer;
  }
  button[aria-disabled] {
    cursor: default;
  }
  .way,
  .steps {
    display: flex;
  }
  .way > li,
  .steps > li {
    position: relative;
    flex: 1 1 0;
    min-width: 0;
  }
  /* The line from the stop before. */
  .way > li:not(:first-child)::before,
  .steps > li:not(:first-child)::before {
    content: '';
    position: absolute;
    top: 8px;
    right: calc(50% + 12px);
    width: calc(100% - 24px);
    height: 2px;
    background: var(--line-strong);
  }
  .way > li.visited::before,
  .way > li.current::before,
  .steps > li.visited::before,
  .steps > li.current::before {
    background: var(--accent) !important;
  }
  .knob {
    display: grid;
    place-items: center;
    width: 18px;
    height: 18px;
    border: 2px solid var(--line-strong);
    border-radius: 50%;
    background: var(--panel);
    transition:
      background var(--calm),
      border-color var(--calm);
  }
  .visited > button .knob {
    border-color: var(--accent);
    background: var(--accent);
  }
  .visited > button .knob::after {
    content: '';
    width: 8px;
    height: 4px;
    margin-top: -2px;
    border: solid var(--accent-ink);
    border-width: 0 0 2px 2px;
    rotate: -45deg;
  }
  .current > button .knob {
    border-color: var(--accent);
    box-shadow: 0 0 0 4px var(--accent-wash);
  }
  .current > button .knob::after {
    content: '';
    width: 8px;
    height: 8px;
    border-radius: 50%;
    background: var(--accent);
  }
  .ahead > button .knob {
    border-style: dashed;
    border-color: var(--accent);
  }
  .uneasy.current > button .knob {
    border-color: var(--troubled);
    border-radius: 4px;
    rotate: 45deg;
    scale: 0.86;
    box-shadow: 0 0 0 4px var(--troubled-wash);
  }
  .uneasy.current > button .knob::after {
    border-radius: 1px;
    background: var(--troubled);
  }
  .name {
    max-width: 100%;
    overflow: hidden;
    text-overflow: ellipsis;
    color: var(--ink-faint);
    font-size: var(--size-small);
    line-height: 1.3;
  }
  .visited > button .name,
  .ahead > button .name {
    color: var(--ink-soft);
  }
  .current > button .name {
    color: var(--ink);
    font-weight: 650;
  }
  sup {
    color: var(--ink-faint);
    font-weight: 400;
    font-size: 0.9em;
    margin-inline-start: 0.3em;
    vertical-align: baseline;
  }
  .when {
    min-height: 1.2em;
    color: var(--ink-faint);
    font-size: 0.6875rem;
    line-height: 1.2;
    white-space: nowrap;
  }
  .way ul {
    display: grid;
    justify-items: center;
    gap: 2px;
    margin-top: 2px;
  }
  .beside button {
    grid-template-columns: auto auto;
    grid-auto-flow: column;
    align-items: center;
    gap: var(--gap-1);
    padding: 0 var(--gap-1);
    width: auto;
  }
  .beside .knob {
    width: 11px;
    height: 11px;
    border-width: 1.5px;
  }
  .beside > button .knob::after {
    width: 5px !important;
    height: 5px !important;
    border: 0 !important;
    margin: 0 !important;
    rotate: none !important;
    border-radius: 50%;
    background: currentColor;
  }
  .beside.never > button .knob::after,
  .beside.ahead > button .knob::after {
    content: none;
  }
  .beside.visited > button .knob {
    background: var(--panel);
    border-color: var(--ink-faint);
    color: var(--ink-faint);
  }
  .beside .name {
    overflow: visible;
  }
  .beside .when {
    min-height: 0;
  }
  .steps {
    margin-top: var(--gap-2);
    padding: var(--gap-3) var(--gap-2) var(--gap-1);
    border-radius: var(--radius-small);
    background: var(--panel-sunken);
  }
  .steps .knob {
    width: 14px;
    height: 14px;
    margin-block: 2px;
  }
  .steps .visited > button .knob::after {
    width: 6px;
    height: 3px;
  }
  .steps .current > button .knob::after {
    width: 6px;
    height: 6px;
  }
  .description {
    margin-top: var(--gap-2);
    color: var(--ink-soft);
    min-height: 1.45em;
  }
  .description b {
    color: var(--ink);
    font-weight: 600;
  }

  @container (max-width: 620px) {
    .way,
    .steps {
      display: grid;
      gap: 2px;
    }
    button,
    .beside button {
      grid-template-columns: 18px auto 1fr;
      grid-auto-flow: column;
      justify-items: start;
      align-items: center;
      gap: var(--gap-2);
      min-height: 1.75rem;
      text-align: start;
      width: 100%;
      padding: 0;
    }
    .when {
      justify-self: end;
      min-height: 0;
    }
    .way > li:not(:first-child)::before,
    .steps > li:not(:first-child)::before {
      top: -11px;
      left: 8px;
      right: auto;
      width: 2px;
      height: 16px;
    }
    .way > li:not(:first-child)::before {
      display: none;
    }
    .way ul {
      justify-items: stretch;
      padding-inline-start: var(--gap-6);
      margin: 0;
      gap: 0;
    }
    .beside.never {
      display: none;
    }
    .beside .knob,
    .steps .knob {
      justify-self: center;
    }
    .description {
      min-height: 4.4em;
    }
  }
`;
