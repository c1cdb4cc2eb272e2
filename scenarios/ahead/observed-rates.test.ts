import { describe, expect, it } from 'vitest';
import { position, revision, type RecordedFact, type StreamId } from '#core/event-log/event-log';
import { factId, migrationId } from '#core/ids';
import { initialMigration } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import { bytes, instant, MiB, round } from '#core/units';
import { observedRates } from './observed-rates.ts';
import type { RecordedMigration } from './recorded-run.ts';

type Timed = readonly [second: number, fact: MigrationFact];

const migrationOf = (name: string, facts: readonly Timed[]): RecordedMigration => ({
  id: migrationId(name),
  plan: {} as MigrationPlan,
  state: initialMigration(),
  history: facts.map(([second, { type, data }], i): RecordedFact<MigrationFact> => ({
    ...{ id: factId(`00000000-0000-4000-8000-${String(i).padStart(12, '0')}`), type, data },
    ...{ stream: `migration-${name}` as StreamId, revision: revision(i), position: position(i + 1) },
    metadata: {
      ...{ time: instant(second * 1_000), actor: 'world', correlationId: name, schemaVersion: 2, previousHash: '' },
      model: { id: 'migration', version: '1' },
    },
  })),
});
const initiated = (second: number): Timed => [second, { type: 'ReplicationInitiated', data: { disks: [] } }];
/** A round that moves so many MiB in each minute, told by the minute. */
const minutes = (from: number, each: readonly number[]): readonly Timed[] =>
  each.map((_, i): Timed => {
    const done = bytes(each.slice(0, i + 1).reduce((sum, mib) => sum + mib, 0) * MiB);
    const total = bytes(1_000_000 * MiB);
    return [from + 60 * (i + 1), { type: 'RoundProgressed', data: { round: round(0), done, total, sent: done } }];
  });
const rateOf = (mibPerMinute: number): number => (mibPerMinute * MiB * 0.95) / 60;
const near = (rate: number | undefined, wanted: number): void => expect((rate ?? 0) / wanted).toBeCloseTo(1, 2);

describe('rates from rounds', () => {
  it('are a VM’s own where it is alone', () => {
    const { own, shared } = observedRates([migrationOf('a', [initiated(0), ...minutes(0, [600, 600, 600])])]);
    near(own.get(migrationId('a'))?.high, rateOf(600));
    expect(shared).toBeNull();
  });

  it('leave out the minute in which a round begins', () => {
    const { own } = observedRates([migrationOf('a', [initiated(0), ...minutes(0, [60, 600, 600])])]);
    near(own.get(migrationId('a'))?.low, rateOf(600));
  });

  it('are not a VM’s own where all together are as fast as they ever get', () => {
    const alone = [600, 600, 600, 600];
    const { own, shared, fastest } = observedRates([
      migrationOf('a', [initiated(0), ...minutes(0, [...alone, 400, 400, 400, 400])]),
      migrationOf('b', [initiated(240), ...minutes(240, [400, 400, 400, 400])]),
    ]);
    near(own.get(migrationId('a'))?.low, rateOf(600));
    expect(own.get(migrationId('b'))).toBeUndefined();
    near(fastest.get(migrationId('b')), rateOf(400));
    near(shared?.low, rateOf(800));
    expect(shared?.streams).toBe(2);
  });

  it('are unknown where no round has said anything', () => {
    const { own, fastest, shared } = observedRates([migrationOf('a', [initiated(0)])]);
    expect([own.size, fastest.size, shared]).toEqual([0, 0, null]);
  });
});
