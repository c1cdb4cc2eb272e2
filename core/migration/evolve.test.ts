import { describe, expect, it } from 'vitest';
import { bytes, GiB, instant, round, seconds } from '#core/units';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { axesOf } from './abilities.ts';
import { copyOfContext, type MigrationContext } from './chart.ts';
import { canTake, evolve, foldMigration, initialMigration, type MigrationState } from './evolve.ts';
import type { MigrationFact } from './facts.ts';
import type { MigrationPlan } from './plan.ts';

const place = { stream: 'migration-a', time: instant(0) } as const;
const after = (...facts: readonly MigrationFact[]): MigrationState =>
  foldMigration(facts.map((fact) => ({ fact, place })));
const replicating = (changes: Partial<MigrationPlan> = {}): readonly MigrationFact[] => [
  { type: 'MigrationDrafted', data: { plan: samplePlan({ approval: 'given', ...changes }) } },
  { type: 'VerificationRequested', data: {} },
  { type: 'VerificationPassed', data: { checks: [] } },
  { type: 'ProtectionStarted', data: {} },
  { type: 'ReplicationInitiated', data: { disks: [] } },
];

it('a copy of a context has all that it has', () => {
  const start = initialMigration().snapshot.context;
  // No two of them alike, so that none can stand in for another.
  const context = Object.fromEntries(Object.keys(start).map((name, i) => [name, i])) as unknown as MigrationContext;
  expect(copyOfContext(context)).toEqual(context);
});

describe('evolve', () => {
  it('refuses a fact that cannot follow', () => {
    expect(() =>
      evolve(initialMigration(), { type: 'CutoverStarted', data: {} }, { stream: 'migration-a', time: instant(0) }),
    ).toThrow('CutoverStarted cannot follow');
  });
  it('takes a log from before tests fetched what was written last', () => {
    const facts: readonly MigrationFact[] = [
      { type: 'MigrationDrafted', data: { plan: samplePlan() } },
      { type: 'VerificationRequested', data: {} },
      { type: 'VerificationPassed', data: { checks: [] } },
      { type: 'ProtectionStarted', data: {} },
      { type: 'ReplicationInitiated', data: { disks: [] } },
      { type: 'RoundCompleted', data: sampleReport({ round: round(0), kind: 'full' }) },
      { type: 'TestLaunchRequested', data: {} },
      { type: 'TestLaunched', data: { vm: 'test' } },
      { type: 'DeadlinePassed', data: { timer: 'refresh' } },
      { type: 'TestJudged', data: { verdict: 'passed', note: '' } },
      { type: 'TestCleanedUp', data: {} },
      { type: 'RoundCompleted', data: sampleReport({ round: round(1), kind: 'delta' }) },
    ];
    expect(axesOf(after(...facts))).toMatchObject({
      ...{ lifecycle: 'protected', replication: 'parked.resting' },
    });
  });
  it('starts undrafted', () =>
    expect(axesOf(initialMigration())).toEqual({ lifecycle: 'undrafted', replication: 'idle', outcome: 'certain' }));
});

describe('the report of a round', () => {
  it.each([1, 3])('that is not the one that runs, but round %i, is not taken', (other) => {
    const full: MigrationFact = {
      type: 'RoundCompleted',
      data: sampleReport({ kind: 'full', dirty: bytes(100 * GiB) }),
    };
    const second: MigrationFact = { type: 'RoundCompleted', data: { ...full.data, round: round(1), kind: 'delta' } };
    const state = after(...replicating(), full, second);
    const report = (n: number): MigrationFact => ({
      type: 'RoundCompleted',
      data: { ...second.data, round: round(n) },
    });
    expect(canTake(state, report(other))).toBe(false);
    expect(canTake(state, report(2))).toBe(true);
  });
});

describe('a quiesce that is refused', () => {
  const refused: MigrationFact = { type: 'QuiesceRefused', data: { reason: { type: 'Busy', detail: 'a dump runs' } } };
  const quiescing = (onRefusal: 'force' | 'rollBack') => [
    ...replicating({ quiesce: { timeout: seconds(60), onRefusal } }),
    { type: 'RoundCompleted', data: sampleReport({ kind: 'full' }) } as const,
    { type: 'CutoverApproved', data: { by: 'ada' } } as const,
    { type: 'CutoverStarted', data: {} } as const,
    { type: 'RoundCompleted', data: sampleReport({ round: round(1) }) } as const,
  ];
  const lifecycle = (state: MigrationState): string => axesOf(state).lifecycle;

  it('is forced once where the plan says so, and then given up', () => {
    const once = after(...quiescing('force'), refused);
    expect(lifecycle(once)).toBe('cuttingOver.quiescing');
    expect(once.work.map(({ effect }) => effect)).toContainEqual({ type: 'quiesceSource', params: { force: true } });
    expect(lifecycle(after(...quiescing('force'), refused, refused))).toBe('rollingBack');
  });

  it('is never forced where the plan wants the source back', () => {
    expect(lifecycle(after(...quiescing('rollBack'), refused))).toBe('rollingBack');
  });
});
