import type { DiskId } from '#core/ids';
import type { MigrationContext } from '#core/migration/chart';
import type { Effect, EffectParams, EffectType } from '#core/migration/effects';
import type { DiskReport, MigrationFact, RoundReport } from '#core/migration/facts';
import { bytes, bytesPerSecond, GiB, MiB, millis, type Round } from '#core/units';

/*
 * What an honest world may answer to each effect: it does not say what cannot be (a rescan where a delta was asked for, a
 * source that runs where it was found off), and it fails in every way it can.
 */

/** What the world remembers of a migration beside its log. */
export interface WorldMemory {
  /** How the source was found when it was first quiesced in this cutover. */
  readonly found: 'running' | 'off';
}

type Answer = readonly MigrationFact[];
type Answers<T extends EffectType> = (
  params: EffectParams<T>,
  context: MigrationContext,
  memory: WorldMemory,
) => readonly Answer[];

const reason = { type: 'Searched', detail: 'the world said no' };

/** The disks of a plan, each with what a round brought of it. */
const disksOf = ({ plan }: MigrationContext, round: Round): readonly DiskReport[] =>
  (plan?.disks ?? []).map(({ id }: { readonly id: DiskId }) => ({
    disk: id,
    sent: bytes(MiB),
    zeroed: bytes(0),
    root: `${id}-${round}`,
  }));

const reportOf = (context: MigrationContext, round: Round, kind: RoundReport['kind'], dirty: number): RoundReport => ({
  round,
  kind,
  planned: bytes(MiB),
  sent: bytes(MiB),
  zeroed: bytes(0),
  resumed: bytes(0),
  duration: millis(1_000),
  rate: bytesPerSecond(100 * MiB),
  dirty: bytes(dirty),
  disks: disksOf(context, round),
});

const fails: readonly Answer[] = [
  [{ type: 'ReplicationStalled', data: { reason, retryable: true } }],
  [{ type: 'ReplicationStalled', data: { reason, retryable: false } }],
  [{ type: 'ReplicationDisconnected', data: { endpoint: 'receiver', reason } }],
];

/** A round that leaves little, one that leaves more than the budget takes, and all that may come between. */
function roundAnswers(kind: 'full' | 'delta' | 'rescan', round: Round, context: MigrationContext): readonly Answer[] {
  const lost = context.plan?.disks[0]?.id;
  return [
    [{ type: 'RoundCompleted', data: reportOf(context, round, kind, 0) }],
    [{ type: 'RoundCompleted', data: reportOf(context, round, kind, 100 * GiB) }],
    ...fails,
    ...(lost === undefined
      ? []
      : [[{ type: 'TrackingLost', data: { disk: lost, detail: 'the bitmap is gone' } } as const]]),
  ];
}

const answers: { readonly [T in Exclude<EffectType, 'armTimer'>]: Answers<T> } = {
  verifySource: () => [
    [{ type: 'VerificationPassed', data: { checks: [] } }],
    [{ type: 'VerificationFailed', data: { checks: [] } }],
  ],
  initiateReplication: (_, context) => [
    [
      {
        type: 'ReplicationInitiated',
        data: { disks: disksOf(context, context.round).map(({ disk }) => ({ disk, tracked: true })) },
      },
    ],
    ...fails,
  ],
  runFullSync: ({ round }, context) => roundAnswers('full', round, context),
  runDeltaSync: ({ round }, context) => roundAnswers('delta', round, context),
  runRescan: ({ round }, context) => roundAnswers('rescan', round, context),
  launchTest: () => [
    [{ type: 'TestLaunched', data: { vm: 'clone' } }],
    [{ type: 'TestLaunchFailed', data: { reason } }],
  ],
  cleanUpTest: () => [[{ type: 'TestCleanedUp', data: {} }]],
  quiesceSource: (_, __, { found }) => [
    [{ type: 'SourceQuiesced', data: { method: 'shutdown', found } }],
    [{ type: 'QuiesceRefused', data: { reason } }],
  ],
  runFinalSync: ({ round }, context) => [
    [{ type: 'FinalSyncCompleted', data: reportOf(context, round, 'final', 0) }],
    [{ type: 'FinalSyncFailed', data: { reason, trackingLost: false } }],
    [{ type: 'FinalSyncFailed', data: { reason, trackingLost: true } }],
  ],
  fenceSource: () => [
    [{ type: 'SourceFenced', data: { proof: 'off' } }],
    [{ type: 'FencingFailed', data: { reason } }],
  ],
  fixUpReplica: () => [
    [{ type: 'ReplicaFixedUp', data: { findings: [] } }],
    [{ type: 'FixUpFailed', data: { reason } }],
  ],
  launchTarget: () => [
    [{ type: 'TargetLaunched', data: { vm: 'target' } }],
    [{ type: 'LaunchFailed', data: { reason } }],
  ],
  connectTarget: () => [
    [{ type: 'TargetConnected', data: { networks: ['prod'] } }],
    [{ type: 'ConnectionFailed', data: { reason } }],
  ],
  validateTarget: () => [
    [{ type: 'TargetValidated', data: { checks: [] } }],
    [{ type: 'ValidationFailed', data: { checks: [] } }],
  ],
  rollBack: (_, __, { found }) => [
    [{ type: 'RolledBack', data: { source: found } }],
    [{ type: 'RollbackFailed', data: { reason } }],
  ],
  releaseSource: () => [
    [{ type: 'SourceReleased', data: { removed: [] } }],
    [{ type: 'ReleaseFailed', data: { reason } }],
  ],
  retireSource: () => [
    [{ type: 'SourceRetired', data: { note: 'moved' } }],
    [{ type: 'RetirementFailed', data: { reason } }],
  ],
};

/** All that may come of an effect that was carried out, or was tried. The first is what everybody hopes for. */
export function outcomesOf(
  effect: Exclude<Effect, { readonly type: 'armTimer' }>,
  context: MigrationContext,
  memory: WorldMemory,
): readonly Answer[] {
  const of = answers[effect.type] as Answers<EffectType>;
  return of(effect.params as never, context, memory);
}
