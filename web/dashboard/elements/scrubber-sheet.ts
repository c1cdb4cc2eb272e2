import { css } from 'lit';

/** The bar at the bottom of every page. */
export const scrubberSheet = css`
  :host {
    position: fixed;
    inset: auto 0 0;
    z-index: 10;
    background: var(--panel-raised);
    border-top: 1px solid var(--line-strong);
    box-shadow: 0 -2px 12px light-dark(#1420280f, #00000059);
    padding-bottom: env(safe-area-inset-bottom);
  }
  .bar {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr) auto auto;
    align-items: center;
    gap: var(--gap-2) var(--gap-4);
    max-width: var(--page-max);
    height: var(--scrubber-height);
    margin-inline: auto;
    padding: var(--gap-2) var(--gap-4);
  }
  .bar.empty {
    grid-template-columns: 1fr;
    place-items: center;
    color: var(--ink-faint);
  }
  .controls {
    display: flex;
    gap: var(--gap-1);
  }
  .controls .button {
    width: 2.125rem;
    padding: 0;
  }
  .track {
    position: relative;
    height: 3.25rem;
    border-radius: var(--radius-small);
    background: var(--panel-sunken);
    border: 1px solid var(--line);
    cursor: ew-resize;
    touch-action: none;
    user-select: none;
  }
  .track svg {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    overflow: hidden;
    color: var(--line-strong);
  }
  polygon {
    fill: currentColor;
    opacity: 0.75;
  }
  .band {
    position: absolute;
    inset-block: 0;
    background: var(--accent);
    opacity: 0.1;
    border-inline: 1px solid var(--accent);
  }
  .gone {
    position: absolute;
    inset-block: 0;
    left: 0;
    background: var(--accent);
    opacity: 0.13;
    pointer-events: none;
  }
  .mark {
    position: absolute;
    width: 0;
    pointer-events: none;
  }
  /* What went well stands at the foot, what did not at the top, each with its shape. */
  .mark.step,
  .mark.success {
    bottom: 2px;
  }
  .mark.step::before,
  .mark.success::before {
    content: '';
    position: absolute;
    bottom: 0;
    left: -1px;
    width: 2px;
    height: 8px;
    background: var(--accent);
  }
  .mark.success::before {
    height: 14px;
    background: var(--moved);
  }
  .mark.warning::before,
  .mark.failure::before {
    content: '';
    position: absolute;
    top: 2px;
    left: -5px;
    width: 10px;
    height: 9px;
    background: var(--troubled);
    clip-path: polygon(50% 0, 100% 100%, 0 100%);
  }
  .mark.failure::before {
    left: -4px;
    width: 9px;
    background: var(--failed);
    clip-path: polygon(30% 0, 70% 0, 100% 30%, 100% 70%, 70% 100%, 30% 100%, 0 70%, 0 30%);
  }
  .thumb {
    position: absolute;
    inset-block: -4px;
    width: 2px;
    margin-left: -1px;
    background: var(--ink);
    pointer-events: none;
  }
  .thumb::before {
    content: '';
    position: absolute;
    top: -3px;
    left: -5px;
    width: 12px;
    height: 12px;
    border-radius: 3px 3px 50% 50%;
    background: var(--ink);
  }
  .reading {
    display: grid;
    justify-items: end;
    line-height: 1.3;
    min-width: 9.5rem;
  }
  .present {
    min-width: 4.25rem;
    gap: var(--gap-2);
  }
  .lamp {
    width: 8px;
    height: 8px;
    border-radius: 50%;
    border: 1.5px solid currentColor;
  }
  .on {
    border-color: var(--moved);
    color: var(--moved);
  }
  .on .lamp {
    background: currentColor;
  }
  @media (max-width: 760px) {
    .bar {
      grid-template-columns: auto minmax(0, 1fr) auto;
      grid-template-rows: auto auto;
      gap: var(--gap-1) var(--gap-2);
      padding: 6px var(--gap-3);
      align-content: center;
    }
    .track {
      grid-area: 1 / 1 / 2 / 4;
      height: 2.25rem;
    }
    .controls {
      grid-area: 2 / 1;
    }
    .reading {
      grid-area: 2 / 2;
      min-width: 0;
      line-height: 1.2;
    }
    .reading .small {
      display: none;
    }
    .controls .button {
      width: 1.875rem;
    }
    .controls select {
      width: 4.125rem;
      padding-inline: 0.2rem;
    }
    .present {
      min-width: 3.75rem;
      padding-inline: 0.4rem;
    }
    .present {
      grid-area: 2 / 3;
    }
  }
`;
