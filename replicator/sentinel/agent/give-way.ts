import type { RateLimit } from '#core/ports/guest-agent';
import { bytesPerSecond, MiB } from '#core/units';

/*
 * Giving way under load: reading is slowed down while others in the guest wait, and taken up again when they do not.
 *
 * What counts is how long others wait. The kernel's pressure (PSI) says so, for the whole system and for the control
 * group of this process: what is ours is taken off. Where there is none, the load average has to do.
 */

/** How much others wait, in percent of the time. */
export type Pressure = number;

/** Above this, reading is halved. Between this and `pressureLow` it stays, so that it does not swing. */
const pressureHigh = 40;
/** Below this, reading is taken up again. */
export const pressureLow = 20;
/** Reading never stops by itself: replication that stands still would be behind for ever. */
const rateMin = 4 * MiB;
/** What an unlimited reader is first slowed down from: more than a disk of a guest that is in trouble gives. */
const rateMax = 256 * MiB;

/** The rate after a look at the pressure. `limit` is what the operator allows, and is never exceeded. */
export function nextRate(now: RateLimit, limit: RateLimit, pressure: Pressure): RateLimit {
  const most = limit === 'unlimited' ? rateMax : limit;
  const current = Math.min(now === 'unlimited' ? rateMax : now, most);
  if (pressure > pressureHigh) return bytesPerSecond(Math.min(most, Math.max(rateMin, Math.floor(current / 2))));
  if (pressure >= pressureLow) return now === 'unlimited' ? limit : bytesPerSecond(current);
  return current * 2 >= most ? limit : bytesPerSecond(current * 2);
}

/** Keeps the rate of reading: what is allowed, and what the load leaves of it. */
export interface RateKeeper {
  /** Takes effect at once. */
  limit(rate: RateLimit): void;
  /** To be called every few seconds. */
  look(pressure: Pressure): void;
  readonly rate: RateLimit;
}

/** Tells `apply` each rate that differs from the one before. */
export function rateKeeper(apply: (rate: RateLimit) => void): RateKeeper {
  let limit: RateLimit = 'unlimited';
  let rate: RateLimit = 'unlimited';
  const set = (next: RateLimit): void => {
    if (next === rate) return;
    rate = next;
    apply(next);
  };
  return {
    get rate() {
      return rate;
    },
    limit: (next) => {
      limit = next;
      set(next);
    },
    look: (pressure) => set(nextRate(rate, limit, pressure)),
  };
}
