import { expect, describe, it } from 'vitest';
import { schemaVersion } from '#core/event-log/upcast';
import { diskId, migrationId } from '#core/ids';
import { instant } from '#core/units';
import {
  asked,
  completed,
  cutover,
  drafted,
  judged,
  line,
  member,
  nobody,
  progress,
  rounded,
  toFinalSync,
  toParked,
  toRolledBack,
  waveOf,
  type LawLog,
  type Line,
} from '#test/support/law-logs';
import { laws } from './laws.ts';

/** A log that keeps a law where one that looks much like it breaks it, and what it shows. */
interface Kept extends LawLog {
  readonly shows: string;
}

const reason = { type: 'Sample', detail: 'a sample' };
const lost = line('TrackingLost', { disk: diskId('vda'), detail: 'gone' });
const back = line('RolledBack', { source: 'running' });
const syncLostTracking = line('FinalSyncFailed', { reason, trackingLost: true });
const refused = line('QuiesceRefused', { reason });
const both = (...lines: readonly Line[]): readonly Line[] => ['db', 'web'].flatMap((id) => member(id, ...lines));
const lostInFinalSync = [...toParked(), ...cutover(1).slice(0, 5), syncLostTracking, asked('rollBack'), back];

const kept: readonly Kept[] = [
  {
    law: 'L1',
    shows: 'what was begun and never was whole may begin anew',
    lines: [...toParked().slice(0, -1), line('ReplicationInitiated', { disks: [] }), rounded(0, 'full')],
  },
  {
    law: 'L1',
    shows: 'marks are taken off the source, and the replica stays',
    lines: [...toParked(), line('SourceReleased', { removed: ['every change mark of web-01'] })],
  },
  {
    law: 'L2',
    shows: 'a test is made beside a source that nobody touches',
    lines: [...toParked(), asked('launchTest'), asked('cleanUpTest')],
  },
  {
    law: 'L3',
    shows: 'a source that was found off is left off',
    lines: [...toFinalSync('off', 'SourceOff'), line('RolledBack', { source: 'off' })],
  },
  {
    law: 'L3',
    shows: 'a source that somebody started is left running, however it was found',
    lines: [...toFinalSync('off', 'SourceRuns'), back],
  },
  {
    law: 'L3',
    shows: 'a source of which it is not known how it was found is given back running',
    lines: [...toFinalSync('unknown', 'SourceOff'), back],
  },
  {
    law: 'L4',
    shows: 'the source runs again once the target was taken away',
    lines: [...toParked(), ...cutover(1).slice(0, -1), asked('rollBack'), back],
  },
  {
    law: 'L5',
    shows: 'the final sync says of each disk what the source was at rest, and what the replica holds',
    lines: [...toParked(), ...cutover(1)],
    witness: {
      sourceRoots: () => new Map([[diskId('vda'), 'root-2']]),
      replicaRoots: () => new Map([[diskId('vda'), 'root-2']]),
    },
  },
  {
    law: 'L6',
    shows: 'a rescan follows lost tracking, and deltas that',
    lines: [...toParked(), lost, rounded(1, 'rescan'), rounded(2, 'delta')],
  },
  {
    law: 'L6',
    shows: 'and lost tracking in a final sync',
    lines: [...lostInFinalSync, rounded(2, 'rescan'), rounded(3, 'delta')],
  },
  {
    law: 'L7',
    shows: 'the source has the disks that were planned',
    lines: [...toParked(), ...cutover(1)],
    witness: { disksNow: () => [diskId('vda')] },
  },
  {
    law: 'L8',
    shows: 'a rescan after a rollback, of a source that lost its tracking',
    lines: [...toRolledBack(), back, lost, rounded(3, 'rescan'), rounded(4, 'delta')],
  },
  { law: 'L8', shows: 'or lost it in the final sync', lines: [...lostInFinalSync, rounded(2, 'rescan')] },
  {
    law: 'L9',
    shows: 'a cutover that was revoked never comes',
    lines: [...toParked(), ...cutover(1).slice(0, 2), progress(1, 1), line('CutoverRevoked', { reason: 'not today' })],
    isOver: true,
  },
  {
    law: 'L9',
    shows: 'nor does one that waits for a person',
    lines: [...toParked(), ...cutover(1).slice(0, 2), line('ReplicationStalled', { reason, retryable: false })],
    isOver: true,
  },
  {
    law: 'L10',
    shows: 'a wave leaves who came back, and who was cut over',
    lines: [...waveOf(), completed('cutOver', 'rolledBack')],
  },
  {
    law: 'L11',
    shows: 'who was never cut over, and nobody had approved, has a reason',
    lines: [...waveOf(), ...both(...toParked()), completed('cutOver', 'protected')],
  },
  {
    law: 'L12',
    shows: 'a guest that refused is forced, once, where the plan says so',
    lines: [
      ...[...toParked(), ...cutover(1).slice(0, 4), refused, asked('quiesceSource', 'forced'), refused],
      ...[asked('rollBack'), back],
    ],
  },
  {
    law: 'L12',
    shows: 'a guest has as long as the plan allows',
    lines: [
      ...toParked(),
      ...cutover(1).slice(0, 4),
      line('SourceQuiesced', { method: '', found: 'running' }, { at: 12 + 120 }),
    ],
  },
  {
    law: 'L13',
    shows: 'a refresh is due after its interval, and later if it was held up',
    lines: [
      ...[...toParked(), line('DeadlinePassed', { timer: 'refresh' }, { at: 8 + 120 }), rounded(1, 'delta')],
      line('ReplicationPaused', { reason: 'busy hour' }),
      line('DeadlinePassed', { timer: 'refresh' }, { at: 9_000 }),
    ],
  },
  {
    law: 'L14',
    shows: 'a source whose tracking was lost is compared before it is cut over',
    lines: [...toParked(), lost, rounded(1, 'rescan'), ...cutover(2)],
    witness: { trackingLostAt: () => instant(9_000) },
  },
  {
    law: 'L14',
    shows: 'also where the final sync noticed it',
    lines: [...lostInFinalSync, rounded(2, 'rescan'), ...cutover(3)],
    witness: { trackingLostAt: () => instant(14_000) },
  },
  {
    law: 'L15',
    shows: 'what was given up was taken off the source',
    lines: [...toParked(), line('CancellationRequested', { reason: 'no' }), line('SourceReleased', { removed: [] })],
    isOver: true,
    witness: nobody,
  },
  {
    law: 'L15',
    shows: 'what never began has left nothing',
    lines: [drafted(), line('CancellationRequested', { reason: 'no' })],
    isOver: true,
  },
  {
    law: 'L16',
    shows: 'an application of which one came back is not all over',
    lines: [
      ...waveOf({
        together: ['shop'],
        members: ['db', 'web'].map((id) => ({ migration: migrationId(id), after: [], application: 'shop' })),
      }),
      ...both(...toParked()),
      ...member('db', ...toRolledBack().slice(8), back),
      completed('rolledBack', 'protected'),
    ],
  },
  {
    law: 'L17',
    shows: 'the rescan after a final sync that lost its tracking has its number and begins with nothing done',
    lines: [
      ...toParked(),
      ...cutover(1).slice(0, 5),
      progress(2, 60),
      syncLostTracking,
      asked('rollBack'),
      back,
      progress(2, 0),
      progress(2, 30),
    ],
  },
  {
    law: 'L17',
    shows: 'another round begins with nothing done, and so does one that was interrupted',
    lines: [
      ...[drafted(), progress(0, 50), progress(1, 0), progress(1, 40)],
      ...[line('ReplicationDisconnected', { endpoint: 'gateway', reason }), progress(1, 10), lost, progress(1, 0)],
    ],
  },
  {
    law: 'L17',
    shows: 'a round that is told of every hour is not silent for two',
    lines: [drafted(), ...[1, 2, 3, 5].map((hour) => progress(0, hour, hour * 3_600))],
  },
  {
    law: 'L18',
    shows: 'one that is taken back and tried again folds',
    lines: [...toRolledBack(), back, rounded(3, 'delta'), ...cutover(4)],
  },
  {
    law: 'L19',
    shows: 'a rollback that failed waits for a person',
    lines: [...toRolledBack(), line('RollbackFailed', { reason })],
    isOver: true,
  },
  {
    law: 'L20',
    shows: 'facts of this release and of one before it are read',
    lines: [
      { ...drafted(), schemaVersion },
      { ...line('VerificationRequested'), schemaVersion: 1 },
    ],
  },
  {
    law: 'L21',
    shows: 'whom a person cuts over has no place among the few of the wave',
    lines: [
      ...waveOf(),
      ...both(...toParked()),
      ...member('db', { ...line('CutoverStarted'), actor: 'planner' }),
      ...member('web', { ...line('CutoverStarted'), actor: 'operator:ada' }),
    ],
  },
  {
    law: 'L22',
    shows: 'what may have been done is done again once it is known that it was not',
    lines: [
      ...[asked('fenceSource', 'k'), line('OutcomeUnknown', { key: 'k', effect: 'fenceSource', why: 'lost' })],
      ...[line('OutcomeReconciled', { key: 'k', found: 'notDone' }), asked('fenceSource', 'k')],
      ...[line('OutcomeUnknown', { key: 'k', effect: 'fenceSource', why: 'lost' })],
      ...[line('OutcomeDecided', { key: 'k', outcome: 'notDone', by: 'ada' }), asked('fenceSource', 'k')],
    ],
  },
  {
    law: 'L23',
    shows: 'another than the requester has approved it',
    lines: [...toParked({ approval: 'requiredByAnother', requester: 'ada' }), ...cutover(1)],
  },
  {
    law: 'L24',
    shows: 'what is left of a secret that was taken out',
    lines: [line('ReplicationPaused', { reason: 'nbds://u:***@host' })],
  },
];

describe('laws', () => {
  it('are each kept by a log here', () => {
    expect(new Set(kept.map(({ law }) => law))).toEqual(new Set(laws.map(({ id }) => id)));
  });

  it.each(kept)('$law: $shows', (one) => {
    expect(judged(one)).toEqual([]);
  });
});
