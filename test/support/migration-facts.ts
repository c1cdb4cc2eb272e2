import { diskId } from '#core/ids';
import type { MigrationContext } from '#core/migration/chart';
import type { SideEffectType } from '#core/migration/effects';
import type { MigrationFact, MigrationFactOf, MigrationFactType, RoundReport } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import { bytes, bytesPerSecond, GiB, MiB, millis, round, seconds } from '#core/units';

/** A plan that asks for nothing special, for tests that change one thing of it. */
export const samplePlan = (changes: Partial<MigrationPlan> = {}): MigrationPlan => ({
  vm: { name: 'web-01', platform: 'kvm', guest: 'linux' },
  disks: [{ id: diskId('vda'), size: bytes(10 * GiB) }],
  source: 'qmp+unix:///run/web-01.sock',
  target: 'file:///replicas/web-01',
  downtimeMax: seconds(30),
  roundsMax: 3,
  refreshEvery: seconds(60),
  approval: 'required',
  testLaunch: 'optional',
  handOver: 'launch',
  quiesce: { timeout: seconds(60), onRefusal: 'force' },
  onValidationFailure: 'ask',
  requester: 'ada',
  ...changes,
});

/** What a round reports when `dirty` bytes were written meanwhile. */
export const sampleReport = (changes: Partial<RoundReport> = {}): RoundReport => ({
  round: round(0),
  kind: 'delta',
  planned: bytes(100 * MiB),
  sent: bytes(90 * MiB),
  zeroed: bytes(10 * MiB),
  resumed: bytes(0),
  duration: millis(1_000),
  rate: bytesPerSecond(100 * MiB),
  dirty: bytes(0),
  disks: [],
  ...changes,
});

type Samples = {
  readonly [T in MigrationFactType]: (context: MigrationContext) => readonly MigrationFactOf<T>['data'][];
};

const reason = { type: 'Sample', detail: 'a sample' };
const key = 'migration-x@0/0';
const keyOf = (context: MigrationContext): string => context.unsettled?.key ?? key;
const effect: SideEffectType = 'quiesceSource';

/** Data for every fact, in each variant that the chart decides on. A new fact does not compile until it has some. */
const samples: Samples = {
  // Each policy in each of its values; not every mixture, which would only repeat the same configurations.
  MigrationDrafted: () => [
    { plan: samplePlan() },
    { plan: samplePlan({ onValidationFailure: 'rollBack', quiesce: { timeout: seconds(60), onRefusal: 'rollBack' } }) },
    { plan: samplePlan({ handOver: 'replica', onValidationFailure: 'rollBack' }) },
  ],
  VerificationRequested: () => [{}],
  ProtectionStarted: () => [{}],
  ReplicationPaused: () => [{ reason: 'busy hour' }],
  ReplicationResumed: () => [{}],
  RescanRequested: () => [{ reason: 'in doubt' }],
  TestLaunchRequested: () => [{}],
  TestJudged: () => [
    { verdict: 'passed', note: '' },
    { verdict: 'failed', note: '' },
  ],
  CutoverApproved: () => [{ by: 'grace' }],
  CutoverStarted: () => [{}],
  CutoverRevoked: () => [{ reason: 'not today' }],
  ValidationWaived: () => [{ by: 'grace', reason: 'known' }],
  RollbackRequested: () => [{ reason: 'no', acceptLossOfTargetWrites: true }],
  FinalizationRequested: () => [{}],
  CancellationRequested: () => [{ reason: 'no' }],
  OutcomeDecided: (context) => [
    { key: keyOf(context), outcome: 'done', by: 'grace' },
    { key: keyOf(context), outcome: 'notDone', by: 'grace' },
  ],
  ReplicationInitiated: () => [{ disks: [] }],
  RoundProgressed: ({ round: n }) => [{ round: n, done: bytes(1), total: bytes(2), sent: bytes(1) }],
  RoundCompleted: ({ round: n }) => [sampleReport({ round: n }), sampleReport({ round: n, dirty: bytes(100 * GiB) })],
  ReplicationStalled: () => [
    { reason, retryable: true },
    { reason, retryable: false },
  ],
  ReplicationDisconnected: () => [{ endpoint: 'receiver', reason }],
  TrackingLost: () => [{ disk: diskId('vda'), detail: 'the bitmap is gone' }],
  VerificationPassed: () => [{ checks: [] }],
  VerificationFailed: () => [{ checks: [] }],
  TestLaunched: () => [{ vm: 'clone' }],
  TestLaunchFailed: () => [{ reason }],
  TestCleanedUp: () => [{}],
  SourceQuiesced: () => [{ method: 'paused', found: 'running' }],
  QuiesceRefused: () => [{ reason }],
  FinalSyncCompleted: ({ round: n }) => [sampleReport({ round: n, kind: 'final' })],
  FinalSyncFailed: () => [
    { reason, trackingLost: false },
    { reason, trackingLost: true },
  ],
  SourceFenced: () => [{ proof: 'off' }],
  FencingFailed: () => [{ reason }],
  ReplicaFixedUp: () => [{ findings: [] }],
  FixUpFailed: () => [{ reason }],
  TargetLaunched: () => [{ vm: 'target' }],
  LaunchFailed: () => [{ reason }],
  TargetConnected: () => [{ networks: ['prod'] }],
  ConnectionFailed: () => [{ reason }],
  TargetValidated: () => [{ checks: [] }],
  ValidationFailed: () => [{ checks: [] }],
  RolledBack: () => [{ source: 'running' }],
  RollbackFailed: () => [{ reason }],
  SourceReleased: () => [{ removed: [] }],
  ReleaseFailed: () => [{ reason }],
  SourceRetired: () => [{ note: 'done' }],
  RetirementFailed: () => [{ reason }],
  GuestInspected: () => [
    {
      ...{
        hostname: 'web-01',
        system: 'Debian GNU/Linux 12',
        firmware: 'bios',
        memory: bytes(512 * MiB),
        processors: 2,
      },
      ...{ nics: [], services: [] },
    },
  ],
  StepReported: () => [
    {
      ...{ step: 'fixUpReplica', item: 'inspect', title: 'Inspect the replica' },
      ...{ state: 'done', detail: '' },
      attempt: 1,
      nextAttempt: null,
    },
  ],
  FixUpPlanned: () => [{ edits: [], findings: [] }],
  ConsoleCaptured: () => [{ vm: 'target', stage: 'target', text: 'login:' }],
  EffectRequested: () => [{ key, effect }],
  OutcomeUnknown: () => [{ key, effect, why: 'lost' }],
  OutcomeReconciled: (context) => [
    { key: keyOf(context), found: 'done' },
    { key: keyOf(context), found: 'notDone' },
  ],
  OutcomeUndecidable: (context) => [{ key: keyOf(context), why: 'gone' }],
  DeadlinePassed: () => (['refresh', 'retry', 'quiesce', 'release'] as const).map((timer) => ({ timer })),
};

/** The names of all migration facts. */
export const factTypes = Object.keys(samples) as readonly MigrationFactType[];

/** Every fact, in each variant that the chart decides on, as it could come in a state with this context. */
export const sampleFacts = (context: MigrationContext): readonly MigrationFact[] =>
  factTypes.flatMap((type) => samples[type](context).map((data) => ({ type, data }) as MigrationFact));
