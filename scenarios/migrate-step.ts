import type { MigrationCommand, MigrationCommandType } from '#core/migration/commands';
import { axesOf, isPastPointOfNoReturn, sourceIsDown } from '#core/migration/abilities';
import type { MigrationState } from '#core/migration/evolve';
import type { MigrationPlan } from '#core/migration/plan';
import { invariant } from '#core/invariant';

/** How a run of a migration came to its end. The migration itself may go on later, under the same log. */
export type EndingKind =
  /** The replica is verified and owns the data. */
  | 'cutOver'
  /** The cutover failed, and the source was given back as it was found. */
  | 'rolledBack'
  /** A person has to remove a cause, or decide. */
  | 'blocked'
  /** Giving the source back failed: a person has to look at it at once. */
  | 'failed'
  | 'cancelled'
  | 'finalized'
  /** Whoever ran it stopped it. */
  | 'interrupted'
  /** Another process writes to the same migration, or its log cannot be written to. */
  | 'logRefused';

/** What whoever carries out a plan does next. */
export type Step =
  | { readonly type: 'send'; readonly command: MigrationCommand }
  /** Somebody has to approve the cutover. */
  | { readonly type: 'askApproval' }
  /** The world is at work. */
  | { readonly type: 'wait' }
  | { readonly type: 'end'; readonly kind: EndingKind };

/** What this run has sent so far. */
export type Sent = ReadonlySet<MigrationCommandType>;

/** What a run is for: to hand over, to hand over and give up the way back, to go back, or to give it up. */
export const goals = ['cutOver', 'finalize', 'rollBack', 'cancel'] as const;
/** What a run of a migration is for. */
export type Goal = (typeof goals)[number];

/** Decides from the state alone what comes next, so that a run taken up again goes on where it was. */
export function nextStep(state: MigrationState, plan: MigrationPlan, sent: Sent, goal: Goal = 'cutOver'): Step {
  const { lifecycle, outcome } = axesOf(state);
  if (outcome === 'undecidable') return end('blocked');
  if (goal === 'cancel' && mayCancel.has(lifecycle)) return send({ type: 'CancelMigration', data: { reason } });
  if (goal === 'rollBack' && !turningBack.has(lifecycle)) return turnBack(state, lifecycle);
  return towardsHandOver(state, plan, sent, goal);
}

const reason = 'asked for by whoever runs it';
const mayCancel = new Set([
  ...['draft', 'verifying', 'blocked', 'ready', 'protected', 'rolledBack', 'failed', 'cuttingOver.approved'],
]);
// On its way back already, or past the point where there is one.
const turningBack = new Set(['rollingBack', 'cancelling.releasing', 'cancelling.waiting', 'cancelled', 'finalized']);

/**
 * What comes next for a run that is being interrupted. A cutover that has the source is rolled back: whoever is called
 * away leaves no VM standing still. Everything else can be taken up later as it is.
 */
export function leavingStep(state: MigrationState): Step {
  const { lifecycle, outcome } = axesOf(state);
  if (lifecycle === 'failed') return end('failed');
  const isTaken = lifecycle.startsWith('cuttingOver.') && sourceIsDown(state);
  if (!isTaken && lifecycle !== 'rollingBack') return end('interrupted');
  if (outcome === 'undecidable') return end('blocked');
  // The target runs and may have been written to: a person decides, and not whoever is called away.
  if (lifecycle === 'cuttingOver.undecided') return end('blocked');
  if (lifecycle === 'rollingBack') return wait;
  return send({ type: 'RollBack', data: { reason: 'the run was interrupted', acceptLossOfTargetWrites: false } });
}

function turnBack(state: MigrationState, lifecycle: string): Step {
  if (lifecycle === 'cuttingOver.approved') return send({ type: 'RevokeCutover', data: { reason } });
  if (isPastPointOfNoReturn(state)) return wait;
  if (lifecycle === 'cutOver' || lifecycle === 'failed' || lifecycle.startsWith('cuttingOver.'))
    return send({ type: 'RollBack', data: { reason, acceptLossOfTargetWrites: false } });
  // The source has not been taken, or was given back.
  return end('rolledBack');
}

function towardsHandOver(state: MigrationState, plan: MigrationPlan, sent: Sent, goal: Goal): Step {
  const { lifecycle, replication } = axesOf(state);
  const [phase] = lifecycle.split('.');
  switch (phase) {
    case 'undrafted':
      return send({ type: 'DraftMigration', data: { plan } });
    case 'draft':
      return send({ type: 'VerifySource', data: {} });
    case 'blocked':
      return onceAgain(sent, { type: 'VerifySource', data: {} }, 'blocked');
    case 'ready':
      return send({ type: 'StartProtection', data: {} });
    case 'protected':
    case 'rolledBack':
      if (phase === 'rolledBack' && sent.has('StartCutover')) return end('rolledBack');
      return blockedReplication(replication, sent) ?? towardsCutover(state, plan, sent, replication);
    case 'cuttingOver':
      if (lifecycle === 'cuttingOver.undecided') return end('blocked');
      return blockedReplication(replication, sent) ?? wait;
    case 'failed':
      return onceAgain(
        sent,
        { type: 'RollBack', data: { reason: 'the migration was taken up again', acceptLossOfTargetWrites: false } },
        'failed',
      );
    case 'cutOver':
      return goal === 'finalize' ? send({ type: 'Finalize', data: {} }) : end('cutOver');
    case 'cancelled':
    case 'finalized':
      return end(phase);
    case 'testing':
      return testing(lifecycle, sent, replication);
    case 'verifying':
    case 'rollingBack':
    case 'cancelling':
    case 'finalizing':
      return wait;
    default:
      invariant(false, `the chart has a lifecycle state ${phase} that nobody has thought about here`);
  }
}

/** A clone that runs has passed every check from inside: whoever wrote the plan takes that for a verdict. */
function testing(lifecycle: string, sent: Sent, replication: string): Step {
  // The clone waits for what was written last, and nobody fetches that any more.
  const blocked = lifecycle === 'testing.catchingUp' ? blockedReplication(replication, sent) : undefined;
  if (blocked) return blocked;
  if (lifecycle !== 'testing.running' || sent.has('JudgeTest')) return wait;
  return send({ type: 'JudgeTest', data: { verdict: 'passed', note: 'the clone passed every check from inside' } });
}

const wait: Step = { type: 'wait' };
const end = (kind: EndingKind): Step => ({ type: 'end', kind });
const send = (command: MigrationCommand): Step => ({ type: 'send', command });

/** Where an earlier run ended: running it again says that the cause was removed. Where this run came to, it ends. */
const onceAgain = (sent: Sent, command: MigrationCommand, otherwise: EndingKind): Step =>
  sent.size > 0 ? end(otherwise) : send(command);

function blockedReplication(replication: string, sent: Sent): Step | undefined {
  if (replication === 'stalled.blocked') return onceAgain(sent, { type: 'ResumeReplication', data: {} }, 'blocked');
  // A pause that came while this run was at it was meant.
  if (replication === 'paused' && sent.size === 0) return send({ type: 'ResumeReplication', data: {} });
  return undefined;
}

function towardsCutover(state: MigrationState, plan: MigrationPlan, sent: Sent, replication: string): Step {
  if (replication !== 'parked.resting') return wait;
  const { approvedBy, test } = state.snapshot.context;
  if (plan.testLaunch === 'required' && test !== 'passed')
    return sent.has('LaunchTest') ? end('blocked') : send({ type: 'LaunchTest', data: {} });
  const approved = plan.approval === 'given' || approvedBy !== null;
  if (!approved) return { type: 'askApproval' };
  // A cutover that this run began and that is not under way any more was revoked by somebody.
  return sent.has('StartCutover') ? wait : send({ type: 'StartCutover', data: {} });
}
