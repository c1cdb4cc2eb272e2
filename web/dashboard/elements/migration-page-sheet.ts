import { css } from 'lit';

/** The layout of one migration's page: everything at once where there is room, one after the other where there is none. */
export const migrationPageSheet = css`
  :host {
    display: grid;
    gap: var(--gap-4);
    container-type: inline-size;
  }
  .top {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    gap: var(--gap-3) var(--gap-6);
    align-items: end;
  }
  .title {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: 0 var(--gap-3);
    min-width: 0;
  }
  .title p {
    flex-basis: 100%;
  }
  .path {
    margin-inline-start: var(--gap-2);
    color: var(--ink-faint);
  }
  h1 {
    font-size: var(--size-title);
    font-weight: 650;
    letter-spacing: -0.012em;
  }
  h1 .sign {
    width: 1.1rem;
    height: 1.1rem;
  }
  .badge {
    font-weight: 600;
  }
  .figures {
    display: flex;
    flex-wrap: wrap;
    gap: var(--gap-2) var(--gap-6);
  }
  .figures dt {
    font-size: var(--size-small);
    color: var(--ink-faint);
  }
  .figures dd {
    font-size: var(--size-large);
    font-weight: 600;
    line-height: 1.25;
  }
  .figures dd .small {
    display: block;
    min-height: 1.25em;
    font-weight: 400;
  }
  .callout {
    grid-column: 1 / -1;
    display: flex;
    gap: var(--gap-2);
    align-items: flex-start;
    padding: var(--gap-2) var(--gap-3);
    border-radius: var(--radius-small);
    background: var(--troubled-wash);
    color: var(--ink);
    overflow-wrap: anywhere;
  }
  .callout .sign {
    margin-top: 0.15em;
  }
  .callout.asks {
    background: var(--asks-wash);
  }
  .callout.down {
    background: var(--down-wash);
  }
  .columns {
    display: grid;
    grid-template-columns: minmax(0, 1fr) minmax(20rem, 27rem);
    gap: var(--gap-4);
    align-items: start;
  }
  .main,
  .side {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: var(--gap-4);
  }
  .side {
    position: sticky;
    top: 3.75rem;
    grid-template-rows: auto minmax(0, 1fr);
    height: calc(100dvh - 3.75rem - var(--scrubber-height) - var(--gap-4));
    min-height: 34rem;
  }
  .pair {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr));
    gap: var(--gap-4);
    align-items: start;
  }
  .pair > * {
    min-width: 0;
    height: 100%;
  }
  .axes {
    display: grid;
    gap: var(--gap-4);
    padding: var(--gap-3) var(--gap-4);
  }
  .axes sealift-axis-map + sealift-axis-map {
    padding-top: var(--gap-4);
    border-top: 1px solid var(--line);
  }
  .chart sealift-throughput-chart {
    margin: 0 var(--gap-2) var(--gap-3);
  }
  .nothing {
    padding: var(--gap-6) var(--gap-4);
    text-align: center;
    display: grid;
    gap: var(--gap-2);
  }
  @container (max-width: 1080px) {
    .columns {
      grid-template-columns: minmax(0, 1fr);
    }
    .side {
      position: static;
      height: auto;
      min-height: 0;
      grid-row: 2;
    }
    sealift-fact-list {
      height: 28rem;
    }
  }
  @container (max-width: 760px) {
    .top {
      grid-template-columns: minmax(0, 1fr);
    }
    .figures {
      display: grid;
      grid-template-columns: 1fr 1fr;
    }
    .path {
      display: none;
    }
  }
`;
