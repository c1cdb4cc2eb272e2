import { invariant } from '#core/invariant';
import type { Effect, SideEffectType } from '#core/migration/effects';
import type { MigrationFact, Reason } from '#core/migration/facts';
import type { EstateVm } from '#simulator/estate/estate';
import type { Interference } from '#simulator/faults/fault';
import type { Datastores } from './datastores.ts';
import type { Machine, RoundState } from './machine.ts';
import { gatewayPlace } from './network.ts';

type RoundKind = RoundState['kind'];

/** What keeps a round from beginning, as the fact that says so. */
export function roundHindrance(
  kind: RoundKind,
  machine: Machine,
  struck: Interference | undefined,
): MigrationFact | undefined {
  if (struck?.type === 'refused') return struck.fact;
  const change = machine.diskChanges?.values().next().value;
  if (change) {
    const detail = `disk ${change.disk} was ${change.change} after the disks were planned`;
    return stalled(kind, { type: 'DisksChanged', detail }, false);
  }
  if ((kind === 'delta' || kind === 'final') && machine.tracking !== 'on')
    return lostTracking(kind, machine.vm, struck?.type === 'trackingLost' ? struck.detail : 'the change mark is gone');
  return undefined;
}

/** What keeps a side effect from being carried out: a fact that says so, or silence until nobody waits any more. */
export function operationHindrance(
  effect: Extract<Effect, { type: SideEffectType }>,
  { vm, hostsDown }: Machine,
  datastores: Datastores,
): MigrationFact | 'silence' | undefined {
  const down: Reason = { type: 'Unreachable', detail: `host ${vm.host} does not answer` };
  switch (effect.type) {
    case 'initiateReplication':
      if (hostsDown > 0) return { type: 'ReplicationDisconnected', data: { endpoint: 'source', reason: down } };
      return datastores.take(vm) ? undefined : stalled('full', datastoreFull(vm.datastore ?? ''), false);
    case 'quiesceSource':
      return hostsDown > 0 ? 'silence' : undefined;
    case 'fenceSource':
      return hostsDown > 0 ? { type: 'FencingFailed', data: { reason: down } } : undefined;
    case 'rollBack':
      return hostsDown > 0 ? { type: 'RollbackFailed', data: { reason: down } } : undefined;
    case 'releaseSource':
      return hostsDown > 0 ? { type: 'ReleaseFailed', data: { reason: down } } : undefined;
    case 'retireSource':
      return hostsDown > 0 ? { type: 'RetirementFailed', data: { reason: down } } : undefined;
    default:
      return undefined;
  }
}

/** What it means for a round that a place on its way carries nothing any more. */
export function brokenAt(kind: RoundKind, place: string): MigrationFact {
  const [what, name = ''] = place.split(' ');
  // Waiting does not help: somebody has to free space.
  if (what === 'datastore') return stalled(kind, datastoreFull(name), false);
  const reason: Reason = { type: 'Unreachable', detail: `${place} is down` };
  if (kind === 'final') return { type: 'FinalSyncFailed', data: { reason, trackingLost: false } };
  const endpoint = what === 'host' || what === 'sentinel' ? 'source' : place === gatewayPlace ? 'gateway' : 'receiver';
  return { type: 'ReplicationDisconnected', data: { endpoint, reason } };
}

const datastoreFull = (name: string): Reason => ({
  type: 'DatastoreFull',
  detail: `datastore ${name} takes nothing more: free space on it, then resume`,
});

const stalled = (kind: RoundKind, reason: Reason, retryable: boolean): MigrationFact =>
  kind === 'final'
    ? { type: 'FinalSyncFailed', data: { reason, trackingLost: false } }
    : { type: 'ReplicationStalled', data: { reason, retryable } };

function lostTracking(kind: 'delta' | 'final', { disks }: EstateVm, detail: string): MigrationFact {
  const [disk] = disks;
  invariant(disk, 'every VM has a disk');
  return kind === 'final'
    ? { type: 'FinalSyncFailed', data: { reason: { type: 'TrackingLost', detail }, trackingLost: true } }
    : { type: 'TrackingLost', data: { disk: disk.id, detail } };
}
