import { describe, expect, it } from 'vitest';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { instant } from '#core/units';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { troubleFold } from './trouble.ts';

const reason = { type: 'X', detail: 'why' };
const completed: MigrationFact = { type: 'RoundCompleted', data: sampleReport() };
const disconnected: MigrationFact = { type: 'ReplicationDisconnected', data: { endpoint: 'receiver', reason } };
const launchFailed: MigrationFact = { type: 'LaunchFailed', data: { reason } };
const started: MigrationFact = { type: 'CutoverStarted', data: {} };

function after(...facts: readonly MigrationFact[]) {
  const fold = troubleFold();
  for (const fact of facts) fold.add(fact);
  return fold;
}
function stateAfter(...facts: readonly MigrationFact[]): MigrationState {
  return facts.reduce(
    (state, fact) => evolve(state, fact, { stream: 'migration-a', time: instant(0) }),
    initialMigration(),
  );
}
const drafted: MigrationFact = { type: 'MigrationDrafted', data: { plan: samplePlan() } };
const ready: readonly MigrationFact[] = [
  drafted,
  { type: 'VerificationRequested', data: {} },
  { type: 'VerificationPassed', data: { checks: [] } },
];

describe('what went wrong with a VM', () => {
  it('is what turned its cutover back, whatever replication meets afterwards', () => {
    const fold = after(started, launchFailed, disconnected, completed);
    expect(fold.trouble(initialMigration(), false)).toEqual({ type: 'launchFailed', detail: 'why' });
  });

  it('is forgotten when it was overcome, unless the VM moved all the same', () => {
    const fold = after(disconnected, completed);
    expect(fold.trouble(initialMigration(), false)).toBeNull();
    expect(fold.trouble(initialMigration(), true)).toEqual({ type: 'disconnected', detail: 'why' });
  });

  it('is another thing in another cutover', () => {
    const refused: MigrationFact = { type: 'QuiesceRefused', data: { reason } };
    expect(after(started, launchFailed, started, refused).trouble(initialMigration(), false)?.type).toBe(
      'quiesceRefused',
    );
    expect(after(started, launchFailed, started).trouble(initialMigration(), false)).toBeNull();
  });

  it('is the window where the planner turned it back at its end', () => {
    const asked = 'the window has closed';
    expect(
      after(started, { type: 'CutoverRevoked', data: { reason: asked } }).trouble(initialMigration(), false),
    ).toEqual({ type: 'windowClosed', detail: asked });
    const back: MigrationFact = {
      type: 'RollbackRequested',
      data: { reason: asked, acceptLossOfTargetWrites: false },
    };
    expect(after(started, back).trouble(initialMigration(), false)?.type).toBe('windowClosed');
    expect(after(started, launchFailed, back).trouble(initialMigration(), false)?.type).toBe('launchFailed');
  });

  it('is the first check that failed', () => {
    const check = { id: 'space', message: 'the datastore is full', remedy: 'make room' };
    const failed: MigrationFact = {
      type: 'VerificationFailed',
      data: { checks: [{ ...check, verdict: 'failed' }] },
    };
    expect(after(failed).trouble(initialMigration(), false)).toEqual({ type: 'checkFailed', detail: check.message });
  });

  it('is what it waits for where nothing failed', () => {
    expect(after().trouble(stateAfter(...ready), false)?.type).toBe('noTurn');
    const protectedState = stateAfter(...ready, { type: 'ProtectionStarted', data: {} });
    expect(after().trouble(protectedState, false)?.type).toBe('notParked');
    expect(after().trouble(protectedState, true)).toBeNull();
  });
});
