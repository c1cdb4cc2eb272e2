import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { bytes, bytesPerSecond, instant, MiB, millis, minutes, round, seconds } from '#core/units';
import { splitDowntime } from './downtime.ts';
import type { MigrationFact, RoundReport } from './facts.ts';
import type { MigrationPlan } from './plan.ts';
import { foldProgress, forecastOf, lagOf, noProgress, roundsKept, type Progress } from './progress.ts';
import { spansMax } from './throughput.ts';

const plan: MigrationPlan = {
  vm: { name: 'web-01', platform: 'kvm', guest: 'linux' },
  disks: [{ id: diskId('vda'), size: bytes(1024 * MiB) }],
  source: 'kvm://a/web-01',
  target: 'vsphere://b/web-01',
  downtimeMax: seconds(30),
  roundsMax: 5,
  refreshEvery: minutes(5),
  approval: 'given',
  testLaunch: 'optional',
  handOver: 'launch',
  quiesce: { timeout: minutes(2), onRefusal: 'force' },
  onValidationFailure: 'rollBack',
  requester: 'ann',
};
const drafted: MigrationFact = { type: 'MigrationDrafted', data: { plan } };
const initiated: MigrationFact = {
  type: 'ReplicationInitiated',
  data: { disks: [{ disk: diskId('vda'), tracked: true }] },
};
const progressed = (done: number, sent = done, n = 0, total = 1000): MigrationFact => ({
  type: 'RoundProgressed',
  data: { round: round(n), done: bytes(done * MiB), total: bytes(total * MiB), sent: bytes(sent * MiB) },
});
const report = (n: number, kind: RoundReport['kind'], sent: number, took: number, dirty: number): RoundReport => ({
  round: round(n),
  kind,
  planned: bytes(sent * MiB),
  sent: bytes(sent * MiB),
  zeroed: bytes(0),
  resumed: bytes(0),
  duration: seconds(took),
  rate: bytesPerSecond(Math.round((sent * MiB) / took)),
  dirty: bytes(dirty * MiB),
  disks: [{ disk: diskId('vda'), sent: bytes(sent * MiB), zeroed: bytes(0), root: `root ${n}` }],
});
const completed = (...args: Parameters<typeof report>): MigrationFact => ({
  type: 'RoundCompleted',
  data: report(...args),
});

/** Facts with the second at which each happened. */
const told = (...facts: readonly (readonly [second: number, fact: MigrationFact])[]): Progress =>
  facts.reduce((progress, [at, fact]) => foldProgress(progress, fact, instant(at * 1000)), noProgress);

describe('a round', () => {
  it('has a rate and a time left once two reports are in', () => {
    const once = told([0, drafted], [1, initiated], [2, progressed(100)]);
    expect(once.round).toMatchObject({ fraction: 0.1, rate: null, eta: null });
    const twice = foldProgress(once, progressed(300, 200), instant(4_000));
    expect(twice.round).toMatchObject({ fraction: 0.3, rate: 50 * MiB, eta: 7_000 });
  });

  it('never falls back while it is retried', () => {
    const done = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(done, (reports) => {
        let progress = told([0, drafted], [1, initiated]);
        for (const [n, mib] of reports.entries()) {
          const next = foldProgress(progress, progressed(mib), instant(2_000 + n * 500));
          expect(next.round?.fraction).toBeGreaterThanOrEqual(progress.round?.fraction ?? 0);
          expect(next.round?.rate ?? 0).toBeGreaterThanOrEqual(0);
          expect(next.sent).toBeGreaterThanOrEqual(progress.sent);
          progress = next;
        }
      }),
    );
  });

  it('is counted once, whether it reported on its way or not', () => {
    const reported = told([0, drafted], [1, initiated], [5, progressed(400)], [9, completed(0, 'full', 1000, 8, 50)]);
    const silent = told([0, drafted], [1, initiated], [9, completed(0, 'full', 1000, 8, 50)]);
    expect(reported.sent).toBe(1000 * MiB);
    expect(silent.sent).toBe(1000 * MiB);
    expect(silent.disks[0]).toMatchObject({ sent: 1000 * MiB, root: 'root 0', tracked: true });
    expect(silent.round).toMatchObject({ round: 1, kind: 'delta', fraction: 0 });
  });

  it('leaves what is dirty, how far behind the replica is, and a forecast', () => {
    const progress = told([0, drafted], [1, initiated], [11, completed(0, 'full', 1000, 10, 200)]);
    // 200 MiB at 100 MiB/s, and the overhead of one second.
    expect(forecastOf(progress)).toBe(3_000);
    expect(lagOf(progress, instant(16_000))).toBe(15_000);
    expect(forecastOf(noProgress)).toBeNull();
    expect(lagOf(noProgress, instant(1))).toBeNull();
  });

  it('that moved nothing leaves the last real rate standing', () => {
    const progress = told([0, drafted], [1, completed(0, 'full', 1000, 10, 0)], [2, completed(1, 'delta', 0, 1, 0)]);
    expect(progress.rate).toBe(100 * MiB);
  });

  it('is remembered, and not without end', () => {
    const rounds = Array.from({ length: 100 }, (_, n) => [n, completed(n, 'delta', 1, 1, 1)] as const);
    const progress = told(...rounds);
    expect(progress.rounds).toHaveLength(roundsKept);
    expect(progress.rounds.at(-1)?.round).toBe(99);
    expect(progress.roundsDone).toBe(100);
  });
});

describe('throughput', () => {
  const sum = ({ throughput }: Progress): number => throughput.spans.reduce((total, { sent }) => total + sent, 0);

  it('loses no byte and stays within its bound, however long it goes on', () => {
    const step = fc.record({ gap: fc.integer({ min: 0, max: 30 }), sent: fc.integer({ min: 0, max: 50 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 900 }), (steps) => {
        let progress = told([0, drafted], [0, initiated]);
        let [at, sent] = [0, 0];
        for (const { gap, sent: more } of steps) {
          at += gap;
          sent += more;
          progress = foldProgress(progress, progressed(sent, sent, 0, 100_000), instant(at * 1000));
        }
        expect(sum(progress)).toBe(sent * MiB);
        expect(progress.throughput.spans.length).toBeLessThanOrEqual(spansMax);
        for (const { from, to } of progress.throughput.spans) expect(to).toBeGreaterThanOrEqual(from);
      }),
      { numRuns: 30 },
    );
  });

  it('counts a short round by its own report', () => {
    const progress = told(
      [0, drafted],
      [1, initiated],
      [9, completed(0, 'full', 80, 8, 5)],
      [60, completed(1, 'delta', 5, 2, 0)],
    );
    expect(progress.throughput.spans).toEqual([
      { from: 1_000, to: 9_000, sent: 80 * MiB },
      { from: 58_000, to: 60_000, sent: 5 * MiB },
    ]);
  });
});

describe('downtime', () => {
  const asked: MigrationFact = { type: 'EffectRequested', data: { key: 'k', effect: 'quiesceSource' } };
  const quiesced: MigrationFact = { type: 'SourceQuiesced', data: { method: 'stopped', found: 'running' } };
  const finalSync: MigrationFact = { type: 'FinalSyncCompleted', data: report(3, 'final', 40, 4, 0) };
  const fenced: MigrationFact = { type: 'SourceFenced', data: { proof: 'off' } };
  const validated: MigrationFact = { type: 'TargetValidated', data: { checks: [] } };

  it('runs from the source at rest to the target validated, and says what was data', () => {
    const running = told([0, drafted], [100, asked], [110, quiesced], [116, finalSync], [120, fenced]);
    const { downtime } = running;
    expect(downtime && splitDowntime(downtime, instant(125_000))).toEqual({
      total: 15_000,
      quiescing: 10_000,
      data: 4_000,
      overhead: 11_000,
    });
    const over = foldProgress(running, validated, instant(130_000)).downtime;
    expect(over && splitDowntime(over, instant(999_000)).total).toBe(20_000);
    expect(over?.endedBy).toBe('validated');
    expect(over?.steps.map(({ name, ended }) => [name, ended / 1000])).toEqual([
      ['finalSync', 116],
      ['fencing', 120],
      ['validating', 130],
    ]);
  });

  it('ends with a rollback, and a second try is counted by itself', () => {
    const back: MigrationFact = { type: 'RolledBack', data: { source: 'running' } };
    const first = told([0, drafted], [100, asked], [110, quiesced], [130, back]);
    expect(first.downtime && splitDowntime(first.downtime, instant(500_000)).total).toBe(20_000);
    const again = foldProgress(foldProgress(first, asked, instant(600_000)), quiesced, instant(601_000));
    expect(again.downtime && splitDowntime(again.downtime, instant(603_000)).total).toBe(2_000);
  });

  it('is one downtime though quiescing was asked for twice', () => {
    const progress = told([0, drafted], [100, asked], [160, asked], [170, quiesced]);
    expect(progress.downtime && splitDowntime(progress.downtime, instant(170_000)).quiescing).toBe(millis(70_000));
  });
});

describe('a setback', () => {
  const stalled: MigrationFact = {
    type: 'ReplicationStalled',
    data: { reason: { type: 'Full', detail: 'datastore is full' }, retryable: true },
  };

  it('is told until it is behind the migration', () => {
    const progress = told([0, drafted], [1, initiated], [5, stalled]);
    expect(progress.reason).toEqual({ fact: 'ReplicationStalled', detail: 'datastore is full', at: 5_000 });
    expect(foldProgress(progress, progressed(10), instant(9_000)).reason).toBeNull();
  });

  it('outlives the rollback it led to', () => {
    const failed: MigrationFact = {
      type: 'LaunchFailed',
      data: { reason: { type: 'NoHost', detail: 'no host has 64 GiB of memory free' } },
    };
    const progress = told([0, drafted], [1, failed], [2, { type: 'RolledBack', data: { source: 'running' } }]);
    expect(progress.reason?.detail).toBe('no host has 64 GiB of memory free');
  });
});

describe('a disk', () => {
  const part = (disk: string, sent: number, zeroed = 0) => ({
    ...{ disk: diskId(disk), sent: bytes(sent * MiB), zeroed: bytes(zeroed * MiB), root: `root ${disk}` },
  });
  const two: MigrationFact = {
    type: 'MigrationDrafted',
    data: { plan: { ...plan, disks: ['vda', 'vdb'].map((id) => ({ id: diskId(id), size: bytes(1024 * MiB) })) } },
  };
  const begun: MigrationFact = {
    type: 'ReplicationInitiated',
    data: { disks: ['vda', 'vdb'].map((disk) => ({ disk: diskId(disk), tracked: disk === 'vda' })) },
  };
  const roundOf = (n: number, kind: RoundReport['kind'], ...disks: RoundReport['disks']): MigrationFact => ({
    type: kind === 'final' ? 'FinalSyncCompleted' : 'RoundCompleted',
    data: { ...report(n, kind, 1, 1, 0), disks },
  });

  it('keeps its first copy apart from what was written since', () => {
    const once = told([0, two], [1, begun], [9, roundOf(0, 'full', part('vda', 300, 50), part('vdb', 80))]);
    expect(once.disks[0]).toMatchObject({ first: { sent: 300 * MiB, zeroed: 50 * MiB }, rescans: 0, differed: 0 });
    const later = foldProgress(once, roundOf(1, 'delta', part('vda', 20), part('vdb', 5)), instant(12_000));
    expect(later.disks[0]).toMatchObject({ first: { sent: 300 * MiB }, sent: 320 * MiB, rescans: 0, differed: 0 });
  });

  it('is rescanned in a rescan, and in every round after the first where its writes are not tracked', () => {
    const progress = told(
      [0, two],
      [1, begun],
      [9, roundOf(0, 'full', part('vda', 300), part('vdb', 80))],
      [12, roundOf(1, 'delta', part('vda', 20), part('vdb', 5, 1))],
      [15, roundOf(2, 'rescan', part('vda', 3, 1), part('vdb', 0))],
      [18, roundOf(3, 'final', part('vda', 2), part('vdb', 1))],
    );
    expect(progress.disks).toMatchObject([
      { disk: 'vda', rescans: 1, differed: 4 * MiB },
      { disk: 'vdb', rescans: 3, differed: 7 * MiB },
    ]);
  });

  it('that a round says nothing of is as it was', () => {
    const before = told([0, two], [1, begun]);
    const after = foldProgress(before, roundOf(0, 'full', part('vda', 1)), instant(9_000));
    expect(after.disks[1]).toEqual(before.disks[1]);
    expect(before.disks[1]?.first).toBeNull();
  });
});
