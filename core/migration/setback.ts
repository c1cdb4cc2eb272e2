import type { Instant } from '#core/units';
import type { Check, MigrationFact, MigrationFactOf, MigrationFactType, Reason } from './facts.ts';

/** Something that stopped or turned back a migration. */
export interface Setback {
  readonly fact: MigrationFactType;
  readonly detail: string;
  readonly at: Instant;
}

/** Folds one fact into why a migration last stopped or turned back; null once that is behind it. */
export function foldSetback(reason: Setback | null, fact: MigrationFact, at: Instant): Setback | null {
  const detail = (details[fact.type] as ((fact: MigrationFact) => string | null) | undefined)?.(fact) ?? null;
  if (detail !== null) return { fact: fact.type, detail, at };
  return reason !== null && overcomes.has(fact.type) ? null : reason;
}

const failedChecks = ({ data }: { readonly data: { readonly checks: readonly Check[] } }): string =>
  data.checks
    .filter(({ verdict }) => verdict === 'failed')
    .map(({ message }) => message)
    .join('; ');
const reasonDetail = ({ data }: { readonly data: { readonly reason: Reason } }): string => data.reason.detail;
const reasonGiven = ({ data }: { readonly data: { readonly reason: string } }): string => data.reason;
const whyUncertain = ({ data }: { readonly data: { readonly why: string } }): string => data.why;

// By type, because a switch would compare the type of every fact with each of these in turn.
const details: { readonly [T in MigrationFactType]?: (fact: MigrationFactOf<T>) => string | null } = {
  VerificationFailed: failedChecks,
  ValidationFailed: failedChecks,
  ReplicationStalled: reasonDetail,
  ReplicationDisconnected: reasonDetail,
  TestLaunchFailed: reasonDetail,
  QuiesceRefused: reasonDetail,
  FinalSyncFailed: reasonDetail,
  FencingFailed: reasonDetail,
  FixUpFailed: reasonDetail,
  LaunchFailed: reasonDetail,
  ConnectionFailed: reasonDetail,
  RollbackFailed: reasonDetail,
  ReleaseFailed: reasonDetail,
  RetirementFailed: reasonDetail,
  TrackingLost: ({ data }) => data.detail,
  ReplicationPaused: reasonGiven,
  RescanRequested: reasonGiven,
  RollbackRequested: reasonGiven,
  CutoverRevoked: reasonGiven,
  CancellationRequested: reasonGiven,
  TestJudged: ({ data }) => (data.verdict === 'failed' ? data.note : null),
  OutcomeUnknown: whyUncertain,
  OutcomeUndecidable: whyUncertain,
};

// After these a setback is behind the migration. RolledBack is not among them: why it turned back still matters.
const overcomes: ReadonlySet<MigrationFactType> = new Set([
  'VerificationRequested',
  'VerificationPassed',
  'ReplicationResumed',
  'RoundProgressed',
  'RoundCompleted',
  'TestLaunched',
  'CutoverStarted',
  'TargetValidated',
  'ValidationWaived',
  'OutcomeReconciled',
  'OutcomeDecided',
  'SourceReleased',
  'SourceRetired',
]);
