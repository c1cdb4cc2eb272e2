import type { MigrationPlan } from '#core/migration/plan';

type Named<Type extends string, Data extends object = Record<never, never>> = {
  readonly type: Type;
  readonly data: Data;
};

/** What someone wants of a migration. `decide` says what it leads to, or why not. */
export type MigrationCommand =
  | Named<'DraftMigration', { readonly plan: MigrationPlan }>
  | Named<'VerifySource'>
  | Named<'StartProtection'>
  | Named<'PauseReplication', { readonly reason: string }>
  | Named<'ResumeReplication'>
  | Named<'RescanDisks', { readonly reason: string }>
  | Named<'LaunchTest'>
  | Named<'JudgeTest', { readonly verdict: 'passed' | 'failed'; readonly note: string }>
  | Named<'ApproveCutover', { readonly by: string }>
  | Named<'StartCutover'>
  | Named<'RevokeCutover', { readonly reason: string }>
  | Named<'WaiveValidation', { readonly by: string; readonly reason: string }>
  | Named<'RollBack', { readonly reason: string; readonly acceptLossOfTargetWrites: boolean }>
  | Named<'Finalize'>
  | Named<'CancelMigration', { readonly reason: string }>
  | Named<'DecideOutcome', { readonly outcome: 'done' | 'notDone'; readonly by: string }>;

/** The name of a migration command. */
export type MigrationCommandType = MigrationCommand['type'];

/** Every migration command, in the order of a migration's life. */
export const commandTypes = [
  'DraftMigration',
  'VerifySource',
  'StartProtection',
  'PauseReplication',
  'ResumeReplication',
  'RescanDisks',
  'LaunchTest',
  'JudgeTest',
  'ApproveCutover',
  'StartCutover',
  'RevokeCutover',
  'WaiveValidation',
  'RollBack',
  'Finalize',
  'CancelMigration',
  'DecideOutcome',
] as const satisfies readonly MigrationCommandType[];

/** Why a command leads to nothing. Values; `describeRejection` makes the sentence. */
export type Rejection =
  /** The migration is not in a state in which this means anything. `state` is the lifecycle state. */
  | { readonly type: 'NotNow'; readonly command: MigrationCommandType; readonly state: string; readonly why: string }
  | { readonly type: 'AlreadyDrafted' }
  | { readonly type: 'NotDrafted' }
  | { readonly type: 'NotApproved' }
  | { readonly type: 'ApproverIsRequester'; readonly by: string }
  | { readonly type: 'TestNotPassed' }
  | { readonly type: 'PastPointOfNoReturn'; readonly state: string }
  /** The target may have been written to: rolling back loses that, and wants to be said. */
  | { readonly type: 'LosesTargetWrites' }
  /** An answer of the world is missing; nothing else may be asked of it until that is settled. */
  | { readonly type: 'OutcomeUnsettled'; readonly key: string }
  | { readonly type: 'InvalidPlan'; readonly problems: readonly string[] };

/** One sentence for a person: why not, and what would make it possible. */
export function describeRejection(rejection: Rejection): string {
  switch (rejection.type) {
    case 'NotNow':
      return `${rejection.command} is not possible in state ${rejection.state}: ${rejection.why}`;
    case 'AlreadyDrafted':
      return 'this migration exists already; choose another id';
    case 'NotDrafted':
      return 'there is no such migration; draft it first';
    case 'NotApproved':
      return 'the cutover has not been approved; send ApproveCutover first';
    case 'ApproverIsRequester':
      return `${rejection.by} asked for this migration and may not approve it; someone else has to`;
    case 'TestNotPassed':
      return 'the plan requires a test launch judged as passed; send LaunchTest, then JudgeTest';
    case 'PastPointOfNoReturn':
      return `there is no way back from ${rejection.state}: the source has been given up`;
    case 'LosesTargetWrites':
      return 'the target may have been written to; rolling back loses that: repeat with acceptLossOfTargetWrites to say so';
    case 'OutcomeUnsettled':
      return `it is not known whether ${rejection.key} was carried out; wait for the world to be asked, or send DecideOutcome`;
    case 'InvalidPlan':
      return `the plan is not valid: ${rejection.problems.join('; ')}`;
  }
}
