import { css, html, LitElement, unsafeCSS, type PropertyValues } from 'lit';
import uPlot from 'uplot';
import { formatOffset, formatRate } from '#core/text/format';
import { instant } from '#core/units';
import { peakOf, type ChartSeries } from '#web/dashboard/view-models/chart';
import { sheet } from './sheet.ts';

const height = 168;
// Ticks at 64 MiB/s and not at 61.4.
const minute = 60;
const hour = 60 * minute;
const timeSteps = [
  1,
  2,
  5,
  10,
  15,
  30,
  1 * minute,
  2 * minute,
  5 * minute,
  10 * minute,
  15 * minute,
  30 * minute,
  hour,
  2 * hour,
  3 * hour,
  6 * hour,
  12 * hour,
  24 * hour,
  48 * hour,
  168 * hour,
];
const binarySteps = Array.from({ length: 44 }, (_, power) => 2 ** power);

/** How fast bytes crossed over the whole of a migration, with a line at the moment. Fires `time` where it is clicked. */
class ThroughputChart extends LitElement {
  static override properties = {
    series: { attribute: false },
    /** In seconds, as the series. */
    moment: { type: Number },
    /** The first moment of the run: offsets count from here. */
    zero: { type: Number },
    start: { type: Number },
    end: { type: Number },
  };
  static override styles = [
    sheet,
    css`
      :host {
        position: relative;
        min-height: ${unsafeCSS(height)}px;
      }
      .chart {
        position: absolute;
        inset: 0;
      }
      .uplot,
      .u-wrap {
        position: relative;
      }
      canvas {
        display: block;
        width: 100%;
        height: 100%;
      }
      .u-over,
      .u-under {
        position: absolute;
      }
      .u-over {
        cursor: crosshair;
      }
      .u-cursor-x {
        position: absolute;
        inset: 0 auto 0 0;
        border-inline-end: 1px dashed var(--ink-faint);
        pointer-events: none;
      }
      .u-off {
        display: none !important;
      }
      .u-cursor-y,
      .u-select,
      .u-legend {
        display: none;
      }
      .u-cursor-pt {
        position: absolute;
        border-radius: 50%;
        pointer-events: none;
      }
      .reading {
        position: absolute;
        inset: 0 0.25rem auto auto;
        padding: 0 var(--gap-1);
        background: var(--panel);
        pointer-events: none;
      }
    `,
  ];
  declare series: ChartSeries;
  declare moment: number;
  declare zero: number;
  declare start: number;
  declare end: number;
  #plot: uPlot | undefined;
  readonly #resized = new ResizeObserver(() => this.#fit());
  readonly #scheme = window.matchMedia('(prefers-color-scheme: dark)');

  constructor() {
    super();
    this.series = { seconds: [], rates: [] };
    this.moment = 0;
    this.zero = 0;
    this.start = 0;
    this.end = 1;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(this);
    this.#scheme.addEventListener('change', this.#redraw);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
    this.#scheme.removeEventListener('change', this.#redraw);
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  override render(): unknown {
    const peak = formatRate(peakOf(this.series));
    return html`<div class="chart" role="img" aria-label="Throughput over time, at most ${peak}"></div>
      <span class="reading small soft mono" aria-hidden="true"></span>`;
  }

  protected override updated(changed: PropertyValues): void {
    this.#plot ??= this.#make();
    if (changed.has('series')) this.#plot?.setData([[...this.series.seconds], [...this.series.rates]], false);
    if (changed.has('series') || changed.has('start') || changed.has('end'))
      this.#plot?.setScale('x', { min: this.start, max: Math.max(this.start + 1, this.end) });
    else if (changed.has('moment')) this.#plot?.redraw(false);
  }

  #make(): uPlot | undefined {
    const place = this.renderRoot.querySelector<HTMLElement>('.chart');
    if (!place || place.clientWidth === 0) return undefined;
    const colour = (name: string) => () => this.#colour(name);
    const axis: Partial<uPlot.Axis> = {
      stroke: colour('--ink-faint'),
      font: `11px ${getComputedStyle(this).fontFamily}`,
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      gap: 4,
    };
    const options: uPlot.Options = {
      width: place.clientWidth,
      height,
      padding: [12, 28, 0, 0],
      cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { show: false } },
      legend: { show: false },
      scales: { x: { time: false, auto: false }, y: { range: (_plot, _min, max) => [0, Math.max(1024, max * 1.1)] } },
      axes: [
        {
          ...axis,
          size: 22,
          space: 90,
          incrs: timeSteps,
          splits: (_plot, _axis, min, max, step) => this.#ticks(min, max, step),
          values: (_plot, ticks) => ticks.map((at) => this.#offset(at)),
        },
        {
          ...axis,
          size: 80,
          space: 32,
          incrs: binarySteps,
          values: (_plot, ticks) => ticks.map((rate) => (rate === 0 ? '0' : formatRate(rate))),
        },
      ],
      series: [
        {},
        {
          stroke: colour('--moving'),
          fill: () => `${this.#colour('--moving')}2e`,
          width: 1.5,
          points: { show: false },
        },
      ],
      hooks: {
        draw: [(plot) => this.#drawMoment(plot)],
        setCursor: [(plot) => this.#read(plot)],
        ready: [
          (plot) =>
            plot.over.addEventListener('click', (event) =>
              this.dispatchEvent(new CustomEvent('time', { detail: plot.posToVal(event.offsetX, 'x') * 1000 })),
            ),
        ],
      },
    };
    return new uPlot(options, [[...this.series.seconds], [...this.series.rates]], place);
  }

  #drawMoment(plot: uPlot): void {
    const { left, top, width, height: tall } = plot.bbox;
    const x = Math.max(left, Math.min(left + width, plot.valToPos(this.moment, 'x', true)));
    const { ctx } = plot;
    ctx.save();
    // What lies after the moment has not happened yet, as far as the page shows.
    ctx.globalAlpha = 0.62;
    ctx.fillStyle = this.#colour('--panel');
    ctx.fillRect(x, top, left + width - x, tall);
    ctx.globalAlpha = 1;
    ctx.fillStyle = this.#colour('--ink');
    ctx.fillRect(Math.round(x) - devicePixelRatio / 2, top, Math.max(1, devicePixelRatio), tall);
    ctx.restore();
  }

  #read(plot: uPlot): void {
    const reading = this.renderRoot.querySelector('.reading');
    if (!reading) return;
    const { left, idx } = plot.cursor;
    const rate = idx === null || idx === undefined ? null : plot.data[1]?.[idx];
    reading.textContent =
      left === undefined || left < 0
        ? ''
        : `${this.#offset(plot.posToVal(left, 'x'))}  ${rate === null || rate === undefined ? '' : formatRate(rate)}`;
  }

  // At whole minutes of the run, and not of the calendar.
  #ticks(min: number, max: number, step: number): number[] {
    const ticks: number[] = [];
    for (let at = this.zero + Math.ceil((min - this.zero) / step) * step; at <= max; at += step) ticks.push(at);
    return ticks;
  }

  #offset(second: number): string {
    const start = instant(Math.round(this.zero * 1000));
    return formatOffset(start, instant(Math.max(0, Math.round(second * 1000))));
  }

  // A canvas takes colours, not custom properties: the browser resolves one into six digits of hex here.
  #colour(name: string): string {
    const probe = document.createElement('canvas').getContext('2d');
    const element = document.createElement('i');
    element.style.color = `var(${name})`;
    this.renderRoot.append(element);
    const resolved = getComputedStyle(element).color;
    element.remove();
    if (!probe) return '#888888';
    probe.fillStyle = resolved;
    return probe.fillStyle;
  }

  readonly #redraw = (): void => this.#plot?.redraw(false);

  #fit(): void {
    const width = this.clientWidth;
    if (!this.#plot) this.requestUpdate();
    else if (width > 0) this.#plot.setSize({ width, height });
  }
}
customElements.define('sealift-throughput-chart', ThroughputChart);
