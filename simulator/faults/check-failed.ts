import type { Check } from '#core/migration/facts';
import type { Rng } from '#core/rng';
import { strikingFault, type Aim, type Fault } from './fault.ts';

/** A check before replication fails. It passes once it has failed often enough: somebody has followed its remedy. */
export function checkFailed(rng: Rng, aim: Aim, check: Pick<Check, 'id' | 'message' | 'remedy'>): Fault {
  return strikingFault(rng, aim, ({ effect }) =>
    effect.type === 'verifySource' ? { type: 'checkFails', check: { ...check, verdict: 'failed' } } : undefined,
  );
}
