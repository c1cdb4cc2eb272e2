import { css } from 'lit';

/** Rules that every element shares: shadow roots see no style of the page but its custom properties. */
export const sheet = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host {
    display: block;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p,
  ol,
  ul,
  dl,
  dd,
  figure {
    margin: 0;
    padding: 0;
  }
  ol,
  ul {
    list-style: none;
  }
  h2 {
    font-size: var(--size-large);
    font-weight: 600;
    letter-spacing: -0.005em;
  }
  a {
    color: var(--accent);
    text-decoration-thickness: 1px;
    text-underline-offset: 2px;
  }
  :focus-visible {
    outline: 2px solid var(--focus);
    outline-offset: 2px;
    border-radius: var(--radius-small);
  }
  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .panel {
    background: var(--panel);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    box-shadow: var(--shadow);
  }
  .panel > header {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: var(--gap-1) var(--gap-3);
    padding: var(--gap-3) var(--gap-4) var(--gap-2);
  }
  .panel > header > :last-child:not(:first-child) {
    margin-inline-start: auto;
  }
  .soft {
    color: var(--ink-soft);
  }
  .faint {
    color: var(--ink-faint);
  }
  .small {
    font-size: var(--size-small);
  }
  .mono {
    font-family: var(--mono);
    font-size: 0.94em;
  }
  .clip {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  button,
  input,
  select {
    font: inherit;
    color: inherit;
  }
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: var(--gap-1);
    min-height: 1.875rem;
    padding: 0.2rem 0.7rem;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--panel-raised);
    font-weight: 500;
    white-space: nowrap;
    cursor: pointer;
    transition:
      background var(--quick),
      border-color var(--quick);
  }
  .button:hover {
    background: var(--hover);
    border-color: var(--ink-faint);
  }
  .button.primary {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--accent-ink);
  }
  .button.primary:hover {
    filter: brightness(1.1);
  }
  .button.grave:not([aria-disabled='true']) {
    border-color: var(--failed);
    color: var(--failed);
  }
  .button.primary.grave:not([aria-disabled='true']) {
    background: var(--failed);
    color: var(--panel);
  }
  .button[aria-disabled='true'] {
    background: transparent;
    border-style: dashed;
    border-color: var(--line-strong);
    color: var(--ink-faint);
    font-weight: 400;
    cursor: not-allowed;
  }
  .button.quiet {
    border-color: transparent;
    background: transparent;
  }
  .button.quiet:hover {
    background: var(--hover);
  }
  .field {
    min-height: 1.875rem;
    padding: 0.2rem 0.55rem;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--panel-raised);
    max-width: 100%;
  }
  .field::placeholder {
    color: var(--ink-faint);
  }
  .sign {
    flex: none;
    width: 1rem;
    height: 1rem;
    vertical-align: -0.19em;
  }
  .asks {
    color: var(--asks);
  }
  .down {
    color: var(--down);
  }
  .troubled,
  .warning {
    color: var(--troubled);
  }
  .failure {
    color: var(--failed);
  }
  .moving {
    color: var(--moving);
  }
  .parked {
    color: var(--parked);
  }
  .moved,
  .success {
    color: var(--moved);
  }
  .still,
  .note {
    color: var(--still);
  }
  .step {
    color: var(--moving);
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
      scroll-behavior: auto !important;
    }
  }
  @media (forced-colors: active) {
    .button,
    .panel {
      border: 1px solid CanvasText;
    }
  }
`;
