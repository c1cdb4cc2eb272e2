import { formatPlural } from '#core/text/format';
import type { Instant } from '#core/units';
import type { History } from './history.ts';
import { countUpTo } from './sorted.ts';

/** A mark on the scrubber, at a fraction of its width. */
export interface ScrubberMark {
  readonly at: number;
  readonly severity: 'step' | 'success' | 'warning' | 'failure';
}

/** A wave's window, from and to a fraction of the width. */
export interface ScrubberBand {
  readonly from: number;
  readonly to: number;
  readonly name: string;
}

/** The run drawn along its time. */
export interface ScrubberView {
  readonly span: { readonly from: Instant; readonly to: Instant };
  /** How much happened in each of equally long slices, 0 to 1. */
  readonly density: readonly number[];
  readonly marks: readonly ScrubberMark[];
  readonly bands: readonly ScrubberBand[];
}

const slices = 160;
const weights = { note: 0, step: 1, success: 1, warning: 2, failure: 3 } as const;

/** Draws a history. `streams`: only those of the page that is open; null for all. */
export function scrubberOf(history: History, streams: ReadonlySet<string> | null): ScrubberView | null {
  const span = history.span;
  if (!span) return null;
  const length = Math.max(1, span.to - span.from);
  const at = (time: number): number => Math.max(0, Math.min(1, (time - span.from) / length));
  return {
    span,
    density: densityOf(history, span.from, length),
    marks: marksOf(history, streams, at),
    bands: bandsOf(history, at),
  };
}

function densityOf(history: History, from: number, length: number): readonly number[] {
  const counts: number[] = [];
  let before = 0;
  for (let slice = 1; slice <= slices; slice += 1) {
    const upTo = history.indexAtTime(from + (length * slice) / slices) + 1;
    counts.push(upTo - before);
    before = upTo;
  }
  const most = Math.max(1, ...counts);
  // By its root: a slice with a tenth of the busiest one's facts is still to be seen.
  return counts.map((count) => Math.sqrt(count / most));
}

// One mark per slice, the gravest: more could not be told apart.
function marksOf(
  history: History,
  streams: ReadonlySet<string> | null,
  at: (time: number) => number,
): readonly ScrubberMark[] {
  const gravest = new Map<number, ScrubberMark>();
  for (const { time, stream, severity } of history.marks) {
    if (severity === 'note' || (streams !== null && !streams.has(stream))) continue;
    // Of a whole fleet, what went well would fill the line.
    if (streams === null && weights[severity] < 2) continue;
    const slice = Math.round(at(time) * slices * 2);
    const before = gravest.get(slice);
    if (!before || weights[before.severity] < weights[severity]) gravest.set(slice, { at: at(time), severity });
  }
  return [...gravest.values()];
}

// Waves often share a window: it is drawn once, or it would get darker with each.
function bandsOf(history: History, at: (time: number) => number): readonly ScrubberBand[] {
  const { span } = history;
  const bands = new Map<string, { readonly from: number; readonly to: number; readonly names: string[] }>();
  for (const { name, plan } of history.waveRowsAt(history.lastIndex)) {
    if (!plan || !span || plan.window.opens >= span.to || plan.window.closes <= span.from) continue;
    const [from, to] = [at(plan.window.opens), at(plan.window.closes)];
    const band = bands.get(`${from} ${to}`) ?? { from, to, names: [] };
    band.names.push(name);
    bands.set(`${from} ${to}`, band);
  }
  return [...bands.values()].map(({ from, to, names }) => ({
    from,
    to,
    name: names.length === 1 ? `Window of ${names[0]}` : `Window of ${formatPlural(names.length, 'wave')}`,
  }));
}

/** Among the ascending `indexes`, how many come up to `index`, and how many there are: `fact 12 of 80`. */
export const placeIn = (indexes: readonly number[] | null, index: number, count: number): readonly [number, number] =>
  indexes === null ? [index + 1, count] : [countUpTo(indexes, index), indexes.length];
