import { css } from './css.ts';

/** Charts: the frame, areas, bars and strips. Drawings stretch, lines and text do not. */
export const chartSheet = css`
  .chart {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.5rem;
    align-content: start;
  }
  .frame {
    display: grid;
    grid-template-columns: 2.5rem minmax(0, 1fr);
    font-size: 0.75rem;
    line-height: 1.25rem;
    color: var(--ink-soft);
    padding-inline-end: 0.5rem;
  }
  .marks {
    grid-column: 2;
    position: relative;
    height: calc(var(--lanes) * 1.25rem);
  }
  .marks span,
  .ticks span,
  .levels span {
    position: absolute;
    white-space: nowrap;
  }
  .marks span {
    bottom: calc(var(--lane) * 1.25rem);
  }
  .marks .right {
    left: var(--at);
    padding-inline-start: 0.25rem;
    border-inline-start: 2px solid;
  }
  .marks .left {
    right: calc(100% - var(--at));
    padding-inline-end: 0.25rem;
    border-inline-end: 2px solid;
  }
  .marks .quantile {
    color: var(--ink);
    font-weight: 600;
  }
  .marks .window {
    color: var(--down);
  }
  .levels {
    position: relative;
    grid-column: 1;
  }
  .levels span {
    right: 0.5rem;
    bottom: var(--at);
    transform: translateY(50%);
  }
  .frame .plot {
    grid-column: 2;
    display: block;
    width: 100%;
    height: 15rem;
    background: var(--panel-sunken);
    border-block-end: 1px solid var(--line-strong);
  }
  #course .plot {
    height: 20rem;
  }
  .ticks {
    grid-column: 2;
    position: relative;
    height: 1.5rem;
  }
  .ticks span {
    left: var(--at);
    top: 0.25rem;
    transform: translateX(-50%);
  }
  .ticks .first {
    transform: none;
  }
  .ticks .last {
    transform: translateX(-100%);
  }
  svg line,
  svg polyline,
  svg polygon,
  svg rect {
    vector-effect: non-scaling-stroke;
  }
  .level {
    stroke: var(--line);
    stroke-width: 1;
  }
  .halo {
    fill: none;
    stroke: var(--panel);
    stroke-width: 4;
    stroke-opacity: 0.75;
  }
  .mark {
    stroke-width: 2;
  }
  .mark.quantile {
    stroke: var(--ink);
    stroke-dasharray: 5 3;
  }
  .mark.window {
    stroke: var(--down);
  }
  .bar {
    fill: var(--moving);
    fill-opacity: 0.8;
  }
  .area {
    stroke: var(--panel);
    stroke-width: 1;
  }
  .moved {
    fill: var(--area-moved);
    --swatch: var(--area-moved);
  }
  .cuttingOver {
    fill: var(--area-cuttingOver);
    --swatch: var(--area-cuttingOver);
  }
  .parked {
    fill: var(--area-parked);
    --swatch: var(--area-parked);
  }
  .syncing {
    fill: var(--area-syncing);
    --swatch: var(--area-syncing);
  }
  .preparing {
    fill: var(--area-preparing);
    --swatch: var(--area-preparing);
  }
  .rolledBack {
    fill: var(--area-rolledBack);
    --swatch: var(--area-rolledBack);
  }
  .stuck {
    fill: var(--area-stuck);
    --swatch: var(--area-stuck);
  }
  .moved-p10,
  .moved-p50,
  .moved-p90 {
    fill: none;
    stroke: var(--ink);
    stroke-width: 1.5;
  }
  .moved-p10,
  .moved-p90 {
    stroke-dasharray: 4 3;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.25rem 1rem;
    font-size: 0.8125rem;
    color: var(--ink-soft);
  }
  .legend li {
    display: flex;
    align-items: center;
    gap: 0.4rem;
  }
  .swatch {
    width: 0.8rem;
    height: 0.8rem;
    border-radius: 2px;
    background: var(--swatch);
  }
  .swatch.line,
  .swatch.dashed {
    height: 0;
    width: 1.25rem;
    border-radius: 0;
    border-block-start: 2px solid var(--ink);
  }
  .swatch.dashed {
    border-block-start-style: dashed;
  }
  .swatch.framed {
    border: 2px solid var(--ink);
  }
  .ramp {
    width: 8rem;
    height: 0.8rem;
    border-radius: 2px;
    background: linear-gradient(to right, var(--panel-sunken), var(--down));
  }
  .strips {
    display: grid;
    grid-template-columns: minmax(7rem, max-content) minmax(0, 1fr);
    gap: 0.25rem 0.75rem;
    font-size: 0.75rem;
    color: var(--ink-soft);
    padding-inline-end: 0.5rem;
  }
  .strip {
    display: contents;
  }
  .place {
    align-self: center;
  }
  .place b {
    color: var(--ink);
    font-weight: 600;
  }
  .strip svg {
    display: block;
    width: 100%;
    height: 1.625rem;
    background: var(--panel-sunken);
    border-radius: 3px;
    shape-rendering: crispEdges;
  }
  .heat {
    fill: var(--down);
  }
  .frame-of-hour {
    fill: none;
    stroke: var(--ink);
    stroke-width: 3;
  }
`;
