import type { BytesPerSecond } from '#core/units';

/** A rate limit that can be changed while it is in force. */
export interface Throttle {
  /** Bytes per second now allowed; zero lets nothing through until it is changed. */
  readonly limit: BytesPerSecond | 'unlimited';
  /** Takes effect at once. */
  set(limit: BytesPerSecond | 'unlimited'): void;
  /** Calls `listener` after each change until the returned function is called. */
  onChange(listener: (limit: BytesPerSecond | 'unlimited') => void): () => void;
}

/** A throttle that starts at `initial`. One may be shared by many rounds; each is then held to the limit on its own. */
export function createThrottle(initial: BytesPerSecond | 'unlimited' = 'unlimited'): Throttle {
  let limit = initial;
  const listeners = new Set<(limit: BytesPerSecond | 'unlimited') => void>();
  return {
    get limit() {
      return limit;
    },
    set(next) {
      limit = next;
      for (const listener of listeners) listener(next);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
