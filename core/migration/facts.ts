import type { DiskId } from '#core/ids';
import type { SideEffectType, TimerName } from '#core/migration/effects';
import type { MigrationPlan } from '#core/migration/plan';
import type { Bytes, BytesPerSecond, Instant, Millis, Round } from '#core/units';

/** The version of the shapes in this file. A change that old logs do not have needs an upcaster and a new number. */
export const migrationSchemaVersion = 2;

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

/** One thing that is done for a step. Told again as it goes on: the last word about a `step` and `item` counts. */
export interface StepItem {
  /** The effect it is a part of: `fixUpReplica`. */
  readonly step: string;
  /** Stable within the step: `inspect`, `boot`. */
  readonly item: string;
  /** What it is, for a person. */
  readonly title: string;
  readonly state: 'running' | 'done' | 'failed' | 'retrying';
  /** What came of it, or what it waits for. */
  readonly detail: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** When it is tried again; null if that is not known, or not going to be. */
  readonly nextAttempt: Instant | null;
}

/** One change to what is on a replica, so that its guest boots and talks on the target hardware. */
export interface PlannedEdit {
  readonly id: string;
  readonly what: string;
  readonly why: string;
  /** Where in the guest. */
  readonly path: string;
  /** A unified diff of the file, or the command that is run. Shortened where it is long. */
  readonly change: string;
  /** Where the original is kept in the guest; empty if there was none. */
  readonly keeps: string;
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
  /** Its part of what was written while the round ran. Logs of before it was told, and rehearsals, have it of all disks only. */
  readonly dirty?: Bytes;
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

/** What a guest is like inside, as far as its target depends on it. Names are the guest's. */
export interface GuestShape {
  readonly hostname: string;
  /** `Debian GNU/Linux 12 (bookworm)`. */
  readonly system: string;
  readonly firmware: 'bios' | 'uefi';
  readonly memory: Bytes;
  readonly processors: number;
  readonly nics: readonly { readonly name: string; readonly mac: string; readonly addresses: readonly string[] }[];
  /** Services that ran. */
  readonly services: readonly string[];
}

/** What machines tell of a step while it goes on. Moves nothing. */
export type NoteFact =
  | Named<'GuestInspected', GuestShape>
  | Named<'StepReported', StepItem>
  /** What is going to be changed on the replica, before it is. */
  | Named<'FixUpPlanned', { readonly edits: readonly PlannedEdit[]; readonly findings: readonly Check[] }>
  /** What a VM said on its serial console, the end of it: up to 16 KiB. `stage`: what it was started for. */
  | Named<'ConsoleCaptured', { readonly vm: string; readonly stage: 'test' | 'target'; readonly text: string }>;

/** The driver's own notes: what was asked of the world, and what is not known of it. */
export type DriverFact =
  | Named<'EffectRequested', { readonly key: string; readonly effect: SideEffectType }>
  | Named<'OutcomeUnknown', { readonly key: string; readonly effect: SideEffectType; readonly why: string }>
  | Named<'OutcomeReconciled', { readonly key: string; readonly found: 'done' | 'notDone' }>
  | Named<'OutcomeUndecidable', { readonly key: string; readonly why: string }>
  | Named<'DeadlinePassed', { readonly timer: TimerName }>;

/** Everything that can happen to a migration. The chart consumes these as they are logged. */
export type MigrationFact = DecisionFact | ReplicationFact | StepFact | NoteFact | DriverFact;
/** The name of a migration fact. */
export type MigrationFactType = MigrationFact['type'];
/** The fact of a given name. */
export type MigrationFactOf<T extends MigrationFactType> = Extract<MigrationFact, { type: T }>;
