import { splitDowntime, type Downtime, type DowntimeStepName } from '#core/migration/downtime';
import { formatDuration } from '#core/text/format';
import { elapsed, type Instant } from '#core/units';

/** One part of a downtime, as wide as it was long. */
export interface DowntimePart {
  readonly name: string;
  readonly ms: number;
  readonly text: string;
  /** Whether it still goes on. */
  readonly runs: boolean;
}

/** A downtime at a moment, or what is forecast of one that has not begun. */
export interface DowntimeView {
  readonly standing: 'none' | 'forecast' | 'quiescing' | 'running' | 'over';
  readonly title: string;
  readonly detail: string;
  readonly totalMs: number;
  readonly budgetMs: number | null;
  readonly parts: readonly DowntimePart[];
  /** `38 s quiescing before, 4.0 s data, 52 s overhead`. */
  readonly split: readonly (readonly [name: string, text: string])[];
}

const stepNames: Readonly<Record<DowntimeStepName, string>> = {
  finalSync: 'Final sync',
  fencing: 'Fencing',
  fixingUp: 'Fix-up',
  launching: 'Launch',
  connecting: 'Connect',
  validating: 'Validate',
  rollingBack: 'Roll back',
};
const endWords = {
  validated: 'The target was validated.',
  waived: 'Validation was waived.',
  rolledBack: 'The source was given back.',
} as const;

/** What is known of a downtime, with the forecast of its final sync while it has not begun. */
export function downtimeView(
  downtime: Downtime | null,
  forecastMs: number | null,
  budgetMs: number | null,
  now: Instant,
): DowntimeView {
  const budget = budgetMs === null ? '' : formatDuration(budgetMs);
  if (!downtime || (downtime.began === null && downtime.ended !== null))
    return forecastView(forecastMs, budgetMs, budget);
  const split = splitDowntime(downtime, now);
  if (downtime.began === null)
    return {
      standing: 'quiescing',
      title: 'Quiescing',
      detail: `The source is being brought to rest since ${formatDuration(split.quiescing)}. Downtime counts from services stopped.`,
      totalMs: 0,
      budgetMs,
      parts: [],
      split: [],
    };
  const isOver = downtime.ended !== null;
  return {
    standing: isOver ? 'over' : 'running',
    title: formatDuration(split.total),
    detail: downtime.endedBy ? endWords[downtime.endedBy] : 'Services are stopped, and counting.',
    totalMs: split.total,
    budgetMs,
    parts: partsOf(downtime, now),
    split: [
      ['Quiescing, before', formatDuration(split.quiescing)],
      ['Final sync data', formatDuration(split.data)],
      ['Overhead', formatDuration(split.overhead)],
      ...(budget === '' ? [] : [['Budget for the final sync', budget] as const]),
    ],
  };
}

function forecastView(forecastMs: number | null, budgetMs: number | null, budget: string): DowntimeView {
  const known = forecastMs !== null;
  const fits = known && budgetMs !== null && forecastMs <= budgetMs;
  return {
    standing: known ? 'forecast' : 'none',
    title: known ? formatDuration(forecastMs) : 'No forecast yet',
    detail: known
      ? `The final sync would take this long if the source stopped now; ${fits ? 'it fits' : 'it does not fit'} the budget of ${budget}.`
      : `A forecast needs one completed round. The final sync may take ${budget}.`,
    totalMs: forecastMs ?? 0,
    budgetMs,
    parts: [],
    split: [],
  };
}

function partsOf({ began, ended, steps }: Downtime, now: Instant): readonly DowntimePart[] {
  if (began === null) return [];
  const parts: DowntimePart[] = [];
  let from = began;
  for (const { name, ended: to } of steps) {
    const ms = elapsed(from, to);
    parts.push({ name: stepNames[name], ms, text: formatDuration(ms), runs: false });
    from = to;
  }
  const rest = elapsed(from, ended ?? now);
  if (rest === 0) return parts;
  return [
    ...parts,
    { name: ended === null ? 'Now' : 'Until the end', ms: rest, text: formatDuration(rest), runs: ended === null },
  ];
}
