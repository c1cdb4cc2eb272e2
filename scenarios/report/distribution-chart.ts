import { formatDuration, formatPercent } from '#core/text/format';
import type { Bin } from '#simulator/forecast/histogram';
import type { Distribution } from '#scenarios/spread';
import { countTicks, timeStep, type AxisMark } from './axis.ts';
import { chartFrame, plot, unit } from './chart-frame.ts';
import { markup, type Markup, type Part } from './markup.ts';

/** A distribution to draw. */
export interface DistributionOptions {
  readonly id: string;
  readonly title: string;
  readonly lead: string | Markup;
  readonly distribution: Distribution;
  /** What one amount belongs to: `seed`, `cutover`. */
  readonly each: string;
  /** Lines beside the quantiles: one that is always drawn, and others that are if they lie near. */
  readonly limit?: AxisMark;
  readonly marks?: readonly AxisMark[];
}

const binsMax = 48;
const ticksMax = 6;

/** How often which duration was met, with P50, P90 and P99. */
export function distributionChart(options: DistributionOptions): Markup {
  const { id, title, lead, distribution, limit } = options;
  const marks = [...(options.marks ?? []), ...(limit ? [limit] : [])];
  const { p50, p90, p99, count, smallest } = distribution;
  const { from, until, step } = rangeOf(distribution, options);
  const columns = columnsOf(distribution.bins, from, until, step);
  const beyond = count - columns.reduce((sum, n) => sum + n, 0);
  const ticks = countTicks(Math.max(...columns) / count, 4);
  const top = ticks.at(-1) ?? 1;
  const quantiles = quantileMarks(distribution);
  const bars = columns.map((within, i) => {
    if (within === 0) return markup``;
    const share = within / count / top;
    const width = plot.width / columns.length;
    const gap = Math.min(2, width / 8);
    return markup`<rect class="bar" x="${round(i * width + gap / 2)}" width="${round(width - gap)}" y="${unit(1 - share)}" height="${unit(share)}"/>`;
  });
  const words = `P50 ${spell(p50)}, P90 ${spell(p90)}, P99 ${spell(p99)}`;
  return chartFrame({
    ...{ id, title, from, until },
    lead: markup`${lead}${beyond >= 0.5 && markup` ${Math.round(beyond)} of ${count} lie beyond the right edge, up to ${spell(distribution.largest)}.`}`,
    description: `from ${spell(smallest)} to ${spell(distribution.largest)}; ${words}.`,
    ticksMax,
    marks: [...quantiles, ...marks.filter(({ at }) => at >= from && at <= until)],
    levels: ticks.map((share) => ({ share: share / top, text: share === 0 ? '0' : formatPercent(share) })),
    drawn: bars,
    data: distributionTable(options, columns, { from, step }),
  });
}

/** One mark for each quantile; those that are the same are one. */
function quantileMarks({ p50, p90, p99 }: Distribution): readonly AxisMark[] {
  const texts = new Map<number, string>();
  for (const [text, at] of [
    ['P50', p50],
    ['P90', p90],
    ['P99', p99],
  ] as const)
    texts.set(at, texts.has(at) ? `${texts.get(at)}, ${text}` : text);
  return [...texts].map(([at, text]) => ({ at, text, kind: 'quantile' }));
}

function distributionTable(
  { title, distribution, each }: DistributionOptions,
  columns: readonly number[],
  { from, step }: { readonly from: number; readonly step: number },
): Markup {
  const { count, smallest, mean, p50, p90, p99, largest } = distribution;
  const row = (name: string, amount: Part): Markup => markup`<tr><th scope="row">${name}</th><td>${amount}</td></tr>`;
  return markup`<table><caption>${title}, by ${each}</caption><thead><tr><th scope="col">Measure</th><th scope="col">Value</th></tr></thead><tbody>
${row('Shortest', spell(smallest))}${row('Mean', spell(mean))}${row('P50', spell(p50))}${row('P90', spell(p90))}${row('P99', spell(p99))}${row('Longest', spell(largest))}
${columns.flatMap((within, i) => (within < 0.005 ? [] : [row(`${spell(from + i * step)} to ${spell(from + (i + 1) * step)}`, formatPercent(within / count))]))}
</tbody></table>`;
}

/** What to show: all of it and the marks nearby, unless a few lie so far out that the rest would be a line. */
function rangeOf(
  { smallest, p99, largest }: Distribution,
  { marks = [], limit }: Pick<DistributionOptions, 'marks' | 'limit'>,
): { readonly from: number; readonly until: number; readonly step: number } {
  const most = largest > 2.5 * p99 ? 1.2 * p99 : largest;
  const span = Math.max(most - smallest, most / 10, 1);
  const near = marks.map(({ at }) => at).filter((at) => at > smallest - 3 * span && at < most + 3 * span);
  if (limit) near.push(limit.at);
  const low = Math.max(0, Math.min(smallest, ...near) - span / 20);
  const high = Math.max(most, ...near) + span / 20;
  const step = timeStep(high - low, binsMax);
  const from = Math.floor(low / step) * step;
  return { from, until: Math.max(from + step, Math.ceil(high / step) * step), step };
}

/** Counts in columns of equal width. A bin that lies in several counts for each by how much of it lies there. */
function columnsOf(bins: readonly Bin[], from: number, until: number, step: number): readonly number[] {
  const columns = Array.from({ length: Math.round((until - from) / step) }, () => 0);
  const add = (at: number, count: number): void => {
    if (at >= 0 && at < columns.length) columns[at] = (columns[at] ?? 0) + count;
  };
  for (const bin of bins) {
    const first = Math.floor((bin.from - from) / step);
    const last = Math.floor((bin.until - from) / step);
    if (first === last) add(first, bin.count);
    else
      for (let at = first; at <= Math.min(last, columns.length); at += 1) {
        const overlap = Math.min(bin.until, from + (at + 1) * step) - Math.max(bin.from, from + at * step);
        add(at, (bin.count * overlap) / (bin.until - bin.from));
      }
  }
  return columns;
}

const spell = (ms: number): string => formatDuration(Math.round(ms));
const round = (n: number): number => Math.round(n * 10) / 10;
