import { instant, type BytesPerSecond, type Instant } from '#core/units';

/** Bytes per second, or no bound. */
export type RateLimit = BytesPerSecond | 'unlimited';

/**
 * Holds a flow to a rate by spacing its steps: each step moves the moment of the next. A step may begin whenever the
 * moment has come, however large it is, so the rate is exact over time and no step waits for a bucket it cannot fill.
 */
export interface Pacer {
  /** Changes the limit. What is still owed at the old rate is owed at the new one. */
  limit(limit: RateLimit, now: Instant): void;
  allows(now: Instant): boolean;
  spend(length: number, now: Instant): void;
  /** When the next step may begin, if it must wait and a time is known (at rate 0 there is none). */
  allowedAt(now: Instant): Instant | undefined;
}

// Rest is not saved up for longer than this: after a stall the flow continues at its rate, not in a burst.
const creditMs = 100;

/** A pacer that lets the first step through at once, unless `initial` is 0. */
export function pacer(initial: RateLimit): Pacer {
  let rate = initial;
  // Milliseconds, with fractions: at 1 GB/s a chunk takes a quarter of one.
  let next = 0;
  const bytesPerMs = (): number => (rate === 'unlimited' ? Infinity : rate / 1_000);
  return {
    limit: (limit, now) => {
      const owedMs = Math.max(0, next - now);
      const owed = rate === 'unlimited' || rate === 0 ? 0 : owedMs * bytesPerMs();
      rate = limit;
      next = rate === 'unlimited' || rate === 0 ? now : now + owed / bytesPerMs();
    },
    allows: (now) => rate === 'unlimited' || (rate > 0 && next <= now),
    spend: (length, now) => {
      if (rate === 'unlimited') return;
      next = Math.max(next, now - creditMs) + length / bytesPerMs();
    },
    allowedAt: (now) => (rate === 'unlimited' || rate === 0 || next <= now ? undefined : instant(Math.ceil(next))),
  };
}
