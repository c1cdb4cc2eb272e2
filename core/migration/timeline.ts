import { unreachable } from '#core/invariant';
import type { FactGroup, FactText, Severity } from '#core/text/fact-text';
import { formatBytes, formatDuration, formatPercent, formatPlural, formatRate, formatTime } from '#core/text/format';
import { plainText } from '#core/text/plain-text';
import type { EffectType, TimerName } from './effects.ts';
import type {
  Check,
  DecisionFact,
  DriverFact,
  MigrationFact,
  MigrationFactType,
  NoteFact,
  PlannedEdit,
  Reason,
  ReplicationFact,
  RoundReport,
  StepFact,
  StepItem,
} from './facts.ts';

const decision = 'decision';
const replication = 'replication';
const step = 'step';
const driver = 'driver';

/** Which group each fact belongs to. A fact added to the model does not compile until it has a row. */
export const factGroups: { readonly [T in MigrationFactType]: GroupOf<T> } = {
  MigrationDrafted: decision,
  VerificationRequested: decision,
  ProtectionStarted: decision,
  ReplicationPaused: decision,
  ReplicationResumed: decision,
  RescanRequested: decision,
  TestLaunchRequested: decision,
  TestJudged: decision,
  CutoverApproved: decision,
  CutoverStarted: decision,
  CutoverRevoked: decision,
  ValidationWaived: decision,
  RollbackRequested: decision,
  FinalizationRequested: decision,
  CancellationRequested: decision,
  OutcomeDecided: decision,
  ReplicationInitiated: replication,
  RoundProgressed: replication,
  RoundCompleted: replication,
  ReplicationStalled: replication,
  ReplicationDisconnected: replication,
  TrackingLost: replication,
  VerificationPassed: step,
  VerificationFailed: step,
  TestLaunched: step,
  TestLaunchFailed: step,
  TestCleanedUp: step,
  SourceQuiesced: step,
  QuiesceRefused: step,
  FinalSyncCompleted: step,
  FinalSyncFailed: step,
  SourceFenced: step,
  FencingFailed: step,
  ReplicaFixedUp: step,
  FixUpFailed: step,
  TargetLaunched: step,
  LaunchFailed: step,
  TargetConnected: step,
  ConnectionFailed: step,
  TargetValidated: step,
  ValidationFailed: step,
  RolledBack: step,
  RollbackFailed: step,
  SourceReleased: step,
  ReleaseFailed: step,
  SourceRetired: step,
  RetirementFailed: step,
  GuestInspected: step,
  StepReported: step,
  FixUpPlanned: step,
  ConsoleCaptured: step,
  EffectRequested: driver,
  OutcomeUnknown: driver,
  OutcomeReconciled: driver,
  OutcomeUndecidable: driver,
  DeadlinePassed: driver,
};

type GroupOf<T extends MigrationFactType> = T extends DecisionFact['type']
  ? 'decision'
  : T extends ReplicationFact['type']
    ? 'replication'
    : T extends (StepFact | NoteFact)['type']
      ? 'step'
      : 'driver';

/** What a fact means, in one line for a person. */
export function describeFact(fact: MigrationFact): FactText {
  if (isOf(fact, 'decision')) return describeDecision(fact);
  if (isOf(fact, 'replication')) return describeReplication(fact);
  if (isOf(fact, 'step')) return describeStep(fact);
  return describeDriverNote(fact as DriverFact);
}

type FactsOf = {
  decision: DecisionFact;
  replication: ReplicationFact;
  step: StepFact | NoteFact;
  driver: DriverFact;
};
const isOf = <G extends FactGroup>(fact: MigrationFact, group: G): fact is FactsOf[G] =>
  factGroups[fact.type] === group;

const say = (severity: Severity, title: string, detail = ''): FactText => ({ title, detail, severity });
const failed = (title: string, { detail }: Reason): FactText => say('failure', title, detail);

function describeDecision(fact: DecisionFact): FactText {
  switch (fact.type) {
    case 'MigrationDrafted': {
      const { vm, disks, source, target } = fact.data.plan;
      const size = disks.reduce((sum, disk) => sum + disk.size, 0);
      return say(
        'step',
        `Migration of ${vm.name} drafted`,
        `${formatPlural(disks.length, 'disk')}, ${formatBytes(size)}, from ${source} to ${target}`,
      );
    }
    case 'VerificationRequested':
      return say('step', 'Verification asked for');
    case 'ProtectionStarted':
      return say('step', 'Protection started', 'a replica is made from now on');
    case 'ReplicationPaused':
      return say('warning', 'Replication paused', fact.data.reason);
    case 'ReplicationResumed':
      return say('step', 'Replication resumed');
    case 'RescanRequested':
      return say('warning', 'Rescan asked for', fact.data.reason);
    case 'TestLaunchRequested':
      return say('step', 'Test launch asked for');
    case 'TestJudged':
      return fact.data.verdict === 'passed'
        ? say('success', 'Test judged as passed', fact.data.note)
        : say('failure', 'Test judged as failed', fact.data.note);
    case 'CutoverApproved':
      return say('success', 'Cutover approved', `by ${fact.data.by}`);
    case 'CutoverStarted':
      return say('step', 'Cutover started', 'it begins as soon as the replica is close enough');
    case 'CutoverRevoked':
      return say('warning', 'Cutover revoked', fact.data.reason);
    case 'ValidationWaived':
      return say('warning', 'Validation waived', `by ${fact.data.by}: ${fact.data.reason}`);
    case 'RollbackRequested':
      return say(
        'warning',
        'Rollback asked for',
        `${fact.data.reason}${fact.data.acceptLossOfTargetWrites ? ' (loss of target writes accepted)' : ''}`,
      );
    case 'FinalizationRequested':
      return say('step', 'Finalization asked for', 'the way back is given up');
    case 'CancellationRequested':
      return say('warning', 'Cancellation asked for', fact.data.reason);
    case 'OutcomeDecided':
      return say(
        'warning',
        fact.data.outcome === 'done' ? 'Declared as done' : 'Declared as not done',
        `by ${fact.data.by}, who looked where the world could not tell`,
      );
    default:
      return unreachable(fact);
  }
}

const roundNames = {
  full: 'Full sync',
  delta: 'Delta sync',
  rescan: 'Rescan',
  final: 'Final sync',
} as const satisfies Record<RoundReport['kind'], string>;

function describeReplication(fact: ReplicationFact): FactText {
  switch (fact.type) {
    case 'ReplicationInitiated': {
      const untracked = fact.data.disks.filter(({ tracked }) => !tracked).map(({ disk }) => disk);
      return untracked.length > 0
        ? say('warning', 'Replication initiated', `without change tracking on ${untracked.join(', ')}`)
        : say(
            'step',
            'Replication initiated',
            `changes are tracked on ${formatPlural(fact.data.disks.length, 'disk')}`,
          );
    }
    case 'RoundProgressed': {
      const { round, done, total } = fact.data;
      const fraction = total === 0 ? 1 : done / total;
      return say(
        'note',
        `Round ${round} at ${formatPercent(fraction)}`,
        `${formatBytes(done)} of ${formatBytes(total)}`,
      );
    }
    case 'RoundCompleted':
      return say('step', `${roundNames[fact.data.kind]} completed (round ${fact.data.round})`, roundDetail(fact.data));
    case 'ReplicationStalled':
      return fact.data.retryable
        ? say('warning', 'Replication stalled, to be tried again', fact.data.reason.detail)
        : failed('Replication stalled', fact.data.reason);
    case 'ReplicationDisconnected':
      return say('warning', `The ${fact.data.endpoint} cannot be reached`, fact.data.reason.detail);
    case 'TrackingLost':
      return say('warning', `Change tracking lost on ${fact.data.disk}`, fact.data.detail);
    default:
      return unreachable(fact);
  }
}

function roundDetail({ sent, zeroed, resumed, duration, rate, dirty, kind }: RoundReport): string {
  return [
    `${formatBytes(sent)} sent in ${formatDuration(duration)}`,
    ...(rate > 0 ? [formatRate(rate)] : []),
    ...(zeroed > 0 ? [`${formatBytes(zeroed)} zero`] : []),
    ...(resumed > 0 ? [`${formatBytes(resumed)} taken up from before`] : []),
    ...(kind === 'final' ? [] : [`${formatBytes(dirty)} dirty now`]),
  ].join(', ');
}

function describeStep(fact: StepFact | NoteFact): FactText {
  switch (fact.type) {
    case 'VerificationPassed':
      return say('success', 'Verification passed', checksDetail(fact.data.checks));
    case 'VerificationFailed':
      return say('failure', 'Verification failed', checksDetail(fact.data.checks));
    case 'TestLaunched':
      return say('success', 'Test launched', `${fact.data.vm} runs in isolation and waits for a verdict`);
    case 'TestLaunchFailed':
      return failed('Test launch failed', fact.data.reason);
    case 'TestCleanedUp':
      return say('step', 'Test cleaned up');
    case 'SourceQuiesced':
      return say('step', 'Source quiesced', `${fact.data.method}; found ${fact.data.found}. Downtime runs`);
    case 'QuiesceRefused':
      return failed('Quiesce refused', fact.data.reason);
    case 'FinalSyncCompleted':
      return say('success', `Final sync completed (round ${fact.data.round})`, roundDetail(fact.data));
    case 'FinalSyncFailed':
      return failed('Final sync failed', fact.data.reason);
    case 'SourceFenced':
      return say('success', 'Source fenced', fact.data.proof);
    case 'FencingFailed':
      return failed('Fencing failed', fact.data.reason);
    case 'ReplicaFixedUp':
      return say('step', 'Replica fixed up', checksDetail(fact.data.findings));
    case 'FixUpFailed':
      return failed('Fix-up failed', fact.data.reason);
    case 'TargetLaunched':
      return say('success', 'Target launched', `${fact.data.vm}, networks still disconnected`);
    case 'LaunchFailed':
      return failed('Launch failed', fact.data.reason);
    case 'TargetConnected':
      return say('success', 'Target connected', fact.data.networks.join(', '));
    case 'ConnectionFailed':
      return failed('Connection failed', fact.data.reason);
    case 'TargetValidated':
      return say('success', 'Target validated', `${checksDetail(fact.data.checks)}. Downtime is over`);
    case 'ValidationFailed':
      return say('failure', 'Validation failed', checksDetail(fact.data.checks));
    case 'RolledBack':
      return say('warning', 'Rolled back', `the source is ${fact.data.source}`);
    case 'RollbackFailed':
      return failed('Rollback failed', fact.data.reason);
    case 'SourceReleased':
      return say(
        'step',
        'Source released',
        fact.data.removed.length > 0 ? `removed ${fact.data.removed.join(', ')}` : '',
      );
    case 'ReleaseFailed':
      return failed('Release failed, to be tried again', fact.data.reason);
    case 'SourceRetired':
      return say('success', 'Source retired', fact.data.note);
    case 'RetirementFailed':
      return failed('Retirement failed, to be tried again', fact.data.reason);
    default:
      return describeNote(fact);
  }
}

function describeNote(fact: NoteFact): FactText {
  switch (fact.type) {
    case 'GuestInspected': {
      const { hostname, system, firmware, nics, services } = fact.data;
      const parts = `${firmware}, ${formatPlural(nics.length, 'NIC')}, ${formatPlural(services.length, 'service')}`;
      return say('note', `Guest ${hostname} inspected`, `${system}, ${parts}`);
    }
    case 'StepReported': {
      const { title, state, detail, attempt, nextAttempt } = fact.data;
      const tries = attempt > 1 ? ` (attempt ${attempt})` : '';
      const again = nextAttempt === null ? [] : [`tried again at ${formatTime(nextAttempt)}`];
      const particulars = [...(detail === '' ? [] : [detail]), ...again].join('; ');
      return say(stepSeverity[state], `${title}${tries}: ${state}`, particulars);
    }
    case 'FixUpPlanned':
      return say('step', 'Fix-up planned', editsDetail(fact.data.edits, fact.data.findings));
    case 'ConsoleCaptured':
      return say('note', `Console of ${fact.data.vm} captured (${fact.data.stage})`, lastLine(fact.data.text));
    default:
      return unreachable(fact);
  }
}

/** The last line that says anything, without terminal sequences and not longer than a line. */
function lastLine(text: string): string {
  // The end is enough: a capture may be long, and every fact of a log is described once.
  const lines = plainText(text.slice(-endRead)).split('\n');
  const last = lines.findLast((line) => line.trim() !== '')?.trim() ?? 'it said nothing';
  return last.length > lineMax ? `${last.slice(0, lineMax)}…` : last;
}

const endRead = 2_000;
const lineMax = 120;

const stepSeverity = {
  // What takes minutes is seen to have begun; that it is over shows by what comes next.
  running: 'step',
  done: 'note',
  failed: 'failure',
  retrying: 'warning',
} as const satisfies Record<StepItem['state'], Severity>;

const editsDetail = (edits: readonly PlannedEdit[], findings: readonly Check[]): string =>
  [
    edits.length > 0
      ? `${formatPlural(edits.length, 'edit')}: ${edits.map(({ what }) => what).join('; ')}`
      : 'no edits',
    ...(findings.length > 0 ? [checksDetail(findings)] : []),
  ].join('. ');

function checksDetail(checks: readonly Check[]): string {
  if (checks.length === 0) return 'nothing was checked';
  const notPassed = checks.filter(({ verdict }) => verdict !== 'passed');
  if (notPassed.length === 0) return `${formatPlural(checks.length, 'check')} passed`;
  const worst = notPassed.toSorted((a, b) => weight(b) - weight(a)).map(({ message }) => message);
  return `${notPassed.length} of ${formatPlural(checks.length, 'check')} did not pass: ${worst.join('; ')}`;
}

const weight = ({ verdict }: Check): number => (verdict === 'failed' ? 1 : 0);

const timerNames = {
  refresh: 'The replica is due for a refresh',
  retry: 'Time to try again',
  quiesce: 'The source took too long to come to rest',
  release: 'Time to try the clean-up again',
} as const satisfies Record<TimerName, string>;

/** What an effect does, as a clause: `quiesce the source`. */
export const effectNames: { readonly [T in EffectType]: string } = {
  verifySource: 'verify the source',
  initiateReplication: 'begin change tracking',
  runFullSync: 'run the full sync',
  runDeltaSync: 'run a delta sync',
  runRescan: 'rescan the disks',
  launchTest: 'launch the test clone',
  cleanUpTest: 'remove the test clone',
  quiesceSource: 'quiesce the source',
  runFinalSync: 'run the final sync',
  fenceSource: 'fence the source',
  fixUpReplica: 'fix up the replica',
  launchTarget: 'launch the target',
  connectTarget: 'connect the target',
  validateTarget: 'validate the target',
  rollBack: 'roll back to the source',
  releaseSource: 'take what is ours off the source',
  retireSource: 'retire the source',
  armTimer: 'wait',
};

function describeDriverNote(fact: DriverFact): FactText {
  switch (fact.type) {
    case 'EffectRequested':
      return say('note', `World asked to ${effectNames[fact.data.effect]}`);
    case 'OutcomeUnknown':
      return say('warning', `Outcome unknown: ${effectNames[fact.data.effect]}`, fact.data.why);
    case 'OutcomeReconciled':
      return say('step', fact.data.found === 'done' ? 'The world says: done' : 'The world says: not done');
    case 'OutcomeUndecidable':
      return say('failure', 'The world cannot tell whether it was done; a person has to look', fact.data.why);
    case 'DeadlinePassed':
      return say(fact.data.timer === 'quiesce' ? 'warning' : 'note', timerNames[fact.data.timer]);
    default:
      return unreachable(fact);
  }
}
