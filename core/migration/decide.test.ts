import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { bytes, GiB, instant, round } from '#core/units';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { commandTypes, describeRejection, type MigrationCommand } from './commands.ts';
import { decide, legalCommands } from './decide.ts';
import { evolve, initialMigration, type MigrationState } from './evolve.ts';
import type { MigrationFact } from './facts.ts';
import type { MigrationPlan } from './plan.ts';

const place = { stream: 'migration-web-01', time: instant(0) };
const stateAfter = (facts: readonly MigrationFact[]): MigrationState =>
  facts.reduce((state, fact) => evolve(state, fact, place), initialMigration());

const given = (...facts: readonly MigrationFact[]) => ({
  when: (command: MigrationCommand) => ({
    yields: (...expected: readonly MigrationFact[]) =>
      expect(decide(command, stateAfter(facts))).toEqual({ ok: true, value: expected }),
    rejects: (type: string) => {
      const decision = decide(command, stateAfter(facts));
      expect(decision).toMatchObject({ ok: false, error: { type } });
      if (!decision.ok) expect(describeRejection(decision.error)).not.toBe('');
    },
  }),
});

const drafted = (changes: Partial<MigrationPlan> = {}): MigrationFact => ({
  type: 'MigrationDrafted',
  data: { plan: samplePlan(changes) },
});
const ready: readonly MigrationFact[] = [
  { type: 'VerificationRequested', data: {} },
  { type: 'VerificationPassed', data: { checks: [] } },
];
const parked: readonly MigrationFact[] = [
  ...ready,
  { type: 'ProtectionStarted', data: {} },
  { type: 'ReplicationInitiated', data: { disks: [] } },
  { type: 'RoundCompleted', data: sampleReport({ kind: 'full' }) },
];
const approved: MigrationFact = { type: 'CutoverApproved', data: { by: 'grace' } };
const started: MigrationFact = { type: 'CutoverStarted', data: {} };
const refreshed: MigrationFact = { type: 'RoundCompleted', data: sampleReport({ round: round(1) }) };
const quiesced: MigrationFact = { type: 'SourceQuiesced', data: { method: 'paused', found: 'running' } };
const finalSynced: MigrationFact = {
  type: 'FinalSyncCompleted',
  data: sampleReport({ round: round(2), kind: 'final' }),
};
const fenced: MigrationFact = { type: 'SourceFenced', data: { proof: 'off' } };
const launched: readonly MigrationFact[] = [
  { type: 'ReplicaFixedUp', data: { findings: [] } },
  { type: 'TargetLaunched', data: { vm: 'web-01' } },
];
const atConnecting = [drafted(), ...parked, approved, started, refreshed, quiesced, finalSynced, fenced, ...launched];
const validated: readonly MigrationFact[] = [
  { type: 'TargetConnected', data: { networks: [] } },
  { type: 'TargetValidated', data: { checks: [] } },
];

describe('RescanDisks', () => {
  const stalled: MigrationFact = {
    type: 'ReplicationStalled',
    data: { reason: { type: 'Any', detail: 'no room' }, retryable: false },
  };
  const rescan: MigrationCommand = { type: 'RescanDisks', data: { reason: 'in doubt' } };

  it('is refused before tracking was begun: no later delta could be trusted', () => {
    const begun: MigrationFact = { type: 'ProtectionStarted', data: {} };
    given(drafted(), ...ready, begun, stalled)
      .when(rescan)
      .rejects('NotNow');
    given(drafted(), ...ready, begun, stalled, { type: 'ReplicationPaused', data: { reason: 'no' } })
      .when(rescan)
      .rejects('NotNow');
  });

  it('is possible where a round has stalled', () =>
    given(drafted(), ...parked, { type: 'TrackingLost', data: { disk: diskId('vda'), detail: 'gone' } }, stalled)
      .when(rescan)
      .yields({ type: 'RescanRequested', data: rescan.data }));
});

const startCutover: MigrationCommand = { type: 'StartCutover', data: {} };
const rollBack = (acceptLossOfTargetWrites: boolean): MigrationCommand => ({
  type: 'RollBack',
  data: { reason: 'no', acceptLossOfTargetWrites },
});
const cancel: MigrationCommand = { type: 'CancelMigration', data: { reason: 'no' } };

describe('DraftMigration', () => {
  const draft = (plan: MigrationPlan): MigrationCommand => ({ type: 'DraftMigration', data: { plan } });
  it('drafts once', () => given().when(draft(samplePlan())).yields(drafted()));
  it('is refused when there is one', () => given(drafted()).when(draft(samplePlan())).rejects('AlreadyDrafted'));
  it('names everything that is wrong with a plan', () => {
    const decision = decide(draft(samplePlan({ disks: [], requester: '' })), initialMigration());
    expect(decision).toMatchObject({ ok: false, error: { type: 'InvalidPlan', problems: { length: 2 } } });
  });
  it('is what every other command needs first', () => given().when(cancel).rejects('NotDrafted'));
});

describe('StartCutover', () => {
  it('needs an approval (L23)', () =>
    given(drafted(), ...parked)
      .when(startCutover)
      .rejects('NotApproved'));
  it('follows an approval', () =>
    given(drafted(), ...parked, approved)
      .when(startCutover)
      .yields(started));
  it('puts an approval that the plan gives into the log, with its name', () =>
    given(drafted({ approval: 'given' }), ...parked)
      .when(startCutover)
      .yields({ type: 'CutoverApproved', data: { by: 'ada' } }, started));
  it('needs a test that passed, where the plan says so', () =>
    given(drafted({ testLaunch: 'required' }), ...parked, approved)
      .when(startCutover)
      .rejects('TestNotPassed'));
  it('during a round is queued, not lost and not fatal (L9)', () =>
    given(drafted(), ...parked.slice(0, -1), approved)
      .when(startCutover)
      .yields(started));
  it('is refused while a test runs', () =>
    given(drafted(), ...parked, approved, { type: 'TestLaunchRequested', data: {} })
      .when(startCutover)
      .rejects('NotNow'));
  it('needs a new approval after a rollback', () =>
    given(
      drafted(),
      ...parked,
      approved,
      started,
      refreshed,
      quiesced,
      { type: 'RollbackRequested', data: { reason: '', acceptLossOfTargetWrites: false } },
      { type: 'RolledBack', data: { source: 'running' } },
    )
      .when(startCutover)
      .rejects('NotApproved'));
});

describe('ApproveCutover', () => {
  const approve = (by: string): MigrationCommand => ({ type: 'ApproveCutover', data: { by } });
  it('may be given by whoever asked, unless the plan wants another', () =>
    given(drafted(), ...parked)
      .when(approve('ada'))
      .yields({ type: 'CutoverApproved', data: { by: 'ada' } }));
  it('is refused to whoever asked, where the plan wants another (L23)', () =>
    given(drafted({ approval: 'requiredByAnother' }), ...parked)
      .when(approve('ada'))
      .rejects('ApproverIsRequester'));
});

describe('RollBack', () => {
  it('is free before the target is connected', () =>
    given(...atConnecting.slice(0, -1))
      .when(rollBack(false))
      .yields({ type: 'RollbackRequested', data: { reason: 'no', acceptLossOfTargetWrites: false } }));
  it('asks to be told that what the target wrote is lost', () =>
    given(...atConnecting, ...validated)
      .when(rollBack(false))
      .rejects('LosesTargetWrites'));
  it('is possible from a cut over migration, told so', () =>
    given(...atConnecting, ...validated)
      .when(rollBack(true))
      .yields({ type: 'RollbackRequested', data: { reason: 'no', acceptLossOfTargetWrites: true } }));
  it('is refused past the point of no return', () =>
    given(...atConnecting, ...validated, { type: 'FinalizationRequested', data: {} })
      .when(rollBack(true))
      .rejects('PastPointOfNoReturn'));
});

describe('CancelMigration', () => {
  it('is possible while a cutover only waits', () =>
    given(drafted(), ...parked, approved, started)
      .when(cancel)
      .yields({ type: 'CancellationRequested', data: { reason: 'no' } }));
  it('is refused once the source is being stopped: roll back first', () =>
    given(drafted(), ...parked, approved, started, refreshed)
      .when(cancel)
      .rejects('NotNow'));
  it('is refused past the point of no return', () =>
    given(...atConnecting, ...validated, { type: 'FinalizationRequested', data: {} })
      .when(cancel)
      .rejects('PastPointOfNoReturn'));
});

describe('an unknown outcome', () => {
  const unknown: MigrationFact = { type: 'OutcomeUnknown', data: { key: 'k', effect: 'quiesceSource', why: 'lost' } };
  const quiescing = [drafted(), ...parked, approved, started, refreshed];
  it('holds every other command until it is settled (L22)', () =>
    given(...quiescing, unknown)
      .when(rollBack(true))
      .rejects('OutcomeUnsettled'));
  it('is not a person’s to decide while the world is asked', () =>
    given(...quiescing, unknown)
      .when({ type: 'DecideOutcome', data: { outcome: 'done', by: 'grace' } })
      .rejects('NotNow'));
  it('is a person’s to decide when the world cannot tell', () =>
    given(...quiescing, unknown, { type: 'OutcomeUndecidable', data: { key: 'k', why: 'gone' } })
      .when({ type: 'DecideOutcome', data: { outcome: 'done', by: 'grace' } })
      .yields({ type: 'OutcomeDecided', data: { key: 'k', outcome: 'done', by: 'grace' } }));
});

describe('LaunchTest', () => {
  it('wants a whole replica', () =>
    given(drafted(), ...parked.slice(0, -1))
      .when({ type: 'LaunchTest', data: {} })
      .rejects('NotNow'));
});

describe('legal commands', () => {
  it('say of every command whether it is possible, and if not, why', () => {
    const abilities = legalCommands(stateAfter([drafted(), ...parked]));
    expect(abilities.map(({ command }) => command)).toEqual(commandTypes);
    expect(abilities.filter(({ possible }) => possible).map(({ command }) => command)).toEqual([
      'PauseReplication',
      'RescanDisks',
      'LaunchTest',
      'ApproveCutover',
      'CancelMigration',
    ]);
  });
  it('agree with decide in a state that allows little', () => {
    const fits = stateAfter([drafted({ approval: 'given' }), ...parked, started, refreshed]);
    expect(
      legalCommands(fits)
        .filter(({ possible }) => possible)
        .map(({ command }) => command),
    ).toEqual(['RollBack']);
  });
});

describe('convergence', () => {
  it('goes on with rounds while the forecast exceeds the budget, and parks when it fits', () => {
    const far = sampleReport({ round: round(0), kind: 'full', dirty: bytes(100 * GiB) });
    const state = stateAfter([drafted(), ...parked.slice(0, -1), { type: 'RoundCompleted', data: far }]);
    expect(state.work.map(({ effect }) => effect)).toEqual([
      { type: 'runDeltaSync', params: { round: 1, dirty: far.dirty } },
    ]);
  });
});
