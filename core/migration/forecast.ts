import { millis, type Bytes, type BytesPerSecond, type Millis } from '#core/units';

/** What a final sync costs beside its data: quiesce, connect, flush, compare roots. Measured in the laboratory, rounded up. */
export const finalSyncOverhead = millis(1_000);

/** How long the final sync would take if the source stopped now: what is dirty over what the last round achieved. */
export function forecastFinalSync(dirty: Bytes, rate: BytesPerSecond): Millis {
  if (dirty === 0) return finalSyncOverhead;
  // A round that moved nothing says nothing about the link; a pessimist's megabyte per second keeps the forecast finite.
  const perSecond = Math.max(rate, 1_000_000);
  return millis(finalSyncOverhead + Math.ceil((dirty * 1000) / perSecond));
}

const backoffFirst = 1_000;
// Above a minute an operator wonders whether anything is going on at all.
const backoffLast = 60_000;

/** How long to wait before try number `attempts + 1`: doubling, bounded. No jitter: one migration has one driver. */
export const backoff = (attempts: number): Millis =>
  millis(Math.min(backoffLast, backoffFirst * 2 ** Math.min(attempts, 16)));
