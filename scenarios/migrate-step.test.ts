import { describe, expect, it } from 'vitest';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationCommandType } from '#core/migration/commands';
import type { MigrationFact } from '#core/migration/facts';
import { instant, round } from '#core/units';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { leavingStep, nextStep, type Goal, type Step } from './migrate-step.ts';

const plan = samplePlan({ handOver: 'replica', approval: 'given' });
const reason = { type: 'T', detail: 'd' };

const fold = (facts: readonly MigrationFact[]): MigrationState =>
  facts.reduce((state, fact) => evolve(state, fact, { stream: 'migration-a', time: instant(0) }), initialMigration());
const drafted: readonly MigrationFact[] = [{ type: 'MigrationDrafted', data: { plan } }];
const verified: readonly MigrationFact[] = [
  ...drafted,
  { type: 'VerificationRequested', data: {} },
  { type: 'VerificationPassed', data: { checks: [] } },
];
const syncing: readonly MigrationFact[] = [
  ...verified,
  { type: 'ProtectionStarted', data: {} },
  { type: 'ReplicationInitiated', data: { disks: [] } },
];
const parked: readonly MigrationFact[] = [...syncing, { type: 'RoundCompleted', data: sampleReport({ kind: 'full' }) }];
const blocked: readonly MigrationFact[] = [
  ...syncing,
  { type: 'ReplicationStalled', data: { reason, retryable: false } },
];
const catchingUp: readonly MigrationFact[] = [
  ...parked,
  { type: 'TestLaunchRequested', data: {} },
  { type: 'ReplicationStalled', data: { reason, retryable: false } },
];
const approved: readonly MigrationFact[] = [...syncing, { type: 'CutoverStarted', data: {} }];
const quiescing: readonly MigrationFact[] = [
  ...approved,
  { type: 'RoundCompleted', data: sampleReport({ kind: 'full' }) },
];
const rolledBack: readonly MigrationFact[] = [
  ...quiescing,
  { type: 'QuiesceRefused', data: { reason } },
  { type: 'QuiesceRefused', data: { reason } },
  { type: 'RolledBack', data: { source: 'running' } },
];
const failed: readonly MigrationFact[] = [...rolledBack.slice(0, -1), { type: 'RollbackFailed', data: { reason } }];

describe('the next step', () => {
  it.each<[string, readonly MigrationFact[], Step | MigrationCommandType, MigrationCommandType[]?, Goal?]>([
    ['drafts what is not drafted', [], 'DraftMigration'],
    ['verifies what is drafted', drafted, 'VerifySource'],
    ['waits while the source is looked at', verified.slice(0, -1), { type: 'wait' }],
    ['protects what is ready', verified, 'StartProtection'],
    ['waits while blocks are copied', syncing, { type: 'wait' }],
    ['cuts over what is parked', parked, 'StartCutover'],
    ['resumes where an earlier run was blocked', blocked, 'ResumeReplication'],
    ['ends where this run is blocked', blocked, { type: 'end', kind: 'blocked' }, ['VerifySource']],
    ['resumes where an earlier run was blocked before its test', catchingUp, 'ResumeReplication'],
    [
      'ends where its test waits for rounds that are blocked',
      catchingUp,
      { type: 'end', kind: 'blocked' },
      ['LaunchTest'],
    ],
    ['waits while the guest is stopped', quiescing, { type: 'wait' }, ['StartCutover']],
    [
      'ends with a cutover of its own that was rolled back',
      rolledBack,
      { type: 'end', kind: 'rolledBack' },
      ['StartCutover'],
    ],
    ['goes on after a cutover of an earlier run was rolled back', rolledBack, { type: 'wait' }],
    ['tries to give the source back once more', failed, 'RollBack'],
    ['ends where it could not give it back', failed, { type: 'end', kind: 'failed' }, ['StartCutover']],
    ['cancels when that is wanted', parked, 'CancelMigration', [], 'cancel'],
    ['revokes a cutover that has not begun when going back is wanted', approved, 'RevokeCutover', [], 'rollBack'],
    ['goes back in the middle of a cutover', quiescing, 'RollBack', [], 'rollBack'],
    ['has nothing to go back from before a cutover', parked, { type: 'end', kind: 'rolledBack' }, [], 'rollBack'],
  ])('%s', (_what, facts, expected, sent = [], goal = 'cutOver') => {
    const step = nextStep(fold(facts), plan, new Set(sent), goal);
    expect(step).toMatchObject(typeof expected === 'string' ? { command: { type: expected } } : expected);
  });

  it('asks for an approval that the plan wants and nobody has given', () => {
    const wanting = samplePlan({ ...plan, approval: 'required' });
    const [, ...rest] = parked;
    const state = fold([{ type: 'MigrationDrafted', data: { plan: wanting } }, ...rest]);
    expect(nextStep(state, wanting, new Set())).toEqual({ type: 'askApproval' });
  });
});

const launched: readonly MigrationFact[] = [
  { type: 'MigrationDrafted', data: { plan: { ...plan, handOver: 'launch', onValidationFailure: 'ask' } } },
  ...quiescing.slice(1),
  { type: 'SourceQuiesced', data: { method: 'm', found: 'running' } },
  { type: 'FinalSyncCompleted', data: sampleReport({ kind: 'final', round: round(1) }) },
  { type: 'SourceFenced', data: { proof: 'p' } },
  { type: 'ReplicaFixedUp', data: { findings: [] } },
  { type: 'TargetLaunched', data: { vm: 'v' } },
  { type: 'TargetConnected', data: { networks: [] } },
  { type: 'ValidationFailed', data: { checks: [] } },
];

describe('the next step of a run that is interrupted', () => {
  it.each<[string, readonly MigrationFact[], Step | MigrationCommandType]>([
    ['leaves rounds to be taken up later', syncing, { type: 'end', kind: 'interrupted' }],
    ['leaves a cutover that has not begun', approved, { type: 'end', kind: 'interrupted' }],
    ['gives back a source that a cutover has stopped', quiescing, 'RollBack'],
    ['waits until it is given back', rolledBack.slice(0, -1), { type: 'wait' }],
    ['ends once it is given back', rolledBack, { type: 'end', kind: 'interrupted' }],
    ['says that it could not be given back', failed, { type: 'end', kind: 'failed' }],
    ['leaves a target that did not pass to a person', launched, { type: 'end', kind: 'blocked' }],
  ])('%s', (_what, facts, expected) => {
    expect(leavingStep(fold(facts))).toMatchObject(
      typeof expected === 'string' ? { command: { type: expected } } : expected,
    );
  });
});
