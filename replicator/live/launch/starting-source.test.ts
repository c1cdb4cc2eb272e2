import { describe, expect, it } from 'vitest';
import { foldMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import type { TargetVm } from '#core/ports/target-platform';
import { err, ok } from '#core/result';
import { instant, round } from '#core/units';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { mayStartSource } from './starting-source.ts';

const cuttingOver: readonly MigrationFact[] = [
  { type: 'MigrationDrafted', data: { plan: samplePlan({ approval: 'given' }) } },
  { type: 'VerificationRequested', data: {} },
  { type: 'VerificationPassed', data: { checks: [] } },
  { type: 'ProtectionStarted', data: {} },
  { type: 'ReplicationInitiated', data: { disks: [] } },
  { type: 'RoundCompleted', data: sampleReport({ kind: 'full' }) },
  { type: 'CutoverApproved', data: { by: 'ada' } },
  { type: 'CutoverStarted', data: {} },
  { type: 'RoundCompleted', data: sampleReport({ round: round(1) }) },
];
const after = (facts: readonly MigrationFact[]): MigrationState =>
  foldMigration(facts.map((fact) => ({ fact, place: { stream: 'm-1', time: instant(0) } })));
const target = (vm?: Omit<TargetVm, 'name'>) => ({ find: async () => ok(vm && { name: 'web-01', ...vm }) });

describe('a source that is found off', () => {
  const free = after(cuttingOver.slice(0, 6));

  it('may be started where no cutover has it, unless its target is connected', async () => {
    expect(await mayStartSource(free, target(), 'web-01')).toEqual(ok(true));
    expect(await mayStartSource(free, target({ power: 'running', links: 'isolated' }), 'web-01')).toEqual(ok(true));
    expect(await mayStartSource(free, target({ power: 'running', links: 'connected' }), 'web-01')).toEqual(ok(false));
  });

  it('may not be started by anybody once its cutover has taken it, wherever its target is', async () => {
    expect(await mayStartSource(after(cuttingOver), target(), 'web-01')).toEqual(ok(false));
  });

  it('is not started while nobody knows where its target is', async () => {
    const away = { find: async () => err({ type: 'Unreachable', operation: 'find', detail: 'cut' } as const) };
    expect(await mayStartSource(free, away, 'web-01')).toMatchObject({ ok: false });
  });
});
