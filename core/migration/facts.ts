import type { DiskId } from '#core/ids';
import type { SideEffectType, TimerName } from '#core/migration/effects';
import type { MigrationPlan } from '#core/migration/plan';
import type { Bytes, BytesPerSecond, Millis, Round } from '#core/units';

/** The version of the shapes in this file. A change that old logs do not have needs an upcaster and a new number. */
export const migrationSchemaVersion = 1;

/** One thing looked at before a decision, and what it said. */
export interface Check {
  /** Stable name: `source-reachable`, `disk-trackable:vda`. */
  readonly id: string;
  readonly verdict: 'passed' | 'warning' | 'failed';
  readonly message: string;
  /** What to do about it; empty when it passed. */
  readonly remedy: string;
}

/** Why something stopped, for a person (`detail`) and for a program (`type`). */
export interface Reason {
  readonly type: string;
  readonly detail: string;
}

/** What one pass over what is dirty did. All disks together; `disks` has the parts. */
export interface RoundReport {
  readonly round: Round;
  readonly kind: 'full' | 'delta' | 'rescan' | 'final';
  /** Bytes the round had to make equal at the target. */
  readonly planned: Bytes;
  /** Bytes of content that crossed, before compression. */
  readonly sent: Bytes;
  /** Bytes known to be zero, which crossed as a range. */
  readonly zeroed: Bytes;
  /** Bytes found durable from an interrupted try of the same round. */
  readonly resumed: Bytes;
  readonly duration: Millis;
  readonly rate: BytesPerSecond;
  /** What was written at the source while the round ran: the next round's work. Zero after a final round. */
  readonly dirty: Bytes;
  readonly disks: readonly DiskReport[];
}

/** One disk's part of a round. `root`: digest over all block digests of the replica, hex. */
export interface DiskReport {
  readonly disk: DiskId;
  readonly sent: Bytes;
  readonly zeroed: Bytes;
  readonly root: string;
}

/** How far a round is. Monotone within a round: bytes done never fall. */
export interface RoundProgress {
  readonly round: Round;
  readonly done: Bytes;
  readonly total: Bytes;
  readonly sent: Bytes;
}

type Named<Type extends string, Data extends object = Record<never, never>> = {
  readonly type: Type;
  readonly data: Data;
};

/** What operators, planners and approvers decided. */
export type DecisionFact =
  | Named<'MigrationDrafted', { readonly plan: MigrationPlan }>
  | Named<'VerificationRequested'>
  | Named<'ProtectionStarted'>
  | Named<'ReplicationPaused', { readonly reason: string }>
  | Named<'ReplicationResumed'>
  | Named<'RescanRequested', { readonly reason: string }>
  | Named<'TestLaunchRequested'>
  | Named<'TestJudged', { readonly verdict: 'passed' | 'failed'; readonly note: string }>
  | Named<'CutoverApproved', { readonly by: string }>
  | Named<'CutoverStarted'>
  | Named<'CutoverRevoked', { readonly reason: string }>
  | Named<'ValidationWaived', { readonly by: string; readonly reason: string }>
  | Named<'RollbackRequested', { readonly reason: string; readonly acceptLossOfTargetWrites: boolean }>
  | Named<'FinalizationRequested'>
  | Named<'CancellationRequested', { readonly reason: string }>
  | Named<'OutcomeDecided', { readonly key: string; readonly outcome: 'done' | 'notDone'; readonly by: string }>;

/** What machines found or did. */
export type ReplicationFact =
  | Named<'ReplicationInitiated', { readonly disks: readonly { readonly disk: DiskId; readonly tracked: boolean }[] }>
  | Named<'RoundProgressed', RoundProgress>
  | Named<'RoundCompleted', RoundReport>
  | Named<'ReplicationStalled', { readonly reason: Reason; readonly retryable: boolean }>
  | Named<
      'ReplicationDisconnected',
      { readonly endpoint: 'source' | 'gateway' | 'receiver' | 'target'; readonly reason: Reason }
    >
  | Named<'TrackingLost', { readonly disk: DiskId; readonly detail: string }>;

/** What became of the steps of verification, test and cutover. */
export type StepFact =
  | Named<'VerificationPassed', { readonly checks: readonly Check[] }>
  | Named<'VerificationFailed', { readonly checks: readonly Check[] }>
  | Named<'TestLaunched', { readonly vm: string }>
  | Named<'TestLaunchFailed', { readonly reason: Reason }>
  | Named<'TestCleanedUp'>
  | Named<'SourceQuiesced', { readonly method: string; readonly found: 'running' | 'paused' | 'off' | 'unknown' }>
  | Named<'QuiesceRefused', { readonly reason: Reason }>
  | Named<'FinalSyncCompleted', RoundReport>
  | Named<'FinalSyncFailed', { readonly reason: Reason; readonly trackingLost: boolean }>
  | Named<'SourceFenced', { readonly proof: string }>
  | Named<'FencingFailed', { readonly reason: Reason }>
  | Named<'ReplicaFixedUp', { readonly findings: readonly Check[] }>
  | Named<'FixUpFailed', { readonly reason: Reason }>
  | Named<'TargetLaunched', { readonly vm: string }>
  | Named<'LaunchFailed', { readonly reason: Reason }>
  | Named<'TargetConnected', { readonly networks: readonly string[] }>
  | Named<'ConnectionFailed', { readonly reason: Reason }>
  | Named<'TargetValidated', { readonly checks: readonly Check[] }>
  | Named<'ValidationFailed', { readonly checks: readonly Check[] }>
  | Named<'RolledBack', { readonly source: 'running' | 'paused' | 'off' | 'unknown' }>
  | Named<'RollbackFailed', { readonly reason: Reason }>
  | Named<'SourceReleased', { readonly removed: readonly string[] }>
  | Named<'ReleaseFailed', { readonly reason: Reason }>
  | Named<'SourceRetired', { readonly note: string }>
  | Named<'RetirementFailed', { readonly reason: Reason }>;

/** The driver's own notes: what was asked of the world, and what is not known of it. */
export type DriverFact =
  | Named<'EffectRequested', { readonly key: string; readonly effect: SideEffectType }>
  | Named<'OutcomeUnknown', { readonly key: string; readonly effect: SideEffectType; readonly why: string }>
  | Named<'OutcomeReconciled', { readonly key: string; readonly found: 'done' | 'notDone' }>
  | Named<'OutcomeUndecidable', { readonly key: string; readonly why: string }>
  | Named<'DeadlinePassed', { readonly timer: TimerName }>;

/** Everything that can happen to a migration. The chart consumes these as they are logged. */
export type MigrationFact = DecisionFact | ReplicationFact | StepFact | DriverFact;
/** The name of a migration fact. */
export type MigrationFactType = MigrationFact['type'];
/** The fact of a given name. */
export type MigrationFactOf<T extends MigrationFactType> = Extract<MigrationFact, { type: T }>;
