import type { Effect } from '#core/migration/effects';
import type { Check, MigrationFact } from '#core/migration/facts';
import type { Rng } from '#core/rng';
import { ratio, type Ratio } from '#core/units';
import type { Period, Spell } from './spell.ts';

/**
 * Something that goes wrong, in the words of what really does. Faults are off unless a world is given some; several may
 * be given, and the first that strikes a try has it.
 */
export interface Fault {
  /** Asked at each try of each piece of work. Draws from its own stream of chance only. */
  strike(attempt: Attempt): Interference | undefined;
  /** What is wrong with the world for a while, whoever tries what. */
  readonly spells: readonly Spell[];
  /** VMs whose sentinels something happens to: only these get a place of their own. */
  readonly sentinels?: readonly string[];
}

/** One try of one piece of work on one VM. */
export interface Attempt {
  readonly vm: string;
  readonly effect: Effect;
}

/** What becomes of a try that is struck. */
export type Interference =
  /** The world answers no. Nothing was changed. */
  | { readonly type: 'refused'; readonly fact: MigrationFact }
  /** Everything was done, and at the end it turns out to be no good. */
  | { readonly type: 'failsAtEnd'; readonly fact: MigrationFact }
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
  /** It strikes only then; whenever it can if not given. */
  readonly during?: Period | undefined;
}

/** Every VM, once, for sure. */
export const everyoneOnce: Aim = { vms: 'all', times: 1, chance: ratio(1, 1) };

/** A fault of the world itself that strikes no try. */
export const spellFault = (...spells: readonly Spell[]): Fault => ({ spells, strike: () => undefined });

/** A part as the factor that a disturbance takes; never nothing, which would be an outage. */
export const partLeft = ({ numerator, denominator }: Ratio): number => Math.max(1e-6, numerator / denominator);

/**
 * A fault that strikes tries and no places. `interfere` says whether it could, and what becomes of a try that is struck;
 * what it draws, it draws from the stream of the VM.
 */
export function strikingFault(
  rng: Rng,
  aim: Aim,
  interfere: (attempt: Attempt, streamOf: (vm: string) => Rng) => Interference | undefined,
): Fault {
  // Each VM has a stream of its own: how often one is tried moves nothing for the others. It is made for those whom the
  // fault could strike, since every fault is asked at every try.
  const known = new Map<string, { readonly stream: Rng; struck: number }>();
  const noteOf = (vm: string): { readonly stream: Rng; struck: number } => {
    const before = known.get(vm);
    if (before) return before;
    const note = { stream: rng.fork(vm), struck: 0 };
    known.set(vm, note);
    return note;
  };
  const streamOf = (vm: string): Rng => noteOf(vm).stream;
  let isOn = aim.during === undefined;
  const begin = (): (() => void) => {
    isOn = true;
    return () => (isOn = false);
  };
  return {
    spells: aim.during ? [{ ...aim.during, begin }] : [],
    strike(attempt) {
      const { vm } = attempt;
      if (!isOn || (aim.vms !== 'all' && !aim.vms.includes(vm))) return undefined;
      const interference = interfere(attempt, streamOf);
      if (!interference) return undefined;
      const note = noteOf(vm);
      if (!note.stream.chance(aim.chance) || note.struck >= aim.times) return undefined;
      note.struck += 1;
      return interference;
    },
  };
}
