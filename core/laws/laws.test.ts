import { describe, expect, it } from 'vitest';
import { diskId, migrationId } from '#core/ids';
import { bytes, instant } from '#core/units';
import {
  asked,
  completed,
  cutover,
  drafted,
  entriesOf,
  goodMigration,
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
} from '#test/support/law-logs';
import { judgeLog } from './judge.ts';
import { laws } from './laws.ts';

/** A log that breaks one law: what was written, and a part of what is said of it. */
interface Broken extends LawLog {
  readonly says: string;
}

const reason = { type: 'Sample', detail: 'a sample' };

const broken: readonly Broken[] = [
  { law: 'L1', lines: [...toParked(), rounded(1, 'full')], says: 'there was a whole replica' },
  { law: 'L1', lines: [...toParked(), line('ReplicationInitiated', { disks: [] })], says: 'begins anew' },
  {
    law: 'L1',
    lines: [...toParked(), line('SourceReleased', { removed: ['file:///replicas/web-01'] })],
    says: 'was removed',
  },
  { law: 'L2', lines: [...toParked(), asked('quiesceSource')], says: 'no cutover is under way' },
  { law: 'L2', lines: [...toParked(), asked('retireSource')], says: 'nobody had finalized' },
  {
    law: 'L2',
    lines: [...toParked(), line('SourceFenced', { proof: 'off' })],
    says: 'was fenced, and no cutover',
  },
  { law: 'L3', lines: [...toRolledBack(), line('RolledBack', { source: 'off' })], says: 'is off after the rollback' },
  { law: 'L3', lines: [...toRolledBack(), line('RolledBack', { source: 'unknown' })], says: 'nobody knows' },
  {
    law: 'L3',
    lines: [...toFinalSync('off', 'SourceLost'), line('RolledBack', { source: 'running' })],
    says: 'was off when it was quiesced and is running',
  },
  {
    law: 'L3',
    lines: [...toFinalSync('off', 'SourceRuns'), line('RolledBack', { source: 'off' })],
    says: 'was running when it was last found and is off',
  },
  {
    law: 'L4',
    lines: [...toParked(), ...cutover(1).filter(({ fact }) => fact.type !== 'SourceFenced')],
    says: 'not proven that the source is off',
  },
  {
    law: 'L4',
    lines: [...toParked(), ...cutover(1).slice(0, -1), line('RolledBack', { source: 'running' })],
    says: 'nobody stopped the target',
  },
  {
    law: 'L4',
    lines: [...toParked(), ...cutover(1).slice(0, -2), asked('rollBack'), line('TargetConnected', { networks: [] })],
    says: 'beside a source that may run',
  },
  {
    law: 'L5',
    lines: [...toParked(), ...cutover(1)],
    witness: { sourceRoots: () => new Map([[diskId('vda'), 'another']]) },
    says: 'differs from its source',
  },
  { law: 'L5', lines: [...toParked(), rounded(1, 'final')], says: 'while the source could write' },
  {
    law: 'L5',
    lines: [...toParked(), ...cutover(1).filter(({ fact }) => fact.type !== 'FinalSyncCompleted')],
    says: 'takes over before',
  },
  {
    law: 'L5',
    lines: [...toParked(), ...cutover(1).slice(0, 5), rounded(2, 'final', { disks: [] })],
    says: 'says nothing of disk vda',
  },
  {
    law: 'L6',
    lines: [...toParked(), line('TrackingLost', { disk: diskId('vda'), detail: 'gone' }), rounded(1, 'delta')],
    says: 'is a delta after tracking was lost',
  },
  {
    law: 'L6',
    lines: [...toParked(), line('FinalSyncFailed', { reason, trackingLost: true }), rounded(1, 'final')],
    says: 'a tracker that had lost some',
  },
  { law: 'L6', lines: [drafted(), rounded(0, 'rescan')], says: 'nobody had begun to track' },
  { law: 'L7', lines: [...toParked(), rounded(1, 'delta', { disks: [] })], says: 'went without vda' },
  {
    law: 'L7',
    lines: [...toParked(), ...cutover(1)],
    witness: { disksNow: () => [diskId('vda'), diskId('vdb')] },
    says: 'has vdb, which nobody replicated',
  },
  {
    law: 'L8',
    lines: [...toRolledBack(), line('RolledBack', { source: 'running' }), rounded(3, 'rescan')],
    says: 'rescans after a rollback',
  },
  {
    law: 'L8',
    lines: [...toRolledBack(), line('RolledBack', { source: 'running' }), rounded(3, 'full')],
    says: 'copies everything',
  },
  {
    law: 'L9',
    lines: [...toParked(), line('CutoverStarted'), progress(1, 1), asked('quiesceSource')],
    says: 'in the middle of a round',
  },
  { law: 'L9', lines: [...toParked(), ...cutover(1).slice(0, 3)], isOver: true, says: 'never came' },
  { law: 'L10', lines: [...waveOf(), completed('cutOver', 'cuttingOver.finalSync')], says: 'web is in cuttingOver' },
  {
    law: 'L11',
    lines: [
      ...waveOf(),
      ...['db', 'web'].flatMap((id) => member(id, ...toParked({ approval: 'given' }))),
      completed('cutOver', 'protected'),
    ],
    says: 'web was never cut over',
  },
  {
    law: 'L12',
    lines: [
      ...toParked({ quiesce: { timeout: 60_000 as never, onRefusal: 'rollBack' } }),
      ...cutover(1).slice(0, 4),
      line('QuiesceRefused', { reason }),
      asked('quiesceSource', 'again'),
    ],
    says: 'asked again where the plan says to roll back',
  },
  {
    law: 'L12',
    lines: [...toParked(), ...cutover(1).slice(0, 4), line('QuiesceRefused', { reason }), asked('fenceSource')],
    says: 'goes on as if it had not',
  },
  {
    law: 'L12',
    lines: [
      ...toParked(),
      ...cutover(1).slice(0, 4),
      line('SourceQuiesced', { method: '', found: 'running' }, { at: 900 }),
    ],
    says: 'to come to rest',
  },
  { law: 'L13', lines: [...toParked(), line('DeadlinePassed', { timer: 'refresh' }, { at: 500 })], says: 'later than' },
  {
    law: 'L14',
    lines: [...toParked(), ...cutover(1)],
    witness: { trackingLostAt: () => instant(9_000) },
    says: 'nobody noticed',
  },
  { law: 'L15', lines: goodMigration, witness: { leftovers: () => ['bitmap sealift-1'] }, says: 'still at the source' },
  {
    law: 'L15',
    lines: [...toParked(), line('CancellationRequested', { reason: 'no' })],
    isOver: true,
    says: 'nothing says that what it left',
  },
  {
    law: 'L15',
    lines: goodMigration,
    isOver: true,
    witness: { foreignTouched: () => ['snapshot nightly'] },
    says: 'is not ours',
  },
  {
    law: 'L16',
    lines: [
      ...waveOf({
        together: ['shop'],
        members: ['db', 'web'].map((id) => ({ migration: migrationId(id), after: [], application: 'shop' })),
      }),
      ...['db', 'web'].flatMap((id) => member(id, ...toParked())),
      ...member('db', ...cutover(1)),
      completed('cutOver', 'protected'),
    ],
    says: 'web, which belongs to it, never was',
  },
  { law: 'L17', lines: [drafted(), progress(0, 50), progress(0, 49)], says: 'went back' },
  { law: 'L17', lines: [drafted(), progress(0, 101)], says: 'has done 101 of 100' },
  { law: 'L17', lines: [drafted(), progress(0, 50), progress(0, 51), progress(0, 52, 9_000)], says: 'stood still for' },
  {
    law: 'L17',
    lines: [
      drafted(),
      rounded(0, 'full', { disks: [{ disk: diskId('vda'), sent: bytes(1), zeroed: bytes(0), root: '' }] }),
    ],
    says: 'without a digest',
  },
  { law: 'L18', lines: [drafted(), line('TargetLaunched', { vm: 'web-01' })], says: 'cannot follow' },
  { law: 'L19', lines: [...toParked(), ...cutover(1).slice(0, 5)], isOver: true, says: 'nobody goes on with it' },
  { law: 'L20', lines: [{ ...drafted(), schemaVersion: 99 }], says: 'schema 99' },
  {
    law: 'L21',
    lines: [
      ...waveOf(),
      ...['db', 'web'].flatMap((id) => member(id, ...toParked())),
      ...['db', 'web'].flatMap((id) => member(id, { ...line('CutoverStarted'), actor: 'planner' })),
    ],
    says: '2 are cutting over, and the wave allows 1',
  },
  {
    law: 'L21',
    lines: [
      ...waveOf({
        limits: { replicating: 9, cuttingOver: 9, tokens: { wan: 3 } },
        members: ['db', 'web'].map((id) => ({
          migration: migrationId(id),
          after: [],
          resources: { replicating: { wan: 2 } },
        })),
      }),
      ...['db', 'web'].flatMap((id) => member(id, drafted(), { ...line('ProtectionStarted'), actor: 'planner' })),
    ],
    says: '4 tokens of wan are taken, and there are 3',
  },
  {
    law: 'L22',
    lines: [
      asked('fenceSource', 'k'),
      line('OutcomeUnknown', { key: 'k', effect: 'fenceSource', why: 'lost' }),
      asked('fenceSource', 'k'),
    ],
    says: 'before it was known what became of k',
  },
  { law: 'L22', lines: [asked('fenceSource', 'k'), asked('fenceSource', 'k')], says: 'twice under k' },
  { law: 'L23', lines: [...toParked(), line('CutoverStarted')], says: 'that nobody approved' },
  {
    law: 'L23',
    lines: [...toParked({ approval: 'requiredByAnother' }), line('CutoverApproved', { by: 'ada' })],
    says: 'ada asked for this migration and approved it',
  },
  {
    law: 'L23',
    lines: [...toParked({ testLaunch: 'required' }), ...cutover(1)],
    says: 'that was to pass a test first, and did not',
  },
  {
    law: 'L23',
    lines: [
      ...toParked(),
      ...cutover(1).slice(0, 9),
      line('ValidationFailed', { checks: [] }),
      line('FinalizationRequested'),
    ],
    says: 'a target that did not pass, and nobody waived that',
  },
  ...[
    'nbd://root:hunter22@host/disk',
    'password=hunter22',
    '-----BEGIN PRIVATE KEY-----',
    'Authorization: Basic cm9vdDpodW50ZXI=',
    '$6$saltsalt$0123456789abcdefghij',
  ].map((text): Broken => ({ law: 'L24', lines: [line('ReplicationPaused', { reason: text })], says: 'looks like' })),
  {
    law: 'L24',
    lines: [line('ReplicationPaused', { reason: 'busy', ...{ password: 'hunter22' } })],
    says: 'looks like a password',
  },
];

describe('the laws', () => {
  it('are L1 to L24, each once, with what happened without it', () => {
    expect(laws.map(({ id }) => id)).toEqual(Array.from({ length: 24 }, (_, at) => `L${at + 1}`));
    expect(new Set(laws.map(({ slug }) => slug)).size).toBe(24);
    for (const { statement, incident } of laws) expect(Math.min(statement.length, incident.length)).toBeGreaterThan(30);
  });

  it('are each broken by a log here', () => {
    expect(new Set(broken.map(({ law }) => law))).toEqual(new Set(laws.map(({ id }) => id)));
  });

  it('hold over a migration that goes well, and over one that is taken back and tried again', () => {
    const again = [...toRolledBack(), line('RolledBack', { source: 'running' }), rounded(3, 'delta'), ...cutover(4)];
    for (const lines of [goodMigration, again])
      expect(judgeLog(laws, entriesOf(lines), { isOver: true, witness: nobody })).toEqual([]);
  });

  it('hold over a wave that says why somebody stays', () => {
    const lines = [
      ...waveOf({ limits: { replicating: 2, cuttingOver: 1 } }),
      ...['db', 'web'].flatMap((id) => member(id, ...toParked())),
      ...member('db', ...cutover(1)),
      completed('cutOver', 'protected', 'apart'),
    ];
    expect(judgeLog(laws, entriesOf(lines), { isOver: true })).toEqual([]);
  });

  it.each(broken)('$law: $says', (one) => {
    const [breach, ...more] = judged(one);
    expect(breach).toMatchObject({ law: one.law, why: expect.stringContaining(one.says) as string });
    expect(more).toEqual([]);
  });

  it('know a secret that was taken out from one that was not', () => {
    for (const text of ['nbds://u:***@host', 'password=***', 'the password of the operator', 'http://host:80/a@b'])
      expect(judged({ law: 'L24', lines: [line('ReplicationPaused', { reason: text })] })).toEqual([]);
  });

  it('L23 takes the word of somebody for a test that was passed and for a validation that was not', () => {
    const tested = [...toParked({ testLaunch: 'required' }), line('TestJudged', { verdict: 'passed', note: '' })];
    const waived = [
      line('ValidationFailed', { checks: [] }),
      line('ValidationWaived', { by: 'grace', reason: 'known' }),
      line('FinalizationRequested'),
    ];
    expect(judged({ law: 'L23', lines: [...tested, ...cutover(1).slice(0, 9), ...waived] })).toEqual([]);
  });

  it('L9 lets a source be quiesced when tracking that is lost has ended the round', () => {
    const lost = line('TrackingLost', { disk: diskId('vda'), detail: 'gone' });
    const lines = [...toParked(), line('CutoverStarted'), progress(1, 1), lost, asked('quiesceSource')];
    expect(judged({ law: 'L9', lines })).toEqual([]);
  });

  it('L14 takes a loss that the log tells of for noticed, and not the one after it', () => {
    const lost = line('TrackingLost', { disk: diskId('vda'), detail: 'gone' }, { at: 50 });
    const lines = [...toParked(), lost, rounded(1, 'rescan'), ...cutover(2)];
    const judgedWith = (at: number | undefined) =>
      judged({ law: 'L14', lines, witness: { trackingLostAt: () => at as never } });
    for (const at of [undefined, 49_999, 50_000]) expect(judgedWith(at)).toEqual([]);
    expect(judgedWith(50_001)).toMatchObject([{ why: expect.stringContaining('nobody noticed') as string }]);
  });

  it('name the fact that broke one, or none where something is missing', () => {
    const [found] = judged({ law: 'L23', lines: [...toParked(), line('CutoverStarted')] });
    expect(found).toMatchObject({
      stream: 'migration-web-01',
      fact: { revision: 8, type: 'CutoverStarted' },
      at: 9_000,
    });
    const [missing] = judged({ law: 'L9', lines: [...toParked(), ...cutover(1).slice(0, 3)], isOver: true });
    expect(missing?.fact).toBeNull();
  });
});
