import { formatDuration } from '#core/text/format';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
// Steps at which a person reads time.
const steps = [
  ...[100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * second),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 6, 12].map((n) => n * hour),
  ...[1, 2, 7, 14, 28, 56, 112, 364].map((n) => n * day),
];

/** The smallest step at which a person reads time that cuts a span into no more parts than that. Milliseconds. */
export const timeStep = (span: number, partsMax: number): number =>
  steps.find((step) => span / step <= partsMax) ?? Math.ceil(span / partsMax / day) * day;

/** Moments to label between two moments, both included. Milliseconds. */
export function timeTicks(from: number, until: number, partsMax: number): readonly number[] {
  const step = timeStep(until - from, partsMax);
  const ticks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= until; at += step) ticks.push(at);
  return ticks;
}

/** A duration without units of which there are none: `0`, `1 h`, `1 h 30 m`. Milliseconds. */
export const tickText = (ms: number): string =>
  ms === 0
    ? '0'
    : formatDuration(ms)
        .replace(/ 00 [smh]$/, '')
        .replace('.0 s', ' s');

/** To which side of its tick a label stands, so that none leaves the axis. */
export const tickSide = (share: number): 'first' | 'middle' | 'last' =>
  share < 0.03 ? 'first' : share > 0.94 ? 'last' : 'middle';

/** Steps of counts or shares that cut up to `most` into no more parts than that, and the first of them not below it. */
export function countTicks(most: number, partsMax: number): readonly number[] {
  const rough = Math.max(most, 1e-9) / partsMax;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10) * power;
  const parts = Math.max(1, Math.ceil(most / step - 1e-9));
  return Array.from({ length: parts + 1 }, (_none, i) => i * step);
}

/** A line to draw across a chart, and what is written beside it. */
export interface AxisMark {
  readonly at: number;
  readonly text: string;
  /** What kind of line it is. */
  readonly kind: 'quantile' | 'window';
}

/** A mark with its place: how far it is from the left (0 to 1), in which lane its text stands, and to which side. */
export interface PlacedMark extends AxisMark {
  readonly share: number;
  readonly lane: number;
  readonly side: 'right' | 'left';
}

// On the narrowest screen a letter takes about so much of a chart's width.
const letter = 0.026;

/** Gives every mark a lane in which its text overlaps no other one. */
export function placedMarks(marks: readonly AxisMark[], from: number, until: number): readonly PlacedMark[] {
  const ends: [number, number][][] = [];
  return [...marks]
    .sort((a, b) => a.at - b.at)
    .map((mark) => {
      const share = (mark.at - from) / (until - from || 1);
      const width = (mark.text.length + 1) * letter;
      const side = share + width > 1 ? 'left' : 'right';
      const [begin, end] = side === 'right' ? [share, share + width] : [share - width, share];
      let lane = 0;
      while ((ends[lane] ?? []).some(([a, b]) => begin < b && a < end)) lane += 1;
      (ends[lane] ??= []).push([begin, end]);
      return { ...mark, share, lane, side };
    });
}
