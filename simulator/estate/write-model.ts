import type { Bytes, BytesPerSecond, Instant } from '#core/units';

/** How a guest writes over the day. Hours are UTC. */
export const writePatterns = ['steady', 'daily', 'nightly'] as const;
/** `daily`: office hours, little at night. `nightly`: a batch window, little by day. */
export type WritePattern = (typeof writePatterns)[number];

/**
 * What a guest writes, all disks together, as its change tracking sees it: a write of one sector dirties a whole grain,
 * and that is what `rate` counts.
 *
 * @differs Writes spread evenly over the working set; a real guest has hot spots, and dirties less per byte written.
 */
export interface WriteModel {
  /** The mean over a day. */
  readonly rate: BytesPerSecond;
  readonly pattern: WritePattern;
  /** What is written over and over: however long one waits, no more than this is dirty. */
  readonly workingSet: Bytes;
}

const perHour: Readonly<Record<WritePattern, readonly number[]>> = {
  // Per mille of the mean, hour by hour from midnight. Each row sums to 24,000, so that the mean is the mean.
  steady: [
    1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000,
    1000, 1000, 1000, 1000, 1000,
  ],
  daily: [
    300, 250, 200, 200, 250, 400, 700, 1200, 1800, 2200, 2300, 2100, 1600, 1900, 2200, 2100, 1700, 1100, 600, 300, 200,
    150, 125, 125,
  ],
  nightly: [
    3000, 4000, 4000, 3500, 2000, 800, 300, 250, 250, 250, 250, 250, 250, 250, 250, 250, 250, 250, 300, 400, 500, 600,
    850, 1000,
  ],
};
const hour = 3_600_000;

/** Bytes written between two moments, counting what is written over as often as it is. */
export function written({ rate, pattern }: WriteModel, from: Instant, to: Instant): number {
  const shape = perHour[pattern];
  let sum = 0;
  for (let at: number = from; at < to;) {
    const end = Math.min(to, (Math.floor(at / hour) + 1) * hour);
    sum += (end - at) * (shape[Math.floor(at / hour) % 24] ?? 1000);
    at = end;
  }
  return (sum * rate) / 1_000_000;
}

/** e^-x for x >= 0, by multiplication only: `Math.exp` may differ in its last digit from one engine to another. */
export function negativeExponential(x: number): number {
  // (1 - x/n)^n with n = 2^20; what is beyond 64 is nothing anyway.
  if (x >= 64) return 0;
  let power = 1 - x / 2 ** 20;
  for (let i = 0; i < 20; i += 1) power *= power;
  return power;
}
