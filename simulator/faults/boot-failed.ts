import type { Rng } from '#core/rng';
import { strikingFault, type Aim, type Fault } from './fault.ts';

/** The target, or the clone of a test, is powered on and its guest never comes up. */
export function bootFailed(rng: Rng, aim: Aim, { reason }: { readonly reason: string }): Fault {
  const why = { type: 'GuestDoesNotStart', detail: reason };
  return strikingFault(rng, aim, ({ effect }) => {
    if (effect.type === 'launchTarget')
      return { type: 'failsAtEnd', fact: { type: 'LaunchFailed', data: { reason: why } } };
    if (effect.type === 'launchTest')
      return { type: 'failsAtEnd', fact: { type: 'TestLaunchFailed', data: { reason: why } } };
    return undefined;
  });
}
