import type { DeviceError } from '#core/disk/block-device';
import type { DiskId } from '#core/ids';
import type { MigrationFact, MigrationFactOf, Reason } from '#core/migration/facts';
import { describeHypervisorError, type HypervisorError } from '#core/ports/source-hypervisor';
import { describeReplicationError, type Peer, type ReplicationError } from '#replicator/pipeline/replication';
import { withoutSecrets } from './secrets.ts';

/**
 * Why a step came to nothing, in the chart's words: does waiting help, is somebody out of reach, or is tracking lost?
 * Connectors and paths have many errors; a migration has these four ways to go on.
 */
export type Trouble =
  | { readonly type: 'Stalled'; readonly reason: Reason; readonly retryable: boolean }
  | { readonly type: 'Disconnected'; readonly endpoint: Endpoint; readonly reason: Reason }
  | { readonly type: 'TrackingLost'; readonly disk: DiskId; readonly detail: string }
  /** Nobody wants the step any more. */
  | { readonly type: 'Abandoned' };

/** Who may be out of reach. */
export type Endpoint = MigrationFactOf<'ReplicationDisconnected'>['data']['endpoint'];

/** A reason that may be kept for ever. */
export const reasonOf = (type: string, detail: string): Reason => ({ type, detail: withoutSecrets(detail) });

/** What an error of the source's hypervisor means for a migration. */
export function troubleAtSource(error: HypervisorError): Trouble {
  const reason = reasonOf(error.type, describeHypervisorError(error));
  switch (error.type) {
    case 'Unreachable':
      return { type: 'Disconnected', endpoint: 'source', reason };
    case 'TrackingLost':
      return { type: 'TrackingLost', disk: error.disk, detail: withoutSecrets(error.detail) };
    // It answered, and would answer the same again: a person has to look.
    case 'Refused':
    case 'DiskNotFound':
    case 'ProtocolViolation':
      return { type: 'Stalled', reason, retryable: false };
  }
}

/** What an error on the way of one disk means for a migration. `mayRescan`: a rescan is not what just failed. */
export function troubleOnPath(error: ReplicationError, disk: DiskId, mayRescan: boolean): Trouble {
  const reason = reasonOf(error.type, `disk ${disk}: ${describeReplicationError(error)}`);
  const stalled = (retryable: boolean): Trouble => ({ type: 'Stalled', reason, retryable });
  const disconnected = (endpoint: Endpoint): Trouble => ({ type: 'Disconnected', endpoint, reason });
  // A delta onto a replica that is not what it should be would be silent loss; comparing both sides makes it good.
  const untrusted = (): Trouble =>
    mayRescan ? { type: 'TrackingLost', disk, detail: reason.detail } : { type: 'Stalled', reason, retryable: false };
  switch (error.type) {
    case 'SourceFailed':
      return troubleWithDevice(error.error, 'source', stalled, disconnected);
    case 'SourceUnavailable':
      return disconnected('source');
    case 'TargetFailed':
      return troubleWithDevice(error.error, 'target', stalled, disconnected);
    case 'Unreachable':
    case 'ConnectionLost':
      return disconnected(endpointOf(error.peer));
    case 'ChangesUnknown':
    case 'RoundOutOfOrder':
    case 'RootMismatch':
      return untrusted();
    case 'DigestMismatch':
    case 'TargetBusy':
      return stalled(true);
    case 'TargetUnavailable':
    case 'TargetExists':
    case 'TargetForeign':
    case 'TargetMissing':
    case 'TargetNameRefused':
    case 'SameDisk':
    case 'SizeMismatch':
    case 'JournalCorrupt':
    case 'JournalUnsupported':
    case 'ProtocolViolation':
    case 'Unauthorized':
      return stalled(false);
    case 'Cancelled':
      return { type: 'Abandoned' };
  }
}

function troubleWithDevice(
  error: DeviceError,
  endpoint: 'source' | 'target',
  stalled: (retryable: boolean) => Trouble,
  disconnected: (endpoint: Endpoint) => Trouble,
): Trouble {
  switch (error.type) {
    case 'ConnectionLost':
    case 'Closed':
      return disconnected(endpoint);
    // Storage behind a network fails and comes back by itself more often than not.
    case 'IoError':
      return stalled(true);
    case 'NoSpace':
    case 'InvalidRange':
    case 'ReadOnly':
    case 'Unsupported':
    case 'ProtocolViolation':
      return stalled(false);
  }
}

function endpointOf(peer: Peer): Endpoint {
  // From the gateway's point of view the manager is this process; what this process lost is the gateway.
  return peer === 'receiver' ? 'receiver' : 'gateway';
}

/** The fact that ends a round with this trouble. An abandoned one ends with none. */
export function roundEndedBy(trouble: Trouble): readonly MigrationFact[] {
  switch (trouble.type) {
    case 'Stalled':
      return [{ type: 'ReplicationStalled', data: { reason: trouble.reason, retryable: trouble.retryable } }];
    case 'Disconnected':
      return [{ type: 'ReplicationDisconnected', data: { endpoint: trouble.endpoint, reason: trouble.reason } }];
    case 'TrackingLost':
      return [{ type: 'TrackingLost', data: { disk: trouble.disk, detail: trouble.detail } }];
    case 'Abandoned':
      return [];
  }
}

/** The trouble as a reason, for facts that have no other place for it. */
export function reasonFor(trouble: Trouble): Reason {
  switch (trouble.type) {
    case 'Stalled':
    case 'Disconnected':
      return trouble.reason;
    case 'TrackingLost':
      return reasonOf('TrackingLost', `change tracking of disk ${trouble.disk} was lost: ${trouble.detail}`);
    case 'Abandoned':
      return reasonOf('Abandoned', 'it was stopped before it came to an end');
  }
}
