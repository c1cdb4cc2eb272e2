import { css } from './css.ts';

/** What is otherwise on a narrow screen. */
export const narrowSheet = css`
  @media (max-width: 40rem) {
    header,
    main,
    footer,
    nav ul {
      padding-inline: 0.75rem;
    }
    .panel {
      padding: 0.75rem 0.875rem 1rem;
    }
    h1 {
      font-size: 1.25rem;
    }
    .verdict .sentence {
      font-size: 1.125rem;
    }
    .ticks .odd {
      display: none;
    }
    .frame .plot {
      height: 12rem;
    }
    #course .plot {
      height: 15rem;
    }
    .strips {
      grid-template-columns: minmax(0, 1fr);
      gap: 0.125rem;
    }
    .place {
      margin-block-start: 0.375rem;
    }
    .strips .ticks {
      grid-column: 1;
    }
    .numbers {
      font-size: 0.75rem;
    }
    .numbers td,
    .numbers th {
      padding-inline: 0.35rem 0;
    }
    .numbers tbody th {
      padding-inline: 0;
    }
    dl div {
      grid-template-columns: 5rem minmax(0, 1fr);
    }
  }
`;

/** What is otherwise on paper. */
export const printSheet = css`
  @media print {
    :root {
      color-scheme: light;
    }
    @page {
      margin: 14mm;
    }
    * {
      print-color-adjust: exact;
      -webkit-print-color-adjust: exact;
    }
    body {
      background: #fff;
      font-size: 9.5pt;
    }
    nav,
    .skip {
      display: none;
    }
    header,
    main,
    footer {
      max-width: none;
      padding-inline: 0;
    }
    main {
      display: block;
    }
    .panel {
      border: 0;
      border-block-start: 1px solid var(--line-strong);
      border-radius: 0;
      padding: 0.75rem 0;
      margin-block-end: 0.5rem;
    }
    .verdict {
      border-inline-start: 4px solid var(--tone);
      border-block-start: 0;
      padding-inline-start: 0.75rem;
    }
    h2,
    h3,
    figcaption {
      break-after: avoid;
    }
    .chart,
    .verdict,
    tr,
    #seeds,
    #reproduce {
      break-inside: avoid;
    }
    .scroll {
      overflow: visible;
      max-height: none !important;
    }
    .risk {
      min-width: 0;
      font-size: 8pt;
    }
    td code {
      white-space: normal;
    }
    details:not([open]) {
      display: none;
    }
    .frame .plot {
      height: 11rem;
    }
    .pair {
      grid-template-columns: 1fr 1fr;
    }
  }
`;
