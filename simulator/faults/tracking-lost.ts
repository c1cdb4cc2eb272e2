import type { Rng } from '#core/rng';
import { strikingFault, type Aim, type Fault } from './fault.ts';

/** Change tracking is reset at the source, as a crash of its host does. It is noticed when changes are next asked for. */
export function trackingLost(rng: Rng, aim: Aim): Fault {
  return strikingFault(rng, aim, ({ effect }) =>
    effect.type === 'runDeltaSync' || effect.type === 'runFinalSync'
      ? { type: 'trackingLost', detail: 'the change mark is gone: tracking was reset at the source' }
      : undefined,
  );
}
