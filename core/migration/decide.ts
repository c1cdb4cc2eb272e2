import { unreachable } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import { axesOf, isPastPointOfNoReturn, targetMayHaveWrites } from './abilities.ts';
import { commandTypes, type MigrationCommand, type MigrationCommandType, type Rejection } from './commands.ts';
import { canTake, type MigrationState } from './evolve.ts';
import type { MigrationFact } from './facts.ts';
import { planProblems } from './plan.ts';

type Decision = Result<readonly MigrationFact[], Rejection>;

/** What a command leads to, or why not. Pure: it never asks the time and changes nothing. */
export function decide(command: MigrationCommand, state: MigrationState): Decision {
  const refusal = refusalOf(command, state);
  if (refusal) return err(refusal);
  const facts = factsOf(command, state);
  const [first] = facts;
  // The rules above are for what an operator can break; the chart has the last word.
  if (first && !canTake(state, first)) return err(notNow(command.type, state));
  return ok(facts);
}

/** Each command with whether it is possible now, and if not, why. Drives buttons, completions and planners alike. */
export function legalCommands(state: MigrationState): readonly CommandAbility[] {
  return commandTypes.map((type) => {
    if (type === 'DraftMigration')
      return state.snapshot.context.plan
        ? { command: type, possible: false, why: { type: 'AlreadyDrafted' } }
        : { command: type, possible: true };
    const decision = decide(exampleOf(type, state), state);
    return decision.ok ? { command: type, possible: true } : { command: type, possible: false, why: decision.error };
  });
}

/** Whether one command is possible now. */
export type CommandAbility =
  | { readonly command: MigrationCommandType; readonly possible: true }
  | { readonly command: MigrationCommandType; readonly possible: false; readonly why: Rejection };

function refusalOf(command: MigrationCommand, state: MigrationState): Rejection | undefined {
  const { context } = state.snapshot;
  const { plan } = context;
  if (command.type === 'DraftMigration') {
    if (plan) return { type: 'AlreadyDrafted' };
    const problems = planProblems(command.data.plan);
    return problems.length > 0 ? { type: 'InvalidPlan', problems } : undefined;
  }
  if (!plan) return { type: 'NotDrafted' };
  if (command.type === 'DecideOutcome') {
    return axesOf(state).outcome === 'undecidable' ? undefined : notNow(command.type, state);
  }
  if (context.unsettled) return { type: 'OutcomeUnsettled', key: context.unsettled.key };
  switch (command.type) {
    case 'ApproveCutover':
      return plan.approval === 'requiredByAnother' && command.data.by === plan.requester
        ? { type: 'ApproverIsRequester', by: command.data.by }
        : undefined;
    case 'StartCutover':
      if (!canTake(state, { type: 'CutoverStarted', data: {} })) return notNow(command.type, state);
      if (plan.approval !== 'given' && !context.approvedBy) return { type: 'NotApproved' };
      return plan.testLaunch === 'required' && context.test !== 'passed' ? { type: 'TestNotPassed' } : undefined;
    case 'RollBack':
      if (isPastPointOfNoReturn(state)) return { type: 'PastPointOfNoReturn', state: axesOf(state).lifecycle };
      return targetMayHaveWrites(state) && !command.data.acceptLossOfTargetWrites
        ? { type: 'LosesTargetWrites' }
        : undefined;
    case 'CancelMigration':
      return isPastPointOfNoReturn(state) ? { type: 'PastPointOfNoReturn', state: axesOf(state).lifecycle } : undefined;
    case 'LaunchTest':
      // A clone is made of a replica that is whole: the first full sync is behind us.
      return context.round === 0
        ? notNow(command.type, state, 'the first full sync has not been completed')
        : undefined;
    case 'VerifySource':
    case 'StartProtection':
    case 'PauseReplication':
    case 'ResumeReplication':
    case 'RescanDisks':
    case 'JudgeTest':
    case 'RevokeCutover':
    case 'WaiveValidation':
    case 'Finalize':
      return undefined;
    default:
      return unreachable(command);
  }
}

function factsOf(command: MigrationCommand, state: MigrationState): readonly MigrationFact[] {
  switch (command.type) {
    case 'DraftMigration':
      return [{ type: 'MigrationDrafted', data: command.data }];
    case 'VerifySource':
      return [{ type: 'VerificationRequested', data: {} }];
    case 'StartProtection':
      return [{ type: 'ProtectionStarted', data: {} }];
    case 'PauseReplication':
      return [{ type: 'ReplicationPaused', data: command.data }];
    case 'ResumeReplication':
      return [{ type: 'ReplicationResumed', data: {} }];
    case 'RescanDisks':
      return [{ type: 'RescanRequested', data: command.data }];
    case 'LaunchTest':
      return [{ type: 'TestLaunchRequested', data: {} }];
    case 'JudgeTest':
      return [{ type: 'TestJudged', data: command.data }];
    case 'ApproveCutover':
      return [{ type: 'CutoverApproved', data: command.data }];
    case 'StartCutover': {
      const { plan, approvedBy } = state.snapshot.context;
      const started: MigrationFact = { type: 'CutoverStarted', data: {} };
      // Approval given by the plan is a fact like any other: the log says who and when, whoever reads it.
      return plan?.approval === 'given' && !approvedBy
        ? [{ type: 'CutoverApproved', data: { by: plan.requester } }, started]
        : [started];
    }
    case 'RevokeCutover':
      return [{ type: 'CutoverRevoked', data: command.data }];
    case 'WaiveValidation':
      return [{ type: 'ValidationWaived', data: command.data }];
    case 'RollBack':
      return [{ type: 'RollbackRequested', data: command.data }];
    case 'Finalize':
      return [{ type: 'FinalizationRequested', data: {} }];
    case 'CancelMigration':
      return [{ type: 'CancellationRequested', data: command.data }];
    case 'DecideOutcome':
      return [{ type: 'OutcomeDecided', data: { key: state.snapshot.context.unsettled?.key ?? '', ...command.data } }];
    default:
      return unreachable(command);
  }
}

function notNow(command: MigrationCommandType, state: MigrationState, why?: string): Rejection {
  const { lifecycle, replication } = axesOf(state);
  return {
    type: 'NotNow',
    command,
    state: lifecycle,
    why: why ?? `lifecycle is ${lifecycle} and replication is ${replication}`,
  };
}

// `legalCommands` asks about a command as a well-meaning operator would send it; only plan-shaped data is missing.
function exampleOf(type: Exclude<MigrationCommandType, 'DraftMigration'>, state: MigrationState): MigrationCommand {
  const reason = 'asked';
  // Someone other than the requester, whoever that is.
  const by = `not ${state.snapshot.context.plan?.requester ?? ''}`;
  switch (type) {
    case 'VerifySource':
    case 'StartProtection':
    case 'ResumeReplication':
    case 'LaunchTest':
    case 'StartCutover':
    case 'Finalize':
      return { type, data: {} };
    case 'PauseReplication':
    case 'RescanDisks':
    case 'RevokeCutover':
    case 'CancelMigration':
      return { type, data: { reason } };
    case 'JudgeTest':
      return { type, data: { verdict: 'passed', note: reason } };
    case 'ApproveCutover':
      return { type, data: { by } };
    case 'WaiveValidation':
      return { type, data: { by, reason } };
    case 'RollBack':
      return { type, data: { reason, acceptLossOfTargetWrites: true } };
    case 'DecideOutcome':
      return { type, data: { outcome: 'done', by } };
    default:
      return unreachable(type);
  }
}
