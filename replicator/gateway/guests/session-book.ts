import type { Clock } from '#core/clock';
import type { SentinelId } from '#core/ids';
import { unreachable } from '#core/invariant';
import type { SentinelEffect } from '#core/sentinel/effects';
import type { Millis } from '#core/units';
import type { GuestSession } from './guest-session.ts';

/** The connections of all sentinels at this moment. They are nowhere else: after a restart there are none. */
export interface SessionBook {
  add(session: GuestSession): void;
  /** The newest control connection, if it has not ended. */
  current(id: SentinelId): GuestSession | undefined;
  /** Waits for one that is not there. Undefined when none came. */
  wait(id: SentinelId, patience: Millis, clock: Clock): Promise<GuestSession | undefined>;
  perform(id: SentinelId, effect: SentinelEffect): void;
  /** Ends all of them, and every wait for one that would come. */
  endAll(): Promise<void>;
}

/** A book without connections. */
export function sessionBook(): SessionBook {
  const sessions = new Map<SentinelId, Set<GuestSession>>();
  const arrivals = new Map<SentinelId, Set<() => void>>();
  let isClosed = false;
  const current = (id: SentinelId): GuestSession | undefined =>
    [...(sessions.get(id) ?? [])].toSorted((a, b) => b.connection - a.connection)[0];
  const end = (id: SentinelId, why: string, isMeant: (session: GuestSession) => boolean): void => {
    for (const session of sessions.get(id) ?? []) if (isMeant(session)) void session.end(why);
  };
  return {
    current,
    add: (session) => {
      const { sentinel } = session;
      const others = sessions.get(sentinel) ?? new Set();
      sessions.set(sentinel, others.add(session));
      void session.ended.then(() => others.delete(session));
      for (const arrived of arrivals.get(sentinel) ?? []) arrived();
    },
    wait: async (id, patience, clock) => {
      const found = current(id);
      if (found || isClosed) return found;
      const waiting = arrivals.get(id) ?? new Set();
      arrivals.set(id, waiting);
      const over = new AbortController();
      const arrived = (): void => over.abort();
      waiting.add(arrived);
      await clock.wait(patience, over.signal);
      waiting.delete(arrived);
      return current(id);
    },
    perform: (id, effect) => {
      switch (effect.type) {
        case 'disconnectOlder':
          return end(id, 'a newer connection has its place', ({ connection }) => connection < effect.params.newest);
        case 'disconnectAll':
          return end(id, 'it is not admitted any more', () => true);
        default:
          return unreachable(effect);
      }
    },
    endAll: async () => {
      isClosed = true;
      for (const waiting of arrivals.values()) for (const arrived of waiting) arrived();
      const all = [...sessions.values()].flatMap((each) => [...each]);
      await Promise.all(all.map((session) => session.end('the gateway stops')));
    },
  };
}
