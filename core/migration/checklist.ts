import type { Instant } from '#core/units';
import type { Check, MigrationFact, MigrationFactOf, MigrationFactType, Reason, StepItem } from './facts.ts';

/**
 * What a migration's steps consisted of, step by step and item by item: a projection for people.
 *
 *     EffectRequested  -->  StepReported, StepReported, ...  -->  ReplicaFixedUp | FixUpFailed
 *        begins                last word per item                       ends
 *
 * A step that is begun again gets a checklist of its own: what an earlier try had done says nothing about this one.
 * Oldest first; the last is the step that goes on, or went on last. At most `stepsKept` steps of `itemsKept` items.
 */
export type Checklist = readonly ChecklistStep[];

/** One step, from when it was begun. */
export interface ChecklistStep {
  /** The effect it is: `fixUpReplica`. */
  readonly step: string;
  /** How many times it had been begun then, from 1. */
  readonly run: number;
  readonly begun: Instant;
  /** Null while it goes on. */
  readonly ended: Instant | null;
  /**
   * `unknown`: its answer was lost, and the world is asked; `undecidable`: the world cannot tell. `abandoned`: another
   * one was begun before it had an outcome.
   */
  readonly state: 'running' | 'unknown' | 'undecidable' | 'done' | 'failed' | 'abandoned';
  /** Why it failed, or why its outcome is not known; else empty. */
  readonly detail: string;
  /** In the order in which they were first told of. */
  readonly items: readonly ChecklistItem[];
}

/** The last word about one item, when that came, and when the item was first told of. */
export interface ChecklistItem extends Omit<StepItem, 'step'> {
  readonly begun: Instant;
  readonly told: Instant;
}

/** Steps kept: a cutover has eight, so two tries of one are there to be compared. */
export const stepsKept = 24;
/** Items kept of a step. Quiescing has one for each service of a guest. */
export const itemsKept = 256;

/** Folds one fact in. The same checklist comes back where a fact changes nothing of it, as most do. */
export function foldChecklist(steps: Checklist, fact: MigrationFact, at: Instant): Checklist {
  const change = changes[fact.type] as Change<MigrationFactType> | undefined;
  return change === undefined ? steps : change(steps, fact as never, at);
}

/** The types of facts that change a checklist: of a long stream, no others need to be folded. */
export const checklistFacts = (): readonly MigrationFactType[] => Object.keys(changes) as MigrationFactType[];

type Change<T extends MigrationFactType> = (steps: Checklist, fact: MigrationFactOf<T>, at: Instant) => Checklist;
type Ended = 'done' | 'failed';

const done =
  (step: string) =>
  (steps: Checklist, _fact: MigrationFact, at: Instant): Checklist =>
    end(steps, step, { state: 'done', detail: '' }, at);

const failed =
  (step: string) =>
  (steps: Checklist, { data }: { readonly data: { readonly reason: Reason } }, at: Instant): Checklist =>
    end(steps, step, { state: 'failed', detail: data.reason.detail }, at);

const didNotPass =
  (step: string) =>
  (steps: Checklist, { data }: { readonly data: { readonly checks: readonly Check[] } }, at: Instant): Checklist => {
    const count = data.checks.filter(({ verdict }) => verdict === 'failed').length;
    return end(steps, step, { state: 'failed', detail: `${count} of ${data.checks.length} checks failed` }, at);
  };

// Only steps that are asked for as side effects are logged as requested. The others begin with the fact that leads to them.
const changes: { readonly [T in MigrationFactType]?: Change<T> } = {
  VerificationRequested: (steps, _fact, at) => begin(steps, 'verifySource', at),
  EffectRequested: (steps, { data }, at) =>
    // Beginning to track belongs to replication, which goes on beside the steps of tests and cutovers.
    data.effect === 'initiateReplication' ? steps : begin(steps, data.effect, at),
  StepReported: (steps, { data }, at) => report(steps, data, at),
  OutcomeUnknown: (steps, { data }) => mark(steps, data.effect, 'running', { state: 'unknown', detail: data.why }),
  OutcomeUndecidable: (steps, { data }) => mark(steps, null, 'unknown', { state: 'undecidable', detail: data.why }),
  VerificationPassed: done('verifySource'),
  VerificationFailed: didNotPass('verifySource'),
  TestLaunched: done('launchTest'),
  TestLaunchFailed: failed('launchTest'),
  TestCleanedUp: done('cleanUpTest'),
  SourceQuiesced: (steps, fact, at) => begin(done('quiesceSource')(steps, fact, at), 'runFinalSync', at),
  QuiesceRefused: failed('quiesceSource'),
  FinalSyncCompleted: done('runFinalSync'),
  FinalSyncFailed: failed('runFinalSync'),
  SourceFenced: done('fenceSource'),
  FencingFailed: failed('fenceSource'),
  ReplicaFixedUp: done('fixUpReplica'),
  FixUpFailed: failed('fixUpReplica'),
  TargetLaunched: done('launchTarget'),
  LaunchFailed: failed('launchTarget'),
  TargetConnected: (steps, fact, at) => begin(done('connectTarget')(steps, fact, at), 'validateTarget', at),
  ConnectionFailed: failed('connectTarget'),
  TargetValidated: done('validateTarget'),
  ValidationFailed: didNotPass('validateTarget'),
  RolledBack: done('rollBack'),
  RollbackFailed: failed('rollBack'),
  SourceReleased: done('releaseSource'),
  ReleaseFailed: failed('releaseSource'),
  SourceRetired: done('retireSource'),
  RetirementFailed: failed('retireSource'),
};

/** Begins a step. Steps of one migration follow each other: one that is still open will have no outcome any more. */
function begin(steps: Checklist, step: string, at: Instant): Checklist {
  const before = steps.map((one) => (one.ended === null ? { ...one, state: 'abandoned' as const, ended: at } : one));
  return opened(before, step, at);
}

function opened(steps: Checklist, step: string, begun: Instant): Checklist {
  const run = (steps.findLast((one) => one.step === step)?.run ?? 0) + 1;
  const next: ChecklistStep = { step, run, begun, ended: null, state: 'running', detail: '', items: [] };
  return [...steps.slice(Math.max(0, steps.length + 1 - stepsKept)), next];
}

function end(steps: Checklist, step: string, how: { state: Ended; detail: string }, ended: Instant): Checklist {
  const open = steps.findLastIndex((one) => one.step === step && one.ended === null);
  // Nobody said when it began: it followed on the step before it.
  if (open < 0) return end(opened(steps, step, steps.at(-1)?.ended ?? ended), step, how, ended);
  return replaced(steps, open, { ...how, ended });
}

function mark(
  steps: Checklist,
  step: string | null,
  from: ChecklistStep['state'],
  to: Pick<ChecklistStep, 'state' | 'detail'>,
): Checklist {
  const found = steps.findLastIndex((one) => (step === null || one.step === step) && one.state === from);
  return found < 0 ? steps : replaced(steps, found, to);
}

const replaced = (steps: Checklist, index: number, change: Partial<ChecklistStep>): Checklist =>
  steps.map((one, n) => (n === index ? { ...one, ...change } : one));

function report(steps: Checklist, { step, ...item }: StepItem, at: Instant): Checklist {
  const open = steps.findLastIndex((one) => one.step === step && one.ended === null);
  if (open < 0) return report(opened(steps, step, at), { step, ...item }, at);
  const { items } = steps[open] as ChecklistStep;
  const known = items.findIndex((one) => one.item === item.item);
  if (known < 0) {
    const kept = items.slice(Math.max(0, items.length + 1 - itemsKept));
    return replaced(steps, open, { items: [...kept, { ...item, begun: at, told: at }] });
  }
  const told = (one: ChecklistItem): ChecklistItem => ({ ...item, begun: one.begun, told: at });
  return replaced(steps, open, { items: items.map((one, n) => (n === known ? told(one) : one)) });
}
