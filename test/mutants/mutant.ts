import type { LawId } from '#core/laws/law';

/** What kind of mistake a mutant is, in the words of those who made it elsewhere. */
export type MutantKind =
  | 'ackTooEarly'
  | 'approvalSkipped'
  | 'guardRemoved'
  | 'leftBehind'
  | 'lockReleasedEarly'
  | 'lossIgnored'
  | 'notCompared'
  | 'notFenced'
  | 'notReconciled'
  | 'offByOne'
  | 'replayWrong'
  | 'retryForgets'
  | 'secretKept'
  | 'timeIgnored'
  | 'unsettledTaken';

/** One deliberate bug, as data: a piece of one file, and what stands there instead. */
export interface Mutant {
  readonly id: string;
  /** From the root of the checkout. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  readonly kind: MutantKind;
  /** The law whose incident (see the law's file in core/laws) is of this kind. */
  readonly incident: LawId;
  /** What it would do to somebody. */
  readonly why: string;
  /** Tests that may notice, quick ones first: files or folders as vitest takes them. None of them boots a guest. */
  readonly tests: readonly string[];
  /** Why nothing is expected to notice. Who writes this has looked. */
  readonly survives?: string;
  /** Why no world executes it, so that tests alone may notice. A run that searches worlds holds this to what they execute. */
  readonly noWorldRuns?: string;
  /** Why worlds that execute it are right all the same. Who writes this has looked. */
  readonly worldsMiss?: string;
}

/** The source of a file with a mutant in it. Throws where what it replaces is not there exactly once. */
export function applied(source: string, { id, file, find, replace }: Mutant): string {
  const at = source.indexOf(find);
  const times = source.split(find).length - 1;
  if (times !== 1) throw new Error(`mutant ${id}: what it replaces stands ${times} times in ${file}, and not once`);
  return source.slice(0, at) + replace + source.slice(at + find.length);
}
