import { chartSheet } from './chart-sheet.ts';
import { colourSheet } from './colour-sheet.ts';
import { css } from './css.ts';
import { narrowSheet, printSheet } from './media-sheet.ts';
import type { Markup } from './markup.ts';

const page = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  html {
    scroll-behavior: smooth;
    scroll-padding-top: 3.5rem;
    -webkit-text-size-adjust: 100%;
  }
  body {
    margin: 0;
    background: var(--paper);
    color: var(--ink);
    font: 0.875rem/1.5 var(--text);
    font-variant-numeric: tabular-nums;
    overflow-wrap: break-word;
  }
  h1,
  h2,
  h3,
  p,
  ul,
  dl,
  dd,
  figure {
    margin: 0;
    padding: 0;
  }
  ul {
    list-style: none;
  }
  h1 {
    font-size: 1.5rem;
    font-weight: 650;
    letter-spacing: -0.015em;
    line-height: 1.2;
  }
  h2 {
    font-size: 1.0625rem;
    font-weight: 650;
    letter-spacing: -0.005em;
  }
  h3 {
    font-size: 0.9375rem;
    font-weight: 600;
  }
  a {
    color: var(--accent);
    text-underline-offset: 2px;
  }
  :focus-visible {
    outline: 2px solid var(--focus);
    outline-offset: 2px;
    border-radius: 4px;
  }
  header,
  main,
  footer,
  nav ul {
    max-width: 76rem;
    margin-inline: auto;
    padding-inline: 1.25rem;
  }
  header {
    padding-block: 1.75rem 1rem;
    display: grid;
    gap: 0.375rem;
  }
  .brand {
    color: var(--ink-soft);
    font-size: 0.8125rem;
  }
  .brand b {
    color: var(--accent);
    letter-spacing: 0.01em;
  }
  .why {
    max-width: 70ch;
  }
  nav {
    position: sticky;
    top: 0;
    z-index: 1;
    background: var(--panel);
    border-block: 1px solid var(--line);
  }
  nav ul {
    display: flex;
    flex-wrap: wrap;
    gap: 0.125rem 1.25rem;
    padding-block: 0.5rem;
  }
  nav a {
    text-decoration: none;
    font-size: 0.8125rem;
  }
  nav a:hover {
    text-decoration: underline;
  }
  main {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 1rem;
    padding-block: 1rem;
  }
  .panel {
    background: var(--panel);
    border: 1px solid var(--line);
    border-radius: 6px;
    padding: 1rem 1.25rem 1.25rem;
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.75rem;
  }
  .panel > p {
    max-width: 84ch;
  }
  .verdict {
    border-inline-start: 4px solid var(--tone);
  }
  .verdict h2 {
    font-size: 0.8125rem;
    font-weight: 600;
    color: var(--ink-soft);
  }
  .verdict .sentence {
    font-size: 1.3125rem;
    font-weight: 600;
    line-height: 1.3;
    letter-spacing: -0.01em;
    max-width: none;
  }
  .beside {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.75rem 3rem;
  }
  .beside > div {
    display: grid;
    gap: 0.75rem;
    align-content: start;
  }
  @media (min-width: 64rem) {
    .beside {
      grid-template-columns: minmax(0, 1fr) auto;
    }
  }
  .good {
    --tone: var(--moved);
  }
  .doubtful {
    --tone: var(--troubled);
  }
  .bad {
    --tone: var(--failed);
  }
  .sign {
    width: 1em;
    height: 1em;
    vertical-align: -0.12em;
    margin-inline-end: 0.35em;
    color: var(--tone);
  }
  .soft {
    color: var(--ink-soft);
  }
  .faint {
    color: var(--ink-faint);
  }
  .failed {
    color: var(--failed);
  }
  .soft,
  .chart p,
  details {
    font-size: 0.8125rem;
  }
  .chart p {
    color: var(--ink-soft);
    max-width: 84ch;
  }
  .pair {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
    gap: 1.5rem 2rem;
  }
  code {
    font-family: var(--mono);
    font-size: 0.9em;
    background: var(--panel-sunken);
    border: 1px solid var(--line);
    border-radius: 4px;
    padding: 0.1em 0.35em;
    overflow-wrap: anywhere;
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
  .skip {
    position: absolute;
    left: -999rem;
  }
  .skip:focus {
    left: 1rem;
    top: 0.5rem;
    z-index: 2;
    background: var(--panel);
    padding: 0.5rem;
  }
  footer {
    color: var(--ink-soft);
    font-size: 0.8125rem;
    padding-block: 0.5rem 2rem;
  }
  dl {
    display: grid;
    gap: 0.25rem;
  }
  dl div {
    display: grid;
    grid-template-columns: 7rem minmax(0, 1fr);
    gap: 0.5rem;
  }
  dt {
    color: var(--ink-soft);
  }
  summary {
    cursor: pointer;
    color: var(--accent);
    width: fit-content;
  }
  details[open] > summary {
    margin-block-end: 0.5rem;
  }
`;

const tables = css`
  .scroll {
    overflow-x: auto;
    max-width: 100%;
  }
  details .scroll {
    max-height: 26rem;
    overflow-y: auto;
  }
  table {
    border-collapse: collapse;
    font-size: 0.8125rem;
    min-width: min(100%, 20rem);
  }
  caption {
    text-align: start;
    color: var(--ink-soft);
    padding-block-end: 0.25rem;
  }
  th,
  td {
    padding: 0.3rem 0.9rem 0.3rem 0;
    text-align: start;
    vertical-align: top;
    border-block-end: 1px solid var(--line);
  }
  tbody tr:last-child > * {
    border-block-end: 0;
  }
  thead th {
    color: var(--ink-soft);
    font-weight: 500;
    white-space: nowrap;
    vertical-align: bottom;
    border-color: var(--line-strong);
  }
  tbody th {
    font-weight: 500;
  }
  .number,
  .numbers td,
  .numbers thead th {
    text-align: end;
  }
  .numbers {
    font-size: 0.9375rem;
  }
  .numbers td {
    font-weight: 600;
    white-space: nowrap;
    padding-inline-start: 1.25rem;
  }
  .numbers thead td {
    padding: 0;
  }
  td .soft {
    font-size: inherit;
  }
  .risk tbody th {
    position: sticky;
    inset-inline-start: 0;
    background: var(--panel);
  }
  .risk .ends,
  .risk td:last-child {
    white-space: nowrap;
  }
  .risk {
    width: 100%;
    min-width: 54rem;
  }
  .risk tbody th {
    white-space: nowrap;
    font-weight: 600;
  }
  .risk td.number {
    white-space: nowrap;
  }
  td code {
    white-space: nowrap;
  }
  .chart td {
    text-align: end;
  }
  .chart td:nth-child(2) {
    white-space: nowrap;
  }
  .chart thead th:not(:first-child) {
    text-align: end;
  }
`;

/** The style of a report. */
export const reportSheet: Markup = {
  markup: [colourSheet, page, tables, chartSheet, narrowSheet, printSheet].join('\n'),
};
