import type { MigrationId } from '#core/ids';
import { instant, millis, type Instant, type Millis } from '#core/units';
import type { WaveMember, WavePlan } from './plan.ts';

/*
 * Tries within a window, and how late one may begin. Time comes in as facts of the wave: the back-off of a try and the
 * last moments for a start are timers that its chart arms, so that whoever folds its log knows what has passed.
 */

/** What the facts of a wave say beside its plan. */
export interface WaveNotes {
  /** Cutovers that had to start by this moment, or before it, may not start any more. */
  readonly lastStart: Instant | null;
  /** By migration: the last cutover that the wave has seen taken back. */
  readonly retries: Readonly<Record<string, RetryNote>>;
}

/** A cutover that was taken back in this wave. */
export interface RetryNote {
  /** How many of that migration had been started. */
  readonly cutovers: number;
  /** Whether its back-off has passed. */
  readonly due: boolean;
}

/** A wave of which only the plan is known. */
export const noNotes: WaveNotes = { lastStart: null, retries: {} };

/** Cutovers of a member that were started in this wave. */
export const triesOf = ({ cutoversBefore = 0 }: WaveMember, cutovers: number): number =>
  Math.max(0, cutovers - cutoversBefore);

/**
 * What a wave makes of a member that is rolled back. `free`: it may be tried. `unnoted`: the wave's log does not say yet
 * that it was taken back; `waits`: its back-off runs. `stays`: it is not tried in this wave any more.
 */
export function retryStanding(
  plan: WavePlan,
  member: WaveMember,
  cutovers: number,
  note: RetryNote | undefined,
): 'free' | 'unnoted' | 'waits' | 'stays' {
  const tries = triesOf(member, cutovers);
  if (tries === 0) return 'free';
  if (!plan.retry || tries > plan.retry.times) return 'stays';
  if (note?.cutovers !== cutovers) return 'unnoted';
  return note.due ? 'free' : 'waits';
}

/** How long the try after so many waits: doubling, and never longer than the window. */
export function retryWait({ retry, window }: WavePlan, tries: number): Millis {
  const length = Math.max(0, window.closes - window.opens);
  return millis(Math.min((retry?.after ?? 0) * 2 ** Math.min(tries - 1, 40), length));
}

/** The moment from which on a member starts no first, or no further, try; null if any within the window will do. */
export function lastStartOf({ window, retry }: WavePlan, { expected = millis(0) }: WaveMember, again: boolean) {
  const reserved = again ? Math.max(expected, retry?.reserve ?? 0) : expected;
  return reserved === 0 ? null : instant(Math.max(0, window.closes - reserved));
}

/** The next of the last moments after one that has passed; null if there is none. O(members). */
export function nextLastStart(plan: WavePlan, passed: Instant | null): Instant | null {
  let next: Instant | null = null;
  for (const member of plan.members)
    for (const at of [lastStartOf(plan, member, false), plan.retry ? lastStartOf(plan, member, true) : null])
      if (at !== null && (passed === null || at > passed) && (next === null || at < next)) next = at;
  return next;
}

/** The tries of a migration after which `note` would say something new, if the plan has it tried again; 0 otherwise. */
export function triesToNote(
  plan: WavePlan | null,
  retries: WaveNotes['retries'],
  { migration, cutovers }: { readonly migration: MigrationId; readonly cutovers: number },
): number {
  const member = plan?.members.find((each) => each.migration === migration);
  if (!plan || !member || (retries[migration]?.cutovers ?? 0) >= cutovers) return 0;
  return retryStanding(plan, member, cutovers, retries[migration]) === 'unnoted' ? triesOf(member, cutovers) : 0;
}
