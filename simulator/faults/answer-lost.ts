import { isSideEffect, type SideEffectType } from '#core/migration/effects';
import type { Rng } from '#core/rng';
import type { Ratio } from '#core/units';
import { strikingFault, type Aim, type Fault } from './fault.ts';

/** Something was asked of the world, and whether it was done is not heard: the request or its answer was lost. */
export function answerLost(
  rng: Rng,
  aim: Aim,
  {
    effects,
    done,
    found,
  }: {
    readonly effects: readonly SideEffectType[];
    /** How likely it was the answer and not the request. */
    readonly done: Ratio;
    readonly found: 'exactly' | 'notAtAll';
  },
): Fault {
  return strikingFault(rng, aim, ({ vm, effect: { type } }, streamOf) =>
    isSideEffect(type) && effects.includes(type)
      ? {
          type: 'answerLost',
          done: streamOf(vm).chance(done),
          found,
          why: 'the connection was lost before the answer came',
        }
      : undefined,
  );
}
