import type { Rng } from '#core/rng';
import { strikingFault, type Aim, type Fault } from './fault.ts';

/** The replica cannot be changed so that it would start on the target. It is left as it was. */
export const fixUpFailed = (rng: Rng, aim: Aim, { reason }: { readonly reason: string }): Fault =>
  strikingFault(rng, aim, ({ effect }) =>
    effect.type === 'fixUpReplica'
      ? { type: 'refused', fact: { type: 'FixUpFailed', data: { reason: { type: 'FixUpFailed', detail: reason } } } }
      : undefined,
  );
