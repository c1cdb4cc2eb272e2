import type { Axes } from '#core/migration/abilities';
import type { MigrationFact, MigrationFactType, RoundReport } from '#core/migration/facts';
import type { Instant, Millis } from '#core/units';

/**
 * What a migration's time is made of. Each kind is a state of the chart, or several, so a phase lasts from the fact that
 * led there to the fact that led away: waiting for a driver and for the log is in it, as it is in the life of the VM.
 */
export const phaseKinds = [
  'verify',
  'initiate',
  'fullSync',
  'deltaSync',
  'rescan',
  'parked',
  'interrupted',
  'test',
  'quiesce',
  'finalSync',
  'fence',
  'fixUp',
  'launch',
  'connect',
  'validate',
  'decide',
  'rollBack',
  'release',
  'retire',
] as const;
/** The name of a phase. */
export type PhaseKind = (typeof phaseKinds)[number];

/** One phase, once: a second try of the same is a phase of its own. */
export interface Phase {
  readonly kind: PhaseKind;
  readonly begins: Instant;
  /** Of an open phase: the last that is known of the migration. */
  readonly ends: Instant;
  /** `brokenOff`: it was left by another way than the one it is for. `open`: the log ends in it. */
  readonly ending: 'completed' | 'brokenOff' | 'open';
  /** Something was refused in it, or its answer was lost: what it took says little about another time. */
  readonly isDisturbed: boolean;
  /** The round that it was, if it was one that was completed. */
  readonly round: CompletedRound | null;
}

/** What a completed round did. */
export type CompletedRound = Omit<RoundReport, 'disks'>;

/** How long a phase took, or has taken so far. */
export const durationOf = ({ begins, ends }: Phase): Millis => Math.max(0, ends - begins) as Millis;

const lifecyclePhases: Readonly<Record<string, PhaseKind>> = {
  verifying: 'verify',
  'testing.launching': 'test',
  'testing.running': 'test',
  'testing.cleaningUp': 'test',
  'cuttingOver.quiescing': 'quiesce',
  'cuttingOver.finalSync': 'finalSync',
  'cuttingOver.fencing': 'fence',
  'cuttingOver.fixingUp': 'fixUp',
  'cuttingOver.launching': 'launch',
  'cuttingOver.connecting': 'connect',
  'cuttingOver.validating': 'validate',
  'cuttingOver.undecided': 'decide',
  rollingBack: 'rollBack',
  'cancelling.releasing': 'release',
  'cancelling.waiting': 'release',
  'finalizing.retiring': 'retire',
  'finalizing.waiting': 'retire',
};

const replicationPhases: Readonly<Record<string, PhaseKind>> = {
  initiating: 'initiate',
  fullSync: 'fullSync',
  deltaSync: 'deltaSync',
  'parked.refreshing': 'deltaSync',
  'parked.resting': 'parked',
  rescan: 'rescan',
  paused: 'interrupted',
  'stalled.retrying': 'interrupted',
  'stalled.blocked': 'interrupted',
  disconnected: 'interrupted',
};

/** The phases that a migration is in: one on each axis at most, and the two overlap. */
export const phasesIn = ({ lifecycle, replication }: Axes): readonly (PhaseKind | undefined)[] => [
  lifecyclePhases[lifecycle],
  replicationPhases[replication],
];

/** The fact that each phase is for. A phase without one is over when it is left. */
const completedBy: { readonly [K in PhaseKind]: MigrationFactType | null } = {
  verify: 'VerificationPassed',
  initiate: 'ReplicationInitiated',
  fullSync: 'RoundCompleted',
  deltaSync: 'RoundCompleted',
  rescan: 'RoundCompleted',
  parked: null,
  interrupted: null,
  test: 'TestCleanedUp',
  quiesce: 'SourceQuiesced',
  finalSync: 'FinalSyncCompleted',
  fence: 'SourceFenced',
  fixUp: 'ReplicaFixedUp',
  launch: 'TargetLaunched',
  connect: 'TargetConnected',
  validate: 'TargetValidated',
  decide: 'ValidationWaived',
  rollBack: 'RolledBack',
  release: 'SourceReleased',
  retire: 'SourceRetired',
};

/** Whether this is the fact that a phase of that kind is for. */
export const completes = (kind: PhaseKind, { type }: MigrationFact): boolean =>
  completedBy[kind] === null || completedBy[kind] === type;

const disturbances: ReadonlySet<MigrationFactType> = new Set([
  'OutcomeUnknown',
  'OutcomeUndecidable',
  'OutcomeDecided',
  'QuiesceRefused',
  'ReleaseFailed',
  'RetirementFailed',
  'TestLaunchFailed',
]);

/** Whether a fact says that what runs just now does not go its usual way. */
export const disturbs = (fact: MigrationFact): boolean =>
  disturbances.has(fact.type) || (fact.type === 'DeadlinePassed' && fact.data.timer === 'quiesce');
