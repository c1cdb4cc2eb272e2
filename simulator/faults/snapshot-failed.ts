import type { Rng } from '#core/rng';
import { strikingFault, type Aim, type Fault } from './fault.ts';

/** The source platform cannot freeze a change mark: the round does not begin. It is tried again after a while. */
export function snapshotFailed(rng: Rng, aim: Aim, { reason }: { readonly reason: string }): Fault {
  const why = { type: 'SnapshotFailed', detail: reason };
  return strikingFault(rng, aim, ({ effect }) => {
    switch (effect.type) {
      case 'runFullSync':
      case 'runDeltaSync':
      case 'runRescan':
        return { type: 'refused', fact: { type: 'ReplicationStalled', data: { reason: why, retryable: true } } };
      case 'runFinalSync':
        return { type: 'refused', fact: { type: 'FinalSyncFailed', data: { reason: why, trackingLost: false } } };
      default:
        return undefined;
    }
  });
}
