import { gatewayPlace, receiverPlace } from '#simulator/flow/network';
import { spellFault, type Fault } from './fault.ts';
import type { Period } from './spell.ts';

/**
 * A gateway or a receiver dies and is started again: every stream through it breaks. What was durable is in its journal,
 * and streams go on from there.
 *
 * @differs An appliance that crashes has made everything durable that it took in; a real one loses what it had not flushed.
 */
export const applianceCrashed = (
  period: Period,
  { appliance }: { readonly appliance: 'gateway' | 'receiver' },
): Fault =>
  spellFault({
    ...period,
    begin: (stage) => stage.disturb(appliance === 'gateway' ? gatewayPlace : receiverPlace, { factor: 0 }),
  });
