import { axesOf, isNotConverging } from '#core/migration/abilities';
import type { MigrationState } from '#core/migration/evolve';
import type { Check, MigrationFact } from '#core/migration/facts';

/** What went wrong with a member: by a name for programs, and the particulars for a person. `detail` may be empty. */
export interface Trouble {
  readonly type: TroubleType;
  readonly detail: string;
}

/** In words, to be said of a VM. */
export const troubleWords = {
  checkFailed: 'a check before it failed',
  disconnected: 'replication was disconnected',
  stalled: 'replication stalled',
  trackingLost: 'change tracking was lost',
  notConverging: 'it is written to faster than deltas cross',
  notParked: 'its replica was not close enough in time',
  testFailed: 'the test launch failed',
  notApproved: 'nobody approved it',
  noTurn: 'its turn did not come within the window',
  windowClosed: 'the window closed',
  quiesceRefused: 'the guest did not come to rest',
  finalSyncFailed: 'the final sync failed',
  fencingFailed: 'the source could not be fenced',
  fixUpFailed: 'fix-up failed',
  launchFailed: 'the target did not start',
  connectionFailed: 'the target could not be connected',
  validationFailed: 'the target did not pass validation',
  rollbackFailed: 'rolling back failed',
  undecidable: 'nobody could tell what became of a step',
  rolledBack: 'it was rolled back by request',
  cancelled: 'it was cancelled',
  releaseFailed: 'the source could not be released or retired',
} as const;
/** The name of a trouble. */
export type TroubleType = keyof typeof troubleWords;

/** The trouble a fact tells of; `null`: none, and what troubled before is over; undefined: it says nothing of troubles. */
export function troubleIn(fact: MigrationFact): Trouble | null | undefined {
  switch (fact.type) {
    case 'VerificationFailed':
      return { type: 'checkFailed', detail: failedOf(fact.data.checks) };
    case 'ReplicationDisconnected':
      return { type: 'disconnected', detail: fact.data.reason.detail };
    case 'ReplicationStalled':
      return { type: 'stalled', detail: fact.data.reason.detail };
    case 'TrackingLost':
      return { type: 'trackingLost', detail: fact.data.detail };
    case 'TestLaunchFailed':
      return { type: 'testFailed', detail: fact.data.reason.detail };
    case 'TestJudged':
      return fact.data.verdict === 'failed' ? { type: 'testFailed', detail: fact.data.note } : null;
    case 'DeadlinePassed':
      return fact.data.timer === 'quiesce' ? { type: 'quiesceRefused', detail: 'it took too long' } : undefined;
    case 'ValidationFailed':
      return { type: 'validationFailed', detail: failedOf(fact.data.checks) };
    case 'OutcomeUndecidable':
      return { type: 'undecidable', detail: fact.data.why };
    case 'CutoverRevoked':
      return { type: 'windowClosed', detail: fact.data.reason };
    case 'CancellationRequested':
      return { type: 'cancelled', detail: fact.data.reason };
    case 'VerificationPassed':
    case 'CutoverStarted':
    case 'RoundCompleted':
    case 'TargetValidated':
    case 'OutcomeDecided':
      return null;
    default:
      return failedStep(fact);
  }
}

const failedSteps: { readonly [T in MigrationFact['type']]?: TroubleType } = {
  QuiesceRefused: 'quiesceRefused',
  FinalSyncFailed: 'finalSyncFailed',
  FencingFailed: 'fencingFailed',
  FixUpFailed: 'fixUpFailed',
  LaunchFailed: 'launchFailed',
  ConnectionFailed: 'connectionFailed',
  RollbackFailed: 'rollbackFailed',
  ReleaseFailed: 'releaseFailed',
  RetirementFailed: 'releaseFailed',
};

function failedStep(fact: MigrationFact): Trouble | undefined {
  const type = failedSteps[fact.type];
  return type && 'reason' in fact.data && typeof fact.data.reason === 'object'
    ? { type, detail: fact.data.reason.detail }
    : undefined;
}

const failedOf = (checks: readonly Check[]): string =>
  checks.find(({ verdict }) => verdict === 'failed')?.message ?? '';

/** Follows what goes wrong with one migration. */
export interface TroubleFold {
  add(fact: MigrationFact): void;
  /** What last went wrong, or what keeps it where it stands; null where nothing did. */
  trouble(state: MigrationState, moved: boolean): Trouble | null;
}

/** A migration of which nothing is known yet. */
export function troubleFold(): TroubleFold {
  // What stands in the way now, and the last that ever did: it may have been overcome.
  let present: Trouble | null = null;
  let last: Trouble | null = null;
  return {
    add(fact) {
      // A request to roll back says why only where nothing else has.
      const asked: Trouble | undefined =
        fact.type === 'RollbackRequested' && present === null
          ? { type: fact.data.reason.includes('window') ? 'windowClosed' : 'rolledBack', detail: fact.data.reason }
          : undefined;
      const trouble = asked ?? troubleIn(fact);
      if (trouble === undefined) return;
      // Replication goes on after a cutover was turned back, and says nothing of why it was.
      const ofReplication = trouble === null ? fact.type === 'RoundCompleted' : replicationTroubles.has(trouble.type);
      if (ofReplication && present !== null && !replicationTroubles.has(present.type)) return;
      present = trouble;
      if (trouble) last = trouble;
    },
    trouble: (state, moved) => (moved ? last : (present ?? waiting(state))),
  };
}

const replicationTroubles: ReadonlySet<TroubleType> = new Set(['disconnected', 'stalled', 'trackingLost']);

function waiting(state: MigrationState): Trouble | null {
  const { lifecycle, replication } = axesOf(state);
  if (lifecycle === 'rolledBack') return { type: 'rolledBack', detail: '' };
  if (lifecycle !== 'protected') return lifecycle === 'ready' || lifecycle === 'draft' ? noTurn : null;
  if (isNotConverging(state)) return { type: 'notConverging', detail: '' };
  if (!replication.startsWith('parked')) return { type: 'notParked', detail: '' };
  const { plan, approvedBy } = state.snapshot.context;
  return plan?.approval !== 'given' && approvedBy === null ? { type: 'notApproved', detail: '' } : noTurn;
}

const noTurn: Trouble = { type: 'noTurn', detail: '' };
