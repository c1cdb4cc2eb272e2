import type { Bytes, BytesPerSecond, Instant, Millis, Ratio } from '#core/units';

/** How a guest writes over the day. Hours are UTC. */
export const writePatterns = ['steady', 'daily', 'nightly'] as const;
/** `daily`: office hours, little at night. `nightly`: a batch window, little by day. */
export type WritePattern = (typeof writePatterns)[number];

/** The days of a week, as they follow each other. */
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
/** A day of the week. */
export type Weekday = (typeof weekdays)[number];

/**
 * What a guest writes, all disks together, as its change tracking sees it: a write of one sector dirties a whole grain,
 * and that is what `rate` counts.
 *
 * @differs Writes spread evenly over the working set, or over two parts of it; a real guest dirties less per byte written.
 */
export interface WriteModel {
  /** The mean over a day, without the batch window. */
  readonly rate: BytesPerSecond;
  readonly pattern: WritePattern;
  /** What is written over and over: however long one waits, no more than this is dirty. */
  readonly workingSet: Bytes;
  readonly bursts?: WriteBursts | undefined;
  readonly hotSpot?: HotSpot | undefined;
  readonly batch?: BatchWindow | undefined;
}

/**
 * Times at which a guest writes much more: once in each `every`, at a moment that follows from `seed`. The mean stays
 * `rate`: between bursts the guest writes less for them.
 */
export interface WriteBursts {
  readonly every: Millis;
  /** Shorter than `every`. */
  readonly lasts: Millis;
  /** How many times more is written in a burst than outside; at least 1. */
  readonly factor: number;
  /** A whole number: guests of different seeds burst at different moments. */
  readonly seed: number;
}

/** A small part of the working set that takes a large part of the writes. */
export interface HotSpot {
  /** The part of the writes that goes there. */
  readonly writes: Ratio;
  /** The part of the working set that it is. */
  readonly share: Ratio;
}

/** A window on some days in which `rate` is written on top of everything else. Times of day are UTC. */
export interface BatchWindow {
  readonly rate: BytesPerSecond;
  readonly opens: Millis;
  /** If not later than `opens`, on the next day. */
  readonly closes: Millis;
  /** The days on which it opens. */
  readonly days: readonly Weekday[];
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
const day = 24 * hour;

/** Bytes written between two moments, counting what is written over as often as it is. */
export function written(model: WriteModel, from: Instant, to: Instant): number {
  const { rate, pattern, bursts, batch } = model;
  const sum = bursts ? burstSum(pattern, bursts, from, to) : patternSum(pattern, from, to);
  return (sum * rate) / 1_000_000 + (batch ? batchSum(batch, from, to) : 0);
}

/**
 * What of the working set is dirty after so many bytes were written to it: ever more writes hit what is dirty already,
 * in the hot spot sooner than beside it.
 */
export function dirtyAfter({ workingSet, hotSpot }: WriteModel, bytesWritten: number): number {
  if (!hotSpot) return hit(workingSet, bytesWritten);
  const hot = (workingSet * hotSpot.share.numerator) / hotSpot.share.denominator;
  const there = (bytesWritten * hotSpot.writes.numerator) / hotSpot.writes.denominator;
  return hit(hot, there) + hit(workingSet - hot, bytesWritten - there);
}

const hit = (size: number, bytesWritten: number): number =>
  size <= 0 ? 0 : size * (1 - negativeExponential(bytesWritten / size));

/** Milliseconds times per mille of the mean. */
function patternSum(pattern: WritePattern, from: number, to: number): number {
  if (pattern === 'steady') return (to - from) * 1_000;
  const shape = perHour[pattern];
  let sum = 0;
  for (let at = from; at < to;) {
    const end = Math.min(to, (Math.floor(at / hour) + 1) * hour);
    sum += (end - at) * (shape[Math.floor(at / hour) % 24] ?? 1_000);
    at = end;
  }
  return sum;
}

function burstSum(
  pattern: WritePattern,
  { every, lasts, factor, seed }: WriteBursts,
  from: number,
  to: number,
): number {
  let sum = 0;
  for (let n = Math.floor(from / every); n * every < to; n += 1) {
    const begins = n * every + (scattered(seed, n) % (every - lasts + 1));
    const [a, b] = [Math.max(from, begins), Math.min(to, begins + lasts)];
    if (a < b) sum += patternSum(pattern, a, b);
  }
  return (patternSum(pattern, from, to) + (factor - 1) * sum) / (1 + ((factor - 1) * lasts) / every);
}

/** A number below 2^32 that looks like chance and follows from both: any burst can be asked for without the ones before. */
function scattered(seed: number, n: number): number {
  let h = Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(n | 0, 0x85ebca77);
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

function batchSum({ rate, opens, closes, days }: BatchWindow, from: number, to: number): number {
  const lasts = closes > opens ? closes - opens : closes + day - opens;
  let sum = 0;
  // The window of the day before may reach into the first day.
  for (let n = Math.max(0, Math.floor(from / day) - 1); n * day < to; n += 1) {
    if (!days.includes(weekdayOf(n))) continue;
    const begins = n * day + opens;
    sum += Math.max(0, Math.min(to, begins + lasts) - Math.max(from, begins));
  }
  return (sum * rate) / 1_000;
}

// 1970-01-01 was a Thursday.
const weekdayOf = (dayNumber: number): Weekday => weekdays[(dayNumber + 3) % 7] ?? 'mon';

/** e^-x for x >= 0, by multiplication only: `Math.exp` may differ in its last digit from one engine to another. */
export function negativeExponential(x: number): number {
  // (1 - x/n)^n with n = 2^20; what is beyond 64 is nothing anyway.
  if (x >= 64) return 0;
  let power = 1 - x / 2 ** 20;
  for (let i = 0; i < 20; i += 1) power *= power;
  return power;
}
