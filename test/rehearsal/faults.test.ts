import { describe, expect, it } from 'vitest';
import type { RecordedFact } from '#core/event-log/event-log';
import type { MigrationFact } from '#core/migration/facts';
import { minutes } from '#core/units';
import { lawsBroken } from './laws.ts';
import { rehearsalFrom, rehearsed } from './rehearsed.ts';

type Fact = Pick<RecordedFact, 'stream'> & { readonly minute: number } & MigrationFact;

/** Two VMs on two hosts, and what goes wrong with them. */
async function withFaults(faults: string, { estate = '', acts = '', silver = '2 TiB', vm = '' } = {}) {
  const scenario = rehearsalFrom(`
kind: rehearsal
id: faults
title: Two machines and what goes wrong
why: Each fault is seen in the facts.
estate:
  hosts: [{ name: kvm-1, platform: kvm }, { name: kvm-2, platform: kvm }]
  links: [{ name: wan, bandwidth: 1 Gbit/s, latency: 10 ms }]
  datastores: [{ name: gold, write: 500 MB/s, capacity: 2 TiB }, { name: silver, write: 500 MB/s, capacity: ${silver} }]
  vms:
    - { name: one, host: kvm-1, disks: [{ size: 40 GiB }], writes: { rate: 1 MiB/s } }
    - { name: two, host: kvm-2, disks: [{ size: 40 GiB }], writes: { rate: 1 MiB/s }${vm} }
${estate}
wave: { id: faults, window: { opens: 1 h, closes: 4 h } }
plan: { approval: given, refreshEvery: 20 min }
operators: { blocked: {}, stalled: { after: 10 min }, undecidable: {}, failed: { after: 10 min }, acts: [${acts}] }
faults: [${faults}]
`);
  const { summary, facts } = await rehearsed(scenario);
  expect(summary.ending).toEqual({ type: 'finished' });
  expect(lawsBroken(facts)).toEqual([]);
  const all = facts.map(
    ({ stream, type, data, metadata }) =>
      ({ stream, type, data, minute: (metadata.time - scenario.starts) / minutes(1) }) as Fact,
  );
  return {
    summary,
    all,
    of: (vm: string, ...types: readonly string[]) =>
      all.filter((fact) => fact.stream === `migration-${vm}` && types.includes(fact.type)),
    lifecycles: Object.fromEntries(summary.members.map(({ migration, lifecycle }) => [migration, lifecycle])),
  };
}

const stops = ['ReplicationDisconnected', 'ReplicationStalled', 'TrackingLost', 'FinalSyncFailed'];
const fullSyncEnds = ({ of }: Awaited<ReturnType<typeof withFaults>>, vm: string): number =>
  of(vm, 'RoundCompleted')[0]?.minute ?? Number.NaN;

describe('what goes wrong is seen in the facts', () => {
  it('nothing does, unless it is asked for', async () => {
    const calm = await withFaults('');
    expect([...calm.of('one', ...stops), ...calm.of('two', ...stops)]).toEqual([]);
    expect(calm.lifecycles).toEqual({ one: 'cutOver', two: 'cutOver' });
  });

  it('a link that is slow, lossy or gray makes it longer and breaks nothing', async () => {
    const calm = await withFaults('');
    for (const fault of [
      '{ type: linkSlow, at: 0 s, lasts: 50 min, left: 10 % }',
      '{ type: linkLossy, at: 0 s, lasts: 50 min, loss: 2 % }',
      '{ type: grayFailure, vms: [one], share: 100 %, at: 0 s, lasts: 50 min }',
    ]) {
      const run = await withFaults(fault);
      expect([fault, fullSyncEnds(run, 'one')]).toEqual([fault, expect.closeTo(50, -1)]);
      expect(fullSyncEnds(run, 'one')).toBeGreaterThan(3 * fullSyncEnds(calm, 'one'));
      expect([...run.of('one', ...stops), ...run.of('two', ...stops)]).toEqual([]);
      // A gray failure is nobody else's.
      if (fault.includes('gray')) expect(fullSyncEnds(run, 'two')).toBeLessThanOrEqual(fullSyncEnds(calm, 'two'));
    }
  });

  it.each([
    ['{ type: linkDown, at: 2 min }', 'link wan', 'receiver', ['one', 'two']],
    ['{ type: sitePartitioned, at: 2 min }', 'link wan', 'receiver', ['one', 'two']],
    ['{ type: gatewayCrashed, at: 2 min }', 'gateway', 'gateway', ['one', 'two']],
    ['{ type: receiverCrashed, at: 2 min }', 'receiver', 'receiver', ['one', 'two']],
    ['{ type: sentinelLost, vms: [two], at: 2 min }', 'sentinel two', 'source', ['two']],
    ['{ type: vmMoved, vm: two, host: kvm-1, tracking: kept, at: 2 min }', 'sentinel two', 'source', ['two']],
  ])('%s disconnects whom it concerns, who go on where they were', async (fault, place, endpoint, concerned) => {
    const run = await withFaults(fault);
    for (const vm of ['one', 'two']) {
      const [first, ...more] = run.of(vm, ...stops);
      if (!concerned.includes(vm)) {
        expect(first).toBeUndefined();
        continue;
      }
      expect(first).toMatchObject({
        minute: 2,
        type: 'ReplicationDisconnected',
        data: { endpoint, reason: { detail: `${place} is down` } },
      });
      expect(more.every(({ minute }) => minute < 8)).toBe(true);
      expect(run.of(vm, 'RoundCompleted')[0]).toMatchObject({ data: { kind: 'full', resumed: expect.any(Number) } });
      expect(run.of(vm, 'RoundCompleted')[0]?.data).not.toMatchObject({ resumed: 0 });
    }
    expect(run.lifecycles).toEqual({ one: 'cutOver', two: 'cutOver' });
  });

  it('a flapping link breaks streams again and again, and only while it lasts', async () => {
    const run = await withFaults('{ type: linkDown, at: 1 min, lasts: 10 min, flaps: { period: 2 min, wrong: 10 % } }');
    const broken = run.of('one', 'ReplicationDisconnected').map(({ minute }) => minute);
    expect(broken.length).toBeGreaterThan(2);
    expect(Math.max(...broken)).toBeLessThan(11);
  });

  it('a host that fails takes its guests and their tracking with it, and no others', async () => {
    const run = await withFaults('{ type: hostDown, host: kvm-2, at: 30 min, lasts: 10 min }');
    expect(run.of('one', ...stops)).toEqual([]);
    const types = run.of('two', ...stops).map(({ type }) => type);
    expect(types).toContain('TrackingLost');
    const rescan = run
      .of('two', 'RoundCompleted')
      .find((fact) => fact.type === 'RoundCompleted' && fact.data.kind === 'rescan');
    expect(rescan?.minute).toBeGreaterThan(40);
    expect(run.lifecycles).toEqual({ one: 'cutOver', two: 'cutOver' });
  });

  it('a host that fails in the switchover leaves a migration that asks a person, who rolls back later', async () => {
    const run = await withFaults(
      '{ type: hostDown, host: kvm-2, on: { fact: SourceQuiesced, vm: two, after: 1 s }, atMost: 1, lasts: 8 min }',
    );
    expect(run.of('two', 'RollbackFailed')).toHaveLength(1);
    expect(run.of('two', 'RolledBack')).toHaveLength(1);
    expect(run.lifecycles.two).toBe('rolledBack');
  });

  it('a datastore that is full stalls replicas on it until somebody has freed space', async () => {
    const run = await withFaults('{ type: datastoreFull, datastore: silver, at: 2 min, lasts: 15 min }');
    expect(run.of('one', ...stops)).toEqual([]);
    const stalls = run.of('two', ...stops);
    expect(stalls[0]).toMatchObject({
      minute: 2,
      type: 'ReplicationStalled',
      data: { retryable: false, reason: { type: 'DatastoreFull' } },
    });
    // Resumed too early once; then there is space.
    expect(run.of('two', 'ReplicationResumed').map(({ minute }) => Math.floor(minute / 10))).toEqual([1, 2]);
    expect(stalls).toHaveLength(2);
    expect(run.lifecycles.two).toBe('cutOver');
  });

  it('a datastore without room is seen before replication begins', async () => {
    const { of, lifecycles } = await withFaults('', { silver: '10 GiB' });
    expect(of('one', 'VerificationFailed')).toEqual([]);
    const [failed] = of('two', 'VerificationFailed');
    expect(failed).toMatchObject({
      data: {
        checks: expect.arrayContaining([
          expect.objectContaining({
            id: 'target-space',
            message: 'datastore silver has 10 GiB left, and the replica needs 20 GiB',
          }),
        ]),
      },
    });
    expect(lifecycles.two).toBe('blocked');
  });

  it('a disk that is added is noticed before the source is stopped', async () => {
    const run = await withFaults('{ type: diskChanged, vm: one, disk: logs, at: 30 min, lasts: 40 min }');
    const [noticed] = run.of('one', ...stops);
    expect(noticed).toMatchObject({
      type: 'ReplicationStalled',
      data: { reason: { type: 'DisksChanged', detail: 'disk logs was added after the disks were planned' } },
    });
    const [quiesced] = run.of('one', 'SourceQuiesced');
    expect(noticed?.minute).toBeLessThan(quiesced?.minute ?? 0);
    expect(quiesced?.minute).toBeGreaterThan(70);
  });

  it('a VM that moves and loses its tracking is rescanned', async () => {
    const run = await withFaults('{ type: vmMoved, vm: two, host: kvm-1, at: 30 min }');
    expect(run.of('two', 'TrackingLost')).toHaveLength(1);
    expect(run.lifecycles.two).toBe('cutOver');
  });

  it.each([
    ['{ type: fixUpFailed, vms: [two] }', 'FixUpFailed'],
    ['{ type: bootFailed, vms: [two] }', 'LaunchFailed'],
  ])('%s gives the source back', async (fault, type) => {
    const run = await withFaults(fault);
    expect(run.of('two', type)).toHaveLength(1);
    expect(run.of('two', 'RolledBack')[0]?.minute).toBeGreaterThan(run.of('two', type)[0]?.minute ?? 0);
    expect(run.of('one', type)).toEqual([]);
  });

  it('a guest that does not boot has used the time of one that does', async () => {
    const durations = await Promise.all(
      ['{ type: bootFailed, vms: [two] }', '{ type: launchFailed, vms: [two] }'].map(async (fault) => {
        const { of } = await withFaults(fault);
        return (of('two', 'LaunchFailed')[0]?.minute ?? 0) - (of('two', 'ReplicaFixedUp')[0]?.minute ?? 0);
      }),
    );
    expect(durations[0]).toBeGreaterThan(2 * (durations[1] ?? Infinity));
  });

  it('a snapshot that fails is taken again', async () => {
    const run = await withFaults('{ type: snapshotFailed, vms: [one], times: 2 }');
    expect(run.of('one', ...stops)).toMatchObject([
      { type: 'ReplicationStalled', data: { retryable: true, reason: { type: 'SnapshotFailed' } } },
      { type: 'ReplicationStalled' },
    ]);
    expect(run.lifecycles.one).toBe('cutOver');
  });

  it('a fault strikes only in its time', async () => {
    const run = await withFaults('{ type: trackingLost, times: 9, at: 40 min, lasts: 15 min }');
    const lost = run.all.filter(({ type }) => type === 'TrackingLost');
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.every(({ minute }) => minute >= 40 && minute <= 56)).toBe(true);
  });

  it('faults at random come as often as they should, and not sooner than they may', async () => {
    const run = await withFaults('{ type: linkDown, every: 30 min, calm: 5 min, lasts: 30 s, atMost: 50 }');
    const again = await withFaults('{ type: linkDown, every: 30 min, calm: 5 min, lasts: 30 s, atMost: 50 }');
    expect(again.all).toEqual(run.all);
  });
});

describe('what people do without being asked', () => {
  it('they pause, and resume when it is over', async () => {
    const { of, lifecycles } = await withFaults('', { acts: '{ act: pause, vms: [one], at: 2 min, lasts: 20 min }' });
    expect(of('one', 'ReplicationPaused', 'ReplicationResumed').map(({ minute }) => minute)).toEqual([2, 22]);
    expect(of('two', 'ReplicationPaused')).toEqual([]);
    expect(lifecycles).toEqual({ one: 'cutOver', two: 'cutOver' });
  });

  it('they cancel, rescan or roll back the VM at which something happened', async () => {
    const { of, lifecycles } = await withFaults('', {
      acts: '{ act: rescan, on: { fact: RoundCompleted, vm: one, after: 1 min }, atMost: 1 }, { act: rollBack, on: { fact: SourceFenced, after: 1 s } }',
    });
    expect(of('one', 'RescanRequested')).toHaveLength(1);
    expect(of('two', 'RescanRequested')).toEqual([]);
    expect(of('one', 'RollbackRequested')).not.toEqual([]);
    expect(lifecycles.two).toBe('rolledBack');
    const cancelled = await withFaults('', { acts: '{ act: cancel, vms: [two], at: 30 min }' });
    expect(cancelled.lifecycles).toEqual({ one: 'cutOver', two: 'cancelled' });
  });
});

describe('a manager that crashes', () => {
  const ends = { one: 'cutOver', two: 'cutOver' };

  it('does nothing while it is down, and goes on from the log', async () => {
    const run = await withFaults('{ type: managerCrash, at: 3 min, lasts: 10 min }');
    expect(run.all.filter(({ minute }) => minute > 3 && minute < 13)).toEqual([]);
    const rounds = run.of('one', 'RoundCompleted');
    expect(rounds[0]?.minute).toBeGreaterThan(13);
    // What had crossed does not cross again.
    expect(rounds[0]?.data).toMatchObject({ kind: 'full' });
    expect(rounds[0]?.data).not.toMatchObject({ resumed: 0 });
    expect(run.lifecycles).toEqual(ends);
  });

  it.each([
    'CutoverStarted',
    'EffectRequested',
    'SourceQuiesced',
    'FinalSyncCompleted',
    'SourceFenced',
    'TargetLaunched',
  ])('at %s ends as if it had not, each step once', async (fact) => {
    const run = await withFaults(`{ type: managerCrash, on: { fact: ${fact}, after: 1 s }, lasts: 30 s, atMost: 3 }`);
    expect(run.lifecycles).toEqual(ends);
    for (const vm of ['one', 'two'])
      for (const type of [
        'ReplicationInitiated',
        'SourceQuiesced',
        'SourceFenced',
        'TargetLaunched',
        'TargetConnected',
      ])
        expect([vm, type, run.of(vm, type).length]).toEqual([vm, type, 1]);
  });

  it('crashes again and again, and operators ask until it is there', async () => {
    const run = await withFaults(
      '{ type: managerCrash, every: 8 min, lasts: 1 min }, { type: bootFailed, vms: [one] }',
      {
        acts: '{ act: pause, vms: [two], at: 9 min, lasts: 5 min }',
      },
    );
    expect(run.of('two', 'ReplicationPaused', 'ReplicationResumed')).toHaveLength(2);
    expect(run.lifecycles).toEqual({ one: 'rolledBack', two: 'cutOver' });
  });
});
