import { bytes, bytesPerSecond, type Bytes } from '#core/units';
import { negativeExponential, type WriteModel } from '#simulator/estate/write-model';
import { factIn, type RecordedMigration } from './recorded-run.ts';

/** What a guest was seen to write: so much was dirty after so many milliseconds. */
export interface WriteSample {
  readonly after: number;
  readonly dirty: number;
}

/** A write model found from samples, and how far off it was: the least and the most of what was seen over what it says. */
export interface FittedWrites {
  readonly model: WriteModel;
  readonly low: number;
  readonly high: number;
  readonly samples: number;
}

// The latest count: a guest at night is not the guest of the afternoon.
const samplesMax = 24;

/** What the rounds of a migration say of its guest's writes. */
export function writeSamples({ history }: RecordedMigration): readonly WriteSample[] {
  const samples: WriteSample[] = [];
  let began: number | undefined;
  for (const recorded of history) {
    const fact = factIn(recorded);
    if (fact.type === 'TrackingLost' || fact.type === 'RolledBack') began = undefined;
    if (fact.type !== 'RoundCompleted' && fact.type !== 'FinalSyncCompleted') continue;
    const { kind, planned, duration, dirty, resumed } = fact.data;
    const begins = recorded.metadata.time - duration;
    // What a round has to send is what was written since the one before it began.
    const whole = kind === 'delta' && resumed === 0;
    if (whole && began !== undefined && begins > began) samples.push({ after: begins - began, dirty: planned });
    // A round that was interrupted began before its last try did.
    if (kind !== 'final' && resumed === 0 && duration > 0) samples.push({ after: duration, dirty });
    began = begins;
  }
  return samples.slice(-samplesMax);
}

/**
 * The rate and the working set that explain the samples best. Writes hit what is dirty already the more, the more of the
 * working set is: `dirty = set x (1 - e^(-rate x time / set))`. For each set that could be, the rate is the one that explains
 * all samples together; the set is the one whose samples are then least off, and of equally good ones the largest.
 */
export function fittedWrites(samples: readonly WriteSample[], used: Bytes): FittedWrites | undefined {
  if (samples.length === 0) return undefined;
  const most = Math.max(...samples.map(({ dirty }) => dirty));
  if (most === 0)
    return {
      model: { rate: bytesPerSecond(0), pattern: 'steady', workingSet: bytes(0) },
      ...{ low: 1, high: 1, samples: samples.length },
    };
  const whole = Math.max(used, most);
  const sets = [1.02, 1.1, 1.25, 1.5, 2, 3, 5, 10, 30].map((times) => Math.min(whole, most * times));
  const [best] = [...sets, whole]
    .map((set) => ({ set, rate: rateFor(samples, set) }))
    .map((fit) => ({ ...fit, off: errorOf(samples, fit) }))
    .sort((a, b) => (Math.abs(a.off - b.off) < 1e-6 ? b.set - a.set : a.off - b.off));
  if (!best) return undefined;
  const ratios = samples.flatMap(({ after, dirty }) => {
    const expected = dirtyAfter(best, after);
    return expected > 0 && dirty > 0 ? [dirty / expected] : [];
  });
  return {
    model: {
      rate: bytesPerSecond(Math.round(best.rate)),
      pattern: 'steady',
      workingSet: bytes(Math.round(best.set)),
    },
    low: Math.max(0.5, Math.min(0.9, ...ratios)),
    high: Math.min(2, Math.max(1.1, ...ratios)),
    samples: samples.length,
  };
}

interface Fit {
  readonly set: number;
  /** Bytes per second. */
  readonly rate: number;
}

const dirtyAfter = ({ set, rate }: Fit, after: number): number =>
  set * (1 - negativeExponential((rate * after) / 1_000 / set));

function rateFor(samples: readonly WriteSample[], set: number): number {
  const seen = samples.reduce((sum, { dirty }) => sum + dirty, 0);
  const said = (rate: number): number => samples.reduce((sum, { after }) => sum + dirtyAfter({ set, rate }, after), 0);
  let [low, high] = [0, 1];
  // A set that was dirty as a whole says nothing of how soon: a terabyte per second is as good as any.
  while (said(high) < seen && high < 1e12) high *= 2;
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (said(middle) < seen) low = middle;
    else high = middle;
  }
  return high;
}

const errorOf = (samples: readonly WriteSample[], fit: Fit): number =>
  samples.reduce((sum, { after, dirty }) => {
    const off = (dirtyAfter(fit, after) - dirty) / Math.max(dirty, 1);
    return sum + Math.min(1, off * off);
  }, 0);
