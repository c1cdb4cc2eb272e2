import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RecordedFact } from '#core/event-log/event-log';
import { axesOf } from '#core/migration/abilities';
import { foldMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { everyTemper, smallFleet } from '#test/support/small-fleet';
import { fleetFold, foldMigrationView, type FleetFold, type MigrationView } from './fleet-view.ts';

const facts: RecordedFact[] = [];
beforeAll(async () => {
  const fleet = await smallFleet({ tempers: everyTemper });
  await fleet.advance(100);
  await fleet.stop();
  for await (const fact of fleet.log.readAll()) facts.push(fact);
});

const folded = (all: readonly RecordedFact[]): FleetFold => {
  const fleet = fleetFold();
  for (const fact of all) fleet.add(fact);
  return fleet;
};

function frozen<T extends object>(value: T): T {
  if (Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value))
    if (typeof member === 'object' && member !== null) frozen(member as object);
  return value;
}

const byTheChart = (stream: string, all: readonly RecordedFact[]): MigrationState =>
  foldMigration(
    all
      .filter((fact) => fact.stream === stream)
      .map(({ type, data, metadata }) => ({
        fact: { type, data } as MigrationFact,
        place: { stream, time: metadata.time },
      })),
  );

describe('fleetFold', () => {
  it('agrees with the chart at any moment, though reports of progress do not go through it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: facts.length }), (count) => {
        const until = facts.slice(0, count);
        for (const { id, state } of folded(until).migrations.values()) {
          const expected = byTheChart(`migration-${id}`, until);
          expect(axesOf(state)).toEqual(axesOf(expected));
          expect(state.work).toEqual(expected.work);
          expect(state.count).toBe(expected.count);
          expect(state.snapshot.context).toEqual(expected.snapshot.context);
        }
      }),
      { numRuns: 8 },
    );
  });

  it('knows where each stream ends', () => {
    const fleet = folded(facts);
    const last = facts.findLast(({ stream }) => stream === 'migration-vm-01');
    expect(fleet.migrations.get('vm-01' as never)).toMatchObject({
      position: last?.position,
      time: last?.metadata.time,
      facts: facts.filter(({ stream }) => stream === 'migration-vm-01').length,
      broken: null,
    });
    expect([...fleet.waves.keys()]).toEqual(['1']);
  });

  it('leaves facts and all that it told before as they were', () => {
    const views = new Map<string, MigrationView>();
    for (const fact of facts.filter(({ stream }) => stream.startsWith('migration-'))) {
      const view = foldMigrationView(views.get(fact.stream), frozen({ ...fact }));
      // To write to what is frozen is an error.
      views.set(fact.stream, frozen(view));
    }
    expect([...views.values()].filter(({ broken }) => broken !== null)).toEqual([]);
    expect([...views.values()]).toEqual([...folded(facts).migrations.values()]);
  });

  it('marks a stream that does not fit the model, and goes on with the others', () => {
    const at = facts.findIndex(({ type }) => type === 'ProtectionStarted');
    const stream = facts[at]?.stream ?? '';
    const fleet = folded(facts.filter((_, n) => n !== at));
    const broken = fleet.migrations.get(stream.replace('migration-', '') as never);
    expect(broken?.broken?.why).toContain('cannot follow in state');
    expect(broken && axesOf(broken.state).lifecycle).toBe('ready');
    expect([...fleet.migrations.values()].filter((view) => view.broken !== null)).toHaveLength(1);
  });

  it('passes over a report of progress of another round as the chart does: it is refused', () => {
    const report = facts.find(({ type }) => type === 'RoundProgressed');
    const before = facts.slice(
      0,
      facts.findIndex((fact) => fact === report),
    );
    const wrong = { ...report, data: { ...report?.data, round: 7 } } as RecordedFact;
    const view = folded([...before, wrong]).migrations.get((report?.stream ?? '').replace('migration-', '') as never);
    expect(view?.broken?.why).toContain('RoundProgressed cannot follow');
  });
});
