import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit';
import type { Severity } from '#core/text/fact-text';
import type { Health } from '#web/dashboard/view-models/row';

// Each meaning has a shape of its own, so that no sign depends on its colour.
const person = svg`<circle cx="8" cy="4.6" r="3.4" fill="currentColor"/><path d="M1.6 15c0-3.9 2.8-6 6.4-6s6.4 2.1 6.4 6Z" fill="currentColor"/>`;
const power = svg`<path d="M5 3.6a5.6 5.6 0 1 0 6 0M8 1.6v5.6" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"/>`;
const triangle = svg`<path d="M8 1.6 15 14H1Z" fill="currentColor" stroke="currentColor" stroke-width="1" stroke-linejoin="round"/><path d="M8 6v4M8 12v.1" stroke="var(--panel)" stroke-width="1.6" stroke-linecap="round"/>`;
const chevrons = svg`<path d="m3 3.5 4.5 4.5L3 12.5M8.5 3.5 13 8l-4.5 4.5" fill="none" stroke="currentColor" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round"/>`;
const bars = svg`<rect x="1.7" y="1.7" width="12.6" height="12.6" rx="3" fill="none" stroke="currentColor" stroke-width="1.5"/><path d="M6.2 5.2v5.6M9.8 5.2v5.6" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/>`;
const ring = svg`<circle cx="8" cy="8" r="4.6" fill="none" stroke="currentColor" stroke-width="1.5"/>`;
const check = svg`<circle cx="8" cy="8" r="7" fill="currentColor"/><path d="m4.8 8.3 2.2 2.2 4.2-4.8" fill="none" stroke="var(--panel)" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/>`;
const cross = svg`<path d="M5 1.2h6L14.8 5v6L11 14.8H5L1.2 11V5Z" fill="currentColor"/><path d="m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8" stroke="var(--panel)" stroke-width="1.7" stroke-linecap="round"/>`;
const dot = svg`<circle cx="8" cy="8" r="2.2" fill="currentColor"/>`;
const filledDot = svg`<circle cx="8" cy="8" r="4" fill="currentColor"/>`;

const healthShapes: Readonly<Record<Health, SVGTemplateResult>> = {
  asks: person,
  down: power,
  troubled: triangle,
  moving: chevrons,
  parked: bars,
  still: ring,
  moved: check,
};
const severityShapes: Readonly<Record<Severity, SVGTemplateResult>> = {
  note: dot,
  step: filledDot,
  success: check,
  warning: triangle,
  failure: cross,
};

const drawn = (shape: SVGTemplateResult, kind: string, label: string): TemplateResult =>
  html`<svg class="sign ${kind}" viewBox="0 0 16 16" role="img" aria-label=${label}>${shape}</svg>`;

/** The sign of a VM's health. `label` is what is read aloud. */
export const healthSign = (health: Health, label: string): TemplateResult => drawn(healthShapes[health], health, label);

/** The sign of a fact. */
export const severitySign = (severity: Severity): TemplateResult =>
  drawn(severityShapes[severity], severity, severity === 'note' || severity === 'step' ? '' : severity);

/** The sign of a check's verdict. */
export const verdictSign = (verdict: 'passed' | 'warning' | 'failed'): TemplateResult =>
  severitySign(verdict === 'passed' ? 'success' : verdict === 'failed' ? 'failure' : 'warning');

/** The signs that say how a piece of work stands. */
export type StandingSign = 'moving' | 'success' | 'warning' | 'failure' | 'still';

const standingLabels: Readonly<Record<StandingSign, string>> = {
  moving: 'goes on',
  success: 'done',
  warning: 'warning',
  failure: 'failed',
  still: 'not finished',
};

/** The sign of how a piece of work stands. */
export const standingSign = (sign: StandingSign): TemplateResult =>
  drawn(sign === 'moving' || sign === 'still' ? healthShapes[sign] : severityShapes[sign], sign, standingLabels[sign]);

const icon = (path: string): TemplateResult =>
  html`<svg class="sign" viewBox="0 0 16 16" aria-hidden="true">
    <path
      d=${path}
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
    />
  </svg>`;

/** Icons of buttons. Each stands beside a word, or its button has a label. */
export const icons = {
  play: html`<svg class="sign" viewBox="0 0 16 16" aria-hidden="true">
    <path d="M4 2.5v11l9-5.5Z" fill="currentColor" />
  </svg>`,
  pause: html`<svg class="sign" viewBox="0 0 16 16" aria-hidden="true">
    <path d="M3.5 2.5h3v11h-3Zm6 0h3v11h-3Z" fill="currentColor" />
  </svg>`,
  back: icon('M10 3 5 8l5 5'),
  forward: icon('m6 3 5 5-5 5'),
  search: icon('M7 12.2A5.2 5.2 0 1 0 7 1.8a5.2 5.2 0 0 0 0 10.4ZM14 14l-3.2-3.2'),
  wait: icon('M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM8 4.5V8l2.5 1.8'),
} as const;
