import { describe, expect, it } from 'vitest';
import { instant, round } from '#core/units';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { axesOf } from './abilities.ts';
import { evolve, foldMigration, initialMigration } from './evolve.ts';
import type { MigrationFact } from './facts.ts';

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
    const place = { stream: 'migration-a', time: instant(0) } as const;
    expect(axesOf(foldMigration(facts.map((fact) => ({ fact, place }))))).toMatchObject({
      ...{ lifecycle: 'protected', replication: 'parked.resting' },
    });
  });
  it('starts undrafted', () =>
    expect(axesOf(initialMigration())).toEqual({ lifecycle: 'undrafted', replication: 'idle', outcome: 'certain' }));
});
