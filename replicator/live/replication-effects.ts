import type { MigrationFact } from '#core/migration/facts';
import { describeHypervisorError, disksNamed } from '#core/ports/source-hypervisor';
import { beginAnew, changesSince, numberOf } from './marks.ts';
import { came, type Parts, type Perform, type Reconcile } from './parts.ts';
import { makePlace } from './target-place.ts';
import { runRound, type RoundOrder } from './rounds.ts';
import { withoutSecrets } from './secrets.ts';
import { reasonOf, roundEndedBy, troubleAtSource } from './trouble.ts';

/** Begins change tracking and makes room for the replica. Nothing has been read yet. */
export const initiateReplication: Perform<'initiateReplication'> = async (parts, { signal }) => {
  const made = await makePlace(parts.place);
  if (!made.ok)
    return came({
      type: 'ReplicationStalled',
      data: { reason: reasonOf('TargetUnavailable', made.error), retryable: false },
    });
  const inventory = await parts.source.look((source) => source.inspect(), signal);
  const disks = inventory.ok ? disksNamed(inventory.value) : inventory;
  if (!disks.ok) return came(...roundEndedBy(troubleAtSource(disks.error)));
  const begun = await beginAnew({ parts, number: numberOf(0, await parts.memory()) });
  if (!begun.ok) {
    // Asked, and nobody answered: whether the mark records is for the source to say.
    if (begun.error.type === 'Unreachable')
      return { type: 'unknown', why: withoutSecrets(describeHypervisorError(begun.error)) };
    return came(...roundEndedBy(notByWaiting(troubleAtSource(begun.error))));
  }
  return came(initiated(parts, new Set(disks.value.filter((d) => d.tracking.possible).map(({ id }) => id))));
};

// The chart has no rescan before the first full sync; and a mark that cannot be begun cannot be lost either.
const notByWaiting = (trouble: ReturnType<typeof troubleAtSource>): ReturnType<typeof troubleAtSource> =>
  trouble.type === 'TrackingLost'
    ? { type: 'Stalled', reason: reasonOf('TrackingRefused', trouble.detail), retryable: false }
    : trouble;

const initiated = ({ plan }: Parts, tracked: ReadonlySet<string>): MigrationFact => ({
  type: 'ReplicationInitiated',
  data: { disks: plan.disks.map(({ id }) => ({ disk: id, tracked: tracked.has(id) })) },
});

/** Whether the first mark is there and is this migration's first. */
export const wasInitiated: Reconcile = async (parts, signal) => {
  const number = numberOf(0, await parts.memory());
  const first = await changesSince({ parts, number }, signal);
  if (!first.ok) {
    return first.error.type === 'TrackingLost' ? { type: 'notDone' } : { type: 'cannotTell', why: first.error.type };
  }
  // A second mark froze the first one. None of ours did, so both are what an earlier migration of this name left.
  const second = await changesSince({ parts, number: number + 1 }, signal);
  if (second.ok) return { type: 'notDone' };
  if (second.error.type !== 'TrackingLost') return { type: 'cannotTell', why: second.error.type };
  return { type: 'done', facts: [initiated(parts, new Set(first.value.keys()))] };
};

const syncs =
  <T extends 'runFullSync' | 'runDeltaSync' | 'runRescan'>(kind: RoundOrder['kind']): Perform<T> =>
  async (parts, { params, report, signal }) => {
    const order: RoundOrder = {
      round: params.round,
      kind,
      signal,
      onProgress: (data) => report({ type: 'RoundProgressed', data }),
    };
    const ran = await runRound(parts, order);
    return came(...(ran.ok ? [{ type: 'RoundCompleted' as const, data: ran.value }] : roundEndedBy(ran.error)));
  };

/** Copies every allocated block. */
export const runFullSync = syncs<'runFullSync'>('full');
/** Copies what was written since the round before. */
export const runDeltaSync = syncs<'runDeltaSync'>('delta');
/** Compares both sides by digest and copies what differs. */
export const runRescan = syncs<'runRescan'>('rescan');
