import { describe, expect, it } from 'vitest';
import { millis } from '#core/units';
import type { MigrationFactType } from '#core/migration/facts';
import { smallMigration, type SmallMigration } from '#test/support/small-migration';

/*
 * What the outside does with one call, and what may be believed after it: power and networks are taken for what they were
 * seen to be, never for what they were asked to be.
 */

const launching = (): SmallMigration => smallMigration({ handOver: 'launch', onValidationFailure: 'rollBack' });
const typesOf = async (small: SmallMigration): Promise<readonly MigrationFactType[]> =>
  (await small.facts()).map(({ type }) => type);
const found = async (small: SmallMigration): Promise<readonly string[]> =>
  (await small.facts()).flatMap(({ type, data }) => (type === 'OutcomeReconciled' ? [data.found] : []));

describe('a target whose connecting was not answered', () => {
  it.each([
    ['lostBefore', 'notDone'],
    ['lostAfter', 'done'],
  ] as const)('is connected if its links say so, and then only: %s', async (fate, expected) => {
    const small = launching();
    small.launch.fates.set('set links', [fate]);
    expect((await small.live()).ending).toBe('cutOver');
    expect(await found(small)).toEqual([expected]);
    expect([...small.launch.vms.values()]).toMatchObject([{ power: 'running', links: 'connected' }]);
  });
});

describe('a fence', () => {
  it('waits for a guest that takes its time to power off', async () => {
    const small = launching();
    small.launch.fates.set('agent power off', [{ late: millis(3_000) }]);
    expect((await small.live()).ending).toBe('cutOver');
    expect(await typesOf(small)).not.toContain('FencingFailed');
  });

  it('does not power a source off that was written to after the final sync', async () => {
    const small = launching();
    const onFact = ({ type }: { readonly type: string }): void => {
      if (type !== 'FinalSyncCompleted') return;
      for (const { frozen, dirty } of small.source.marks.values())
        if (!frozen) for (const blocks of dirty.values()) blocks.add(0);
    };
    expect((await small.live({ onFact })).ending).toBe('rolledBack');
    const failed = (await small.facts()).find(({ type }) => type === 'FencingFailed');
    expect(failed?.data).toMatchObject({ reason: { type: 'WrittenSinceFinalSync' } });
  });

  it('is none if the source was started again while it was put up', async () => {
    const small = launching();
    let times = 0;
    small.launch.onChange = (call) => {
      if (call === 'disconnect' && (times += 1) === 1) small.source.power = 'running';
    };
    expect((await small.live()).ending).toBe('rolledBack');
    expect(await typesOf(small)).toContain('FencingFailed');
    expect(await typesOf(small)).not.toContain('SourceFenced');
  });

  it('does not power a source off that nobody can ask any more whether it was written to', async () => {
    const small = launching();
    const { fates } = small.launch;
    fates.set('agent power off', ['lostBefore']);
    const forced: string[] = [];
    let isAway = false;
    small.launch.onChange = (call) => {
      if (call === 'power off') forced.push(call);
      // Its network is gone from when it was asked to power off until the source is given back.
      if (!isAway && fates.get('agent power off')?.length === 0) {
        isAway = true;
        small.launch.sourceConnected = false;
      }
    };
    expect((await small.live()).ending).toBe('rolledBack');
    expect(forced).toEqual([]);
    expect(await typesOf(small)).toContain('FencingFailed');
    expect([small.source.power, small.launch.sourceConnected]).toEqual(['running', true]);
  });

  it('does not power a source off that its cluster started again as soon as it had gone off', async () => {
    const small = launching();
    const calls: string[] = [];
    small.launch.onChange = (call) => {
      calls.push(call);
      if (call === 'agent power off') small.source.restart();
    };
    expect((await small.live()).ending).toBe('rolledBack');
    expect(calls).not.toContain('power off');
    expect(await typesOf(small)).toContain('FencingFailed');
    expect([small.source.power, small.launch.sourceConnected]).toEqual(['running', true]);
  });
});

describe('the way back', () => {
  it('is not behind it before the source serves again: to have powered it on is not enough', async () => {
    const small = launching();
    small.launch.fails.add('launch');
    small.launch.onPowerOn = () => (small.launch.sourceConnected = false);
    expect((await small.live()).ending).toBe('failed');
    const failed = (await small.facts()).find(({ type }) => type === 'RollbackFailed');
    expect(failed?.data).toMatchObject({ reason: { detail: expect.stringContaining('does not answer') } });
  });

  it('sees to the networks last: they may have been taken from the source while it booted', async () => {
    const small = launching();
    const { launch } = small;
    Object.assign(launch, { hasOtherWay: true, bootTakes: millis(8_000) });
    launch.fates.set('disconnect', [{ late: millis(25) }]);
    expect((await small.live()).ending).toBe('rolledBack');
    expect([small.source.power, launch.sourceConnected]).toEqual(['running', true]);
  });

  it('is not given up while the source runs beside its target', async () => {
    const small = launching();
    const onFact = ({ type }: { readonly type: string }): void => {
      if (type === 'FinalizationRequested') small.source.power = 'running';
      if (type === 'RetirementFailed') small.source.power = 'off';
    };
    expect((await small.live({ goal: 'finalize', onFact })).ending).toBe('finalized');
    expect((await typesOf(small)).filter((type) => type === 'RetirementFailed')).toHaveLength(1);
  });
});
