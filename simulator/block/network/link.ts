import type { Clock } from '#core/clock';
import { invariant } from '#core/invariant';
import type { Rng } from '#core/rng';
import { instant, millis, type BytesPerSecond, type Instant, type Millis } from '#core/units';

/** How a link is when nothing is wrong with it. */
export interface LinkTerms {
  /** One way. */
  readonly delay: Millis;
  /** At most so much is added to the delay, by chance. */
  readonly jitterMax: Millis;
  /** In each direction, shared by all that is on the link. */
  readonly bandwidth: BytesPerSecond | 'unlimited';
}

/** A link nearby: what two hosts of one site have between them unless told otherwise. */
export const linkNear: LinkTerms = { delay: millis(1), jitterMax: millis(1), bandwidth: 'unlimited' };
/** Within one host. */
export const linkWithin: LinkTerms = { delay: millis(0), jitterMax: millis(0), bandwidth: 'unlimited' };

/** One direction of a link: whether what is sent arrives, and when. */
export interface Direction {
  /** When `count` bytes that are sent now are there. */
  arrival(count: number, rng: Rng): Instant;
  /** False while what arrives is lost, and nobody hears of it. */
  passes(): boolean;
  /** Has `again` called once, when something may pass again. */
  whenHealed(again: () => void): void;
}

/** What two hosts have between them. */
export interface Link {
  /** The direction away from a host. */
  from(host: string): Direction;
  /** Changes how it is for what is sent from now on. */
  set(terms: Partial<LinkTerms>): void;
  /** From now on nothing passes: nothing at all, or nothing that `from` sends. Neither end is told. */
  partition(from?: string): void;
  /** Ends every partition. What was sent meanwhile is sent again. */
  heal(): void;
  /** Sends again what did not pass: one of its hosts is up again. */
  retry(): void;
}

/** A link between two hosts that are up or not. */
export function link(
  clock: Clock,
  [a, b]: readonly [string, string],
  isUp: (host: string) => boolean,
  initial: LinkTerms,
): Link {
  let terms = initial;
  const healed: (() => void)[] = [];
  const blocked = new Set<string>();
  const retry = (): void => {
    for (const again of healed.splice(0)) again();
  };
  const direction = (from: string, to: string): Direction => {
    // With fractions: at 1 GB/s, many packets fit into a millisecond.
    let busyUntil = 0;
    return {
      arrival: (count, rng) => {
        const { delay, jitterMax, bandwidth } = terms;
        const took = bandwidth === 'unlimited' ? 0 : (count * 1_000) / Math.max(1, bandwidth);
        busyUntil = Math.max(busyUntil, clock.now()) + took;
        return instant(Math.ceil(busyUntil) + delay + (jitterMax > 0 ? rng.between(0, jitterMax) : 0));
      },
      passes: () => !blocked.has(from) && isUp(from) && isUp(to),
      whenHealed: (again) => void healed.push(again),
    };
  };
  const directions = new Map([
    [a, direction(a, b)],
    [b, direction(b, a)],
  ]);
  return {
    from: (host) => {
      const found = directions.get(host);
      invariant(found, `this link leads away from ${host}`);
      return found;
    },
    set: (changed) => (terms = { ...terms, ...changed }),
    partition: (from) => {
      for (const host of from === undefined ? [a, b] : [from]) blocked.add(host);
    },
    heal: () => {
      blocked.clear();
      retry();
    },
    retry,
  };
}
