import { describe, expect, it } from 'vitest';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import { diskId } from '#core/ids';
import { bytes, bytesPerSecond, GiB, instant, MiB, millis, minutes, round, type Round } from '#core/units';
import { machineStanding } from './resume.ts';

const plan: MigrationPlan = {
  vm: { name: 'web', platform: 'kvm', guest: 'linux' },
  disks: [{ id: diskId('vda'), size: bytes(10 * GiB) }],
  source: 'kvm://kvm-1/web',
  target: 'vsphere://simulated/web',
  downtimeMax: minutes(2),
  roundsMax: 5,
  refreshEvery: minutes(20),
  approval: 'given',
  testLaunch: 'optional',
  handOver: 'launch',
  quiesce: { timeout: minutes(2), onRefusal: 'rollBack' },
  onValidationFailure: 'rollBack',
  requester: 'mia',
};
const report = (n: Round, kind: 'full' | 'delta' | 'final' | 'rescan', planned: number, seconds: number) => ({
  ...{ round: n, kind, planned: bytes(planned), sent: bytes(planned), zeroed: bytes(0), resumed: bytes(0) },
  ...{ duration: millis(seconds * 1_000), rate: bytesPerSecond(50 * MiB), dirty: bytes(kind === 'final' ? 0 : MiB) },
  disks: [],
});
const progressed = (n: number, done: number, total: number, sent = done): MigrationFact => ({
  type: 'RoundProgressed',
  data: { round: round(n), done: bytes(done), total: bytes(total), sent: bytes(sent) },
});
const initiated: readonly MigrationFact[] = [
  { type: 'MigrationDrafted', data: { plan } },
  { type: 'VerificationRequested', data: {} },
  { type: 'VerificationPassed', data: { checks: [] } },
  { type: 'ProtectionStarted', data: {} },
  { type: 'EffectRequested', data: { key: 'migration-web@3/0', effect: 'initiateReplication' } },
  { type: 'ReplicationInitiated', data: { disks: [{ disk: diskId('vda'), tracked: true }] } },
];
const fullSynced: readonly MigrationFact[] = [
  ...initiated,
  { type: 'RoundCompleted', data: report(round(0), 'full', 4 * GiB, 80) },
];
const quiesced: readonly MigrationFact[] = [
  ...fullSynced,
  { type: 'CutoverStarted', data: {} },
  { type: 'RoundCompleted', data: report(round(1), 'delta', MiB, 5) },
  { type: 'EffectRequested', data: { key: 'migration-web@8/0', effect: 'quiesceSource' } },
  { type: 'SourceQuiesced', data: { method: 'guest shutdown', found: 'running' } },
];
const launched: readonly MigrationFact[] = [
  ...quiesced,
  { type: 'FinalSyncCompleted', data: report(round(2), 'final', MiB, 4) },
  { type: 'SourceFenced', data: { proof: 'off' } },
  { type: 'ReplicaFixedUp', data: { findings: [] } },
  { type: 'TargetLaunched', data: { vm: 'web' } },
];

/** Facts a minute apart. */
const after = (facts: readonly MigrationFact[]) =>
  machineStanding(
    facts.map((fact, i) => ({ fact, place: { stream: 'migration-web', time: instant((i + 1) * 60_000) } })),
  );
const minute = (n: number) => instant(n * 60_000);

describe('where a machine stands, from its log', () => {
  it('is untouched before replication was initiated', () =>
    expect(after(initiated.slice(0, 5))).toMatchObject({
      ...{ source: { power: 'running', connected: true }, tracking: 'none', complete: false, round: undefined },
      replica: { made: false },
    }));

  it('is tracked and has an empty replica once replication was initiated', () =>
    expect(after(initiated)).toMatchObject({
      ...{ tracking: 'on', replica: { made: true, fixedUp: false }, complete: false },
      writes: { since: minute(6), stopped: null },
    }));

  it('has of an unfinished round what was said to be durable, and writes since it began', () => {
    const standing = after([...initiated, progressed(0, GiB, 4 * GiB, GiB - MiB), progressed(0, 2 * GiB, 4 * GiB)]);
    expect(standing.round).toEqual({
      ...{ round: 0, kind: 'full', planned: 4 * GiB, differing: 4 * GiB, durable: 2 * GiB },
      ...{ reached: 2 * GiB, sentBefore: 2 * GiB, closed: false },
    });
    expect(standing.writes.since).toBe(minute(6));
  });

  it('has no round between rounds, and writes since the last one began', () => {
    const standing = after(fullSynced);
    expect(standing).toMatchObject({ complete: true, round: undefined, writes: { since: minute(6) } });
  });

  it('takes an interrupted round for the one that was begun', () => {
    const broken: MigrationFact = {
      type: 'ReplicationDisconnected',
      data: { endpoint: 'receiver', reason: { type: 'Unreachable', detail: 'link wan is down' } },
    };
    const again: MigrationFact = { type: 'DeadlinePassed', data: { timer: 'retry' } };
    const standing = after([...initiated, progressed(0, GiB, 4 * GiB), broken, again, progressed(0, 2 * GiB, 4 * GiB)]);
    expect(standing).toMatchObject({ round: { durable: 2 * GiB }, writes: { since: minute(6) } });
  });

  it('does not know of a lost mark what is dirty, and of the rescan only what it has said', () => {
    const lost: MigrationFact = { type: 'TrackingLost', data: { disk: diskId('vda'), detail: 'the mark is gone' } };
    expect(after([...fullSynced, lost]).tracking).toBe('lost');
    const scanning = after([...fullSynced, lost, progressed(1, 3 * GiB, 4 * GiB, 0)]);
    expect(scanning).toMatchObject({ tracking: 'on', round: { kind: 'rescan', differing: MiB, durable: 0 } });
    const sending = after([...fullSynced, lost, progressed(1, 2 * GiB, 4 * GiB, GiB)]);
    expect(sending.round).toMatchObject({ differing: 2 * GiB, durable: GiB, reached: 2 * GiB });
  });

  it('has a source at rest after quiesce, whose writes have stopped', () =>
    expect(after(quiesced)).toMatchObject({
      source: { power: 'off', connected: true },
      writes: { since: minute(8), stopped: minute(11), startedAgain: null },
    }));

  it('has a fenced source and a target that runs unconnected after launch', () =>
    expect(after(launched)).toMatchObject({
      source: { power: 'off', connected: false },
      target: { power: 'running', connected: false },
      replica: { made: true, fixedUp: true },
    }));

  it('has the source back after a rollback, and nothing at the target', () => {
    const standing = after([
      ...launched,
      { type: 'ConnectionFailed', data: { reason: { type: 'NoNetwork', detail: 'the network is gone' } } },
      { type: 'RolledBack', data: { source: 'running' } },
    ]);
    expect(standing).toMatchObject({
      source: { power: 'running', connected: true },
      target: { power: 'none', connected: false },
      replica: { made: true, fixedUp: false },
      writes: { startedAgain: minute(17) },
    });
  });

  it('counts what was asked for and not answered as not done', () =>
    expect(after(quiesced.slice(0, -1)).source).toEqual({ power: 'running', connected: true }));
});
