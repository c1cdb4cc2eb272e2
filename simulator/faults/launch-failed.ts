import type { Rng } from '#core/rng';
import { strikingFault, type Aim, type Fault } from './fault.ts';

/** The target VM, or the clone of a test, does not start. */
export function launchFailed(
  rng: Rng,
  aim: Aim,
  { step, reason }: { readonly step: 'target' | 'test'; readonly reason: string },
): Fault {
  const why = { type: 'InsufficientResources', detail: reason };
  return strikingFault(rng, aim, ({ effect }) => {
    if (step === 'target' && effect.type === 'launchTarget')
      return { type: 'refused', fact: { type: 'LaunchFailed', data: { reason: why } } };
    if (step === 'test' && effect.type === 'launchTest')
      return { type: 'refused', fact: { type: 'TestLaunchFailed', data: { reason: why } } };
    return undefined;
  });
}
