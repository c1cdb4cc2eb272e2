import type { Instant, Millis } from './units.ts';

/**
 * The only source of time. Live runs use the wall clock; simulated runs use virtual time, where waiting costs nothing.
 */
export interface Clock {
  /** The current moment. */
  now(): Instant;
  /** Resolves `duration` later, or at once when `signal` is aborted. Never rejects. */
  wait(duration: Millis, signal?: AbortSignal): Promise<void>;
  /**
   * Calls `act` once, `duration` later, at most 24 days. Calling what it returns before then calls it off. For what is nearly
   * always called off, where a promise and a signal would cost more than all else. A clock without it has `wait` for that.
   */
  alarm?(duration: Millis, act: () => void): () => void;
}
