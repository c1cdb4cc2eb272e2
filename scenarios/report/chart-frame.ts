import { placedMarks, tickSide, tickText, timeTicks, type AxisMark } from './axis.ts';
import { markup, type Markup } from './markup.ts';

/** The drawing stretches to the width of the page, so it has units of its own; text stands beside it and does not stretch. */
export const plot = { width: 1_000, height: 1_000 } as const;

/** A chart over time, without its frame. */
export interface ChartOptions {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  /** A sentence that says what is to be seen. */
  readonly lead: Part;
  /** For whoever cannot see it: what the drawing shows. */
  readonly description: string;
  /** Milliseconds. */
  readonly from: number;
  readonly until: number;
  readonly marks: readonly AxisMark[];
  /** How many labels there is room for. */
  readonly ticksMax?: number;
  /** Labels at the left, each at its share of the height. */
  readonly levels: readonly { readonly share: number; readonly text: string }[];
  /** In units of `plot`, from the top left. */
  readonly drawn: readonly Markup[];
  readonly legend?: Markup;
  /** The same as a table. */
  readonly data: Markup;
}
type Part = string | Markup;

const ticksMax = 8;

/** A chart with its title, axes, marks and the table that says the same. */
export function chartFrame(options: ChartOptions): Markup {
  const { id, title, lead, description, from, until, marks, levels, drawn, legend, data } = options;
  const placed = placedMarks(marks, from, until);
  const lanes = Math.max(0, ...placed.map(({ lane }) => lane + 1));
  const ticks = timeTicks(from, until, options.ticksMax ?? ticksMax);
  return markup`<figure class="chart" id="${id}">
<figcaption><h3>${title}</h3><p>${lead}</p></figcaption>
${legend}
<div class="frame">
<div class="marks" style="--lanes:${lanes}" aria-hidden="true">${placed.map(
    ({ share, lane, side, text, kind }) =>
      markup`<span class="${side} ${kind}" style="--at:${percent(share)};--lane:${lane}">${text}</span>`,
  )}</div>
<div class="levels" aria-hidden="true">${levels.map(
    ({ share, text }) => markup`<span style="--at:${percent(share)}">${text}</span>`,
  )}</div>
<svg class="plot" viewBox="0 0 ${plot.width} ${plot.height}" preserveAspectRatio="none" role="img" aria-label="${title}: ${description}"><title>${title}</title><desc>${description}</desc>
${levels.map(({ share }) => line('level', 0, plot.width, share, share))}
${drawn}
${placed.map(({ share, kind }) => markup`${markLine(`halo`, share)}${markLine(`mark ${kind}`, share)}`)}
</svg>
<div class="ticks" aria-hidden="true">${ticks.map((at, i) => {
    const odd = ticks.length > 5 && i % 2 === 1;
    const share = (at - from) / (until - from);
    return markup`<span class="${tickSide(share)} ${odd && 'odd'}" style="--at:${percent(share)}">${tickText(at)}</span>`;
  })}</div>
</div>
<details><summary>As a table</summary><div class="scroll" role="region" aria-label="${title}, as a table" tabindex="0">${data}</div></details>
</figure>`;
}

const markLine = (kind: string, share: number): Markup =>
  markup`<line class="${kind}" x1="${unit(share)}" x2="${unit(share)}" y1="0" y2="${plot.height}"/>`;

const line = (kind: string, x1: number, x2: number, low: number, high: number): Markup =>
  markup`<line class="${kind}" x1="${x1}" x2="${x2}" y1="${unit(1 - low)}" y2="${unit(1 - high)}"/>`;

/** A share of the drawing in its units, to a tenth of one. */
export const unit = (share: number): number => Math.round(share * plot.width * 10) / 10;

/** A share as CSS has it. */
export const percent = (share: number): string => `${Math.round(share * 10_000) / 100}%`;
