import { bytes, bytesPerSecond, KiB } from '#core/units';
import type { WriteFit } from './calibration.ts';
import type { DirtyAfter } from './measured.ts';
import { inFourDigits, quantile, type Weighted } from './robust.ts';

// Working sets that are tried, as multiples of the most that was dirty: closely where the curve bends, widely above.
const multiples = [1.02, 1.05, 1.1, 1.2, 1.35, 1.6, 2, 3, 5, 10];
// A curve that bends has one more number to choose, and always fits a little better: it has to fit much better.
const gainMin = 0.7;

/**
 * How a guest writes, from how much was dirty after how long. Ever more writes hit what is dirty already, so
 * `dirty = set * (1 - e^(-rate * after / set))`: the set is tried, and the one taken under which all samples agree best on
 * one rate. Without a bend in the samples, only the rate is known.
 */
export function fitWrites(samples: readonly DirtyAfter[]): WriteFit | undefined {
  const most = Math.max(0, ...samples.map(({ dirty }) => dirty));
  if (samples.length === 0) return undefined;
  const straight = agreement(samples, Infinity);
  const bent = multiples
    .map((multiple) => ({ set: most * multiple, ...agreement(samples, most * multiple) }))
    .toSorted((a, b) => a.spread - b.spread)[0];
  const isBent = samples.length >= 4 && bent !== undefined && bent.spread < straight.spread * gainMin;
  const rate = isBent ? bent.rate : straight.rate;
  return {
    rate: bytesPerSecond(inFourDigits(rate)),
    workingSet: isBent
      ? { size: bytes(Math.ceil(bent.set / KiB) * KiB), type: 'fitted' }
      : { size: bytes(most), type: 'seen' },
    samples: samples.length,
    fit: isBent
      ? 'dirty bytes over the time since the mark, a curve that flattens towards the working set'
      : 'dirty bytes over the time since the mark, median weighted by time; they grow without flattening',
  };
}

/** The rate, in bytes a second, that samples agree on under one working set, and how far they are from agreeing. */
function agreement(samples: readonly DirtyAfter[], set: number): { readonly rate: number; readonly spread: number } {
  const rates = samples.map(({ after, dirty }): Weighted => {
    const share = dirty / set;
    const written = set === Infinity ? dirty : -set * Math.log1p(-share);
    return { value: (written * 1_000) / after, weight: after };
  });
  const rate = quantile(rates, 0.5);
  const off = quantile(
    rates.map(({ value, weight }) => ({ value: Math.abs(value - rate), weight })),
    0.5,
  );
  return { rate, spread: rate === 0 ? 0 : off / rate };
}
