import type { Rng } from '#core/rng';
import { strikingFault, type Aim, type Fault } from './fault.ts';

/** The target runs and does not pass its checks. */
export function validationFailed(rng: Rng, aim: Aim, { reason }: { readonly reason: string }): Fault {
  return strikingFault(rng, aim, ({ effect }) =>
    effect.type === 'validateTarget'
      ? {
          type: 'checkFails',
          check: { id: 'application', verdict: 'failed', message: reason, remedy: 'look into the guest, or roll back' },
        }
      : undefined,
  );
}
