import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';

/** What whoever looks after a migration of a walk goes by. */
export interface PersonView {
  readonly plan: MigrationPlan;
  /** Whether it is time for the cutover. */
  readonly isDue: boolean;
  /** The source is not what was planned, and will not be again. */
  readonly isGivenUp: boolean;
  readonly finalizes: boolean;
  /** Whether a pause goes on for now. */
  readonly isPatient: boolean;
  /** Has the source started, where only that helps. */
  readonly startSource: () => unknown;
  /** Has a source stopped that runs although its replica has taken over. */
  readonly stopSource: () => void;
}

/** What a person asks for where a migration stands so, if anything. */
export function wishOf(state: MigrationState, view: PersonView): MigrationCommand | undefined {
  const { lifecycle, replication } = axesOf(state);
  if (view.isGivenUp) {
    if (lifecycle === 'cuttingOver.approved') return { type: 'RevokeCutover', data: { reason: 'not as planned' } };
    return { type: 'CancelMigration', data: { reason: 'the source is not what was planned' } };
  }
  switch (lifecycle) {
    case 'undrafted':
      return { type: 'DraftMigration', data: { plan: view.plan } };
    case 'draft':
    case 'blocked':
      view.startSource();
      return { type: 'VerifySource', data: {} };
    case 'ready':
      return { type: 'StartProtection', data: {} };
    case 'failed':
      return { type: 'RollBack', data: { reason: 'once more', acceptLossOfTargetWrites: false } };
    case 'cutOver':
      return view.finalizes ? { type: 'Finalize', data: {} } : undefined;
    case 'finalizing.waiting':
      view.stopSource();
      return undefined;
    default:
  }
  if (replication === 'stalled.blocked' || (replication === 'paused' && !view.isPatient))
    return { type: 'ResumeReplication', data: {} };
  return view.isDue && (lifecycle === 'protected' || lifecycle === 'rolledBack')
    ? { type: 'StartCutover', data: {} }
    : undefined;
}

/** A fact in a line of a story. */
export function told(fact: MigrationFact): string {
  switch (fact.type) {
    case 'RoundCompleted':
    case 'FinalSyncCompleted':
      return `${fact.type} ${fact.data.round} ${fact.data.kind}, ${fact.data.sent} sent, ${fact.data.dirty} dirty`;
    case 'ReplicationStalled':
    case 'ReplicationDisconnected':
    case 'FinalSyncFailed':
    case 'RollbackFailed':
    case 'FencingFailed':
    case 'QuiesceRefused':
      return `${fact.type}: ${fact.data.reason.type}: ${fact.data.reason.detail}`;
    case 'TrackingLost':
      return `${fact.type}: ${fact.data.detail}`;
    case 'ValidationFailed':
    case 'VerificationFailed':
      return `${fact.type}: ${fact.data.checks.flatMap(({ verdict, message }) => (verdict === 'failed' ? message : [])).join('; ')}`;
    default:
      return fact.type;
  }
}
