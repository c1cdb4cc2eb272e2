import type { Rng } from '#core/rng';
import { strikingFault, type Aim, type Fault } from './fault.ts';

/** The guest refuses to come to rest, or does not even answer. By force it does: then nobody asks it. */
export function quiesceRefused(
  rng: Rng,
  aim: Aim,
  { manner, reason }: { readonly manner: 'refused' | 'ignored'; readonly reason: string },
): Fault {
  return strikingFault(rng, aim, ({ effect }) => {
    if (effect.type !== 'quiesceSource' || effect.params.force) return undefined;
    if (manner === 'ignored') return { type: 'ignored' };
    return {
      type: 'refused',
      fact: { type: 'QuiesceRefused', data: { reason: { type: 'GuestRefused', detail: reason } } },
    };
  });
}
