import { describe, expect, it } from 'vitest';
import { instant } from '#core/units';
import { axesOf } from '#core/migration/abilities';
import { foldMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { samplePlan } from '#test/support/migration-facts';
import { standingBits, standingOf } from './standing.ts';

const replicating: readonly MigrationFact[] = [
  { type: 'MigrationDrafted', data: { plan: samplePlan() } },
  { type: 'VerificationRequested', data: {} },
  { type: 'VerificationPassed', data: { checks: [] } },
  { type: 'ProtectionStarted', data: {} },
  { type: 'ReplicationInitiated', data: { disks: [] } },
];
const reason = { type: 'Sample', detail: 'a sample' };
const stalled = (retryable: boolean): MigrationFact => ({ type: 'ReplicationStalled', data: { reason, retryable } });
const after = (...facts: readonly MigrationFact[]): MigrationState =>
  foldMigration([...replicating, ...facts].map((fact) => ({ fact, place: { stream: 'm-1', time: instant(0) } })));

describe('a place among those that replicate', () => {
  const holds = (...facts: readonly MigrationFact[]): boolean =>
    (standingOf(after(...facts)) & standingBits.replicating) !== 0;

  it('is kept by one that is interrupted: it takes it up again by itself, and the limit has to hold then too', () => {
    expect(holds()).toBe(true);
    expect(holds(stalled(true))).toBe(true);
    expect(holds({ type: 'ReplicationDisconnected', data: { endpoint: 'receiver', reason } })).toBe(true);
  });

  it('is given up by one that waits for a person', () => {
    const blocked = after(stalled(false));
    expect(axesOf(blocked).replication).toBe('stalled.blocked');
    expect(holds(stalled(false))).toBe(false);
    expect(holds({ type: 'ReplicationPaused', data: { reason: 'busy hour' } })).toBe(false);
  });
});
