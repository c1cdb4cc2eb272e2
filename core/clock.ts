import type { Instant, Millis } from './units.ts';

/**
 * The only source of time. Live runs use the wall clock; simulated runs use virtual time, where waiting costs nothing.
 */
export interface Clock {
  /** The current moment. */
  now(): Instant;
  /** Resolves `duration` later, or at once when `signal` is aborted. Never rejects. */
  wait(duration: Millis, signal?: AbortSignal): Promise<void>;
}
