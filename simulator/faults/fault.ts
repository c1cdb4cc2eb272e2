import type { Effect } from '#core/migration/effects';
import type { Check, MigrationFact } from '#core/migration/facts';
import type { Rng } from '#core/rng';
import { ratio, type Instant, type Ratio } from '#core/units';

/**
 * Something that goes wrong, in the words of what really does. Faults are off unless a world is given some; several may
 * be given, and the first that strikes a try has it.
 */
export interface Fault {
  /** Asked at each try of each piece of work. Draws from its own stream of chance only. */
  strike(attempt: Attempt): Interference | undefined;
  /** Links that carry nothing for a while, whoever uses them. */
  readonly outages: readonly Outage[];
}

/** One try of one piece of work on one VM. */
export interface Attempt {
  readonly vm: string;
  readonly effect: Effect;
}

/** A link that carries nothing, half-open: at `until` it does again. */
export interface Outage {
  readonly link: string;
  readonly from: Instant;
  readonly until: Instant;
}

/** What becomes of a try that is struck. */
export type Interference =
  /** The world answers no. Nothing was changed. */
  | { readonly type: 'refused'; readonly fact: MigrationFact }
  /** The world does not answer, until nobody wants to know any more. Nothing was changed. */
  | { readonly type: 'ignored' }
  /** One check more, which fails. */
  | { readonly type: 'checkFails'; readonly check: Check }
  /** Done or not, the answer does not come; `found` is what the world can say about it later. */
  | {
      readonly type: 'answerLost';
      readonly done: boolean;
      readonly found: 'exactly' | 'notAtAll';
      readonly why: string;
    }
  /** The source does not know any more what was written since the last round. */
  | { readonly type: 'trackingLost'; readonly detail: string };

/** Whom a fault strikes, how often each, and how likely each time it could. */
export interface Aim {
  readonly vms: 'all' | readonly string[];
  readonly times: number;
  readonly chance: Ratio;
}

/** Every VM, once, for sure. */
export const everyoneOnce: Aim = { vms: 'all', times: 1, chance: ratio(1, 1) };

/** A fault that strikes tries and no links. `interfere` says whether it could, and what becomes of a try that is struck. */
export function strikingFault(
  rng: Rng,
  aim: Aim,
  interfere: (attempt: Attempt, rng: Rng) => Interference | undefined,
): Fault {
  // Each VM has a stream of its own: how often one is tried moves nothing for the others.
  const streams = new Map<string, Rng>();
  const struck = new Map<string, number>();
  return {
    outages: [],
    strike(attempt) {
      const { vm } = attempt;
      if (aim.vms !== 'all' && !aim.vms.includes(vm)) return undefined;
      const stream = streams.get(vm) ?? rng.fork(vm);
      streams.set(vm, stream);
      const interference = interfere(attempt, stream);
      const before = struck.get(vm) ?? 0;
      if (!interference || !stream.chance(aim.chance) || before >= aim.times) return undefined;
      struck.set(vm, before + 1);
      return interference;
    },
  };
}
