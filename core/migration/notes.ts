import type { Instant } from '#core/units';
import { checklistFacts, foldChecklist, type Checklist } from './checklist.ts';
import type { Check, GuestShape, MigrationFact, MigrationFactOf, MigrationFactType, PlannedEdit } from './facts.ts';

/**
 * What was told of a migration beside its numbers: what its guest is, what was checked, what its steps consisted of, what
 * is changed on the replica, what VMs said. A projection for people over few of a stream's facts (`isNoted`), so it can be
 * made when somebody looks and need not be kept for every VM of a fleet. It holds what facts hold and copies no text.
 */
export interface Notes {
  readonly guest: { readonly at: Instant; readonly shape: GuestShape } | null;
  readonly verification: Checked | null;
  readonly fixUp: FixUpNote | null;
  readonly validation: (Checked & { readonly waived: Waiver | null }) | null;
  /** Oldest first, at most `consolesKept`. */
  readonly consoles: readonly ConsoleNote[];
  readonly checklist: Checklist;
}

/** What was checked, and when the answer came. */
export interface Checked {
  readonly at: Instant;
  readonly passed: boolean;
  readonly checks: readonly Check[];
}

/** Who accepted a target that did not pass. */
export type Waiver = MigrationFactOf<'ValidationWaived'>['data'];

/** The last fix-up that was planned or done. */
export interface FixUpNote {
  /** When it was last told of. */
  readonly at: Instant;
  /** The step it was planned in: for a test's clone (`launchTest`), or for the target. Null if that was not told. */
  readonly step: string | null;
  /** In the order in which they are made. Null if no plan was told, as in a rehearsal. */
  readonly edits: readonly PlannedEdit[] | null;
  /** What a person should know beside the edits. Once it is done also what was verified. */
  readonly findings: readonly Check[];
  /** `givenUp`: the test is cleaned up or the cutover rolled back, and what was fixed up is gone with it. */
  readonly state: 'planned' | 'done' | 'failed' | 'givenUp';
  /** Why it failed; else empty. */
  readonly reason: string;
}

/** What one VM said on its console, as it was captured. */
export interface ConsoleNote {
  readonly at: Instant;
  readonly vm: string;
  readonly stage: MigrationFactOf<'ConsoleCaptured'>['data']['stage'];
  readonly text: string;
}

/** Captures kept: a test, and two tries of a cutover that each were looked at when started and when validated. */
export const consolesKept = 6;

/** Before the first fact. */
export const noNotes: Notes = {
  guest: null,
  verification: null,
  fixUp: null,
  validation: null,
  consoles: [],
  checklist: [],
};

/** Folds one fact in. Facts of a stream in order; those that `isNoted` denies may be left out. */
export function foldNotes(notes: Notes, fact: MigrationFact, at: Instant): Notes {
  const note = noted[fact.type] as Note<MigrationFactType> | undefined;
  const checklist = foldChecklist(notes.checklist, fact, at);
  const change = note?.(notes, fact as never, at);
  return change === undefined && checklist === notes.checklist ? notes : { ...notes, ...change, checklist };
}

/** Whether facts of this type are noted at all. */
export const isNoted = (type: string): boolean => notedTypes.has(type);

type Note<T extends MigrationFactType> = (
  notes: Notes,
  fact: MigrationFactOf<T>,
  at: Instant,
) => Partial<Omit<Notes, 'checklist'>>;

type WithChecks = { readonly data: { readonly checks: readonly Check[] } };

const verified =
  (passed: boolean) =>
  (_notes: Notes, { data }: WithChecks, at: Instant) => ({ verification: { at, passed, checks: data.checks } });

const validated =
  (passed: boolean) =>
  (_notes: Notes, { data }: WithChecks, at: Instant) => ({
    validation: { at, passed, checks: data.checks, waived: null },
  });

const givenUp =
  (wasFor: (step: FixUpNote['step']) => boolean) =>
  ({ fixUp }: Notes, _fact: MigrationFact, at: Instant): { readonly fixUp?: FixUpNote } =>
    fixUp === null || !wasFor(fixUp.step) ? {} : { fixUp: { ...fixUp, at, state: 'givenUp' } };

const unplanned = { step: null, edits: null, findings: [], state: 'planned', reason: '' } as const;

const noted: { readonly [T in MigrationFactType]?: Note<T> } = {
  GuestInspected: (_notes, { data }, at) => ({ guest: { at, shape: data } }),
  VerificationPassed: verified(true),
  VerificationFailed: verified(false),
  FixUpPlanned: ({ checklist }, { data }, at) => ({
    fixUp: { ...unplanned, ...data, at, step: checklist.findLast(({ ended }) => ended === null)?.step ?? null },
  }),
  ReplicaFixedUp: ({ fixUp }, { data }, at) => ({
    fixUp: { ...(ofTarget(fixUp) ?? unplanned), at, findings: data.findings, state: 'done', reason: '' },
  }),
  FixUpFailed: ({ fixUp }, { data }, at) => ({
    fixUp: { ...(ofTarget(fixUp) ?? unplanned), at, state: 'failed', reason: data.reason.detail },
  }),
  TestCleanedUp: givenUp((step) => step === 'launchTest'),
  RolledBack: givenUp((step) => step !== 'launchTest'),
  TargetValidated: validated(true),
  ValidationFailed: validated(false),
  ValidationWaived: ({ validation }, { data }) =>
    validation === null ? {} : { validation: { ...validation, waived: data } },
  ConsoleCaptured: ({ consoles }, { data }, at) => ({
    consoles: [...consoles.slice(Math.max(0, consoles.length + 1 - consolesKept)), { at, ...data }],
  }),
};

// What was planned for a test's clone is not what was done to the target.
const ofTarget = (fixUp: FixUpNote | null): FixUpNote | null => (fixUp?.step === 'launchTest' ? null : fixUp);

const notedTypes: ReadonlySet<string> = new Set([...Object.keys(noted), ...checklistFacts()]);
