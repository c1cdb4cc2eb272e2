import type { Clock } from '#core/clock';
import type { GuestAgentError, QuiescePolicy, QuiesceReport } from '#core/ports/guest-agent';
import { err, ok, type Result } from '#core/result';
import { elapsed } from '#core/units';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import { bringToRest } from './bring-to-rest.ts';
import { goBack } from './go-back.ts';
import { keepNotes, notesPath, readNotes, type RestNotes } from './rest-journal.ts';
import { switchOff } from './switch-off.ts';

/**
 * Brings a guest to rest and back.
 *
 *     serving --quiesce--> coming to rest --> at rest --powerOff--> off
 *        ^                       |               |
 *        +------- resume, or anything that fails +
 *
 * What is done is noted before it is done, in memory that outlives the sentinel: after its death `resume` undoes what
 * its former life did. Calls may be repeated.
 */
export interface Quiescer {
  /** Services stopped in order, file systems flushed and read-only. If it fails, the guest is back in service. */
  quiesce(policy: QuiescePolicy): Promise<Result<QuiesceReport, Refusal>>;
  /** Gives up a quiesce, also one under way: it ends after its present step. An error says what did not come back. */
  resume(): Promise<Result<ResumeReport, Refusal>>;
  /** Begins to power the guest off. Only a guest at rest is. */
  powerOff(): Promise<Result<void, Refusal>>;
  /** What the guest was brought to rest by, also by a former life of the sentinel; undefined in service. */
  rested(): Promise<QuiesceReport | undefined>;
}

/** Why a quiescer did not do what was asked. */
export type Refusal = Extract<GuestAgentError, { readonly type: 'Refused' }>;

/** What came back. */
export interface ResumeReport {
  readonly started: readonly string[];
  /** Sessions of users, which have ended. */
  readonly ended: readonly string[];
}

/** A quiescer for this guest. There is one in a sentinel. */
export function quiescer(system: GuestControl, clock: Clock): Quiescer {
  let underWay: Promise<Result<QuiesceReport, Refusal>> | undefined;
  let goingBack: Promise<Result<ResumeReport, Refusal>> | undefined;
  let givenUp = false;
  let offAttempts = 0;

  const quiesce = async (policy: QuiescePolicy): Promise<Result<QuiesceReport, Refusal>> => {
    const earlier = await readNotes(system);
    if (earlier.report !== undefined) return ok(earlier.report);
    const began = clock.now();
    let notes: RestNotes = earlier;
    const note = async (undo: RestNotes['undo']): Promise<string | undefined> => {
      notes = { undo: [...notes.undo, ...undo] };
      return keepNotes(system, notes);
    };
    const rest = await bringToRest(system, clock, { policy, note, givenUp: () => givenUp });
    if (rest.ok && !givenUp) {
      const report: QuiesceReport = { ...rest.value, took: elapsed(began, clock.now()) };
      const why = await keepNotes(system, { ...notes, report });
      if (why === undefined && !givenUp) return ok(report);
    }
    const why = givenUp ? 'it was given up' : rest.ok ? 'its notes could not be kept' : rest.error;
    const back = await undoAll();
    return refused('quiesce', back.ok ? `${why}; the guest is back in service` : `${why}; ${back.error.detail}`);
  };

  const undoAll = async (): Promise<Result<ResumeReport, Refusal>> => {
    const { undo, report } = await readNotes(system);
    // From its first step on the guest is not at rest any more: a sentinel that dies on the way must not say that it is. A
    // note that cannot be kept holds nothing up, since somebody waits for these services.
    if (report !== undefined) await keepNotes(system, { undo });
    const back = await goBack(system, undo);
    if (back.failed.length > 0) {
      // Kept for the next attempt; what did come back needs no more.
      await keepNotes(system, { undo: back.failed.map(({ undo: one }) => one) });
      const sentences = back.failed.map(({ why }) => why).join('; ');
      return refused('resume', `not all came back: ${sentences}`);
    }
    await system.remove(notesPath);
    return ok({ started: back.started, ended: back.ended });
  };

  return {
    quiesce: (policy) => {
      if (goingBack !== undefined)
        return Promise.resolve(refused('quiesce', 'the guest is on its way back to service'));
      underWay ??= quiesce(policy).finally(() => (underWay = undefined));
      return underWay;
    },
    resume: () => {
      const back = async (): Promise<Result<ResumeReport, Refusal>> => {
        givenUp = true;
        await underWay;
        givenUp = false;
        return undoAll();
      };
      goingBack ??= back().finally(() => (goingBack = undefined));
      return goingBack;
    },
    rested: async () => (await readNotes(system)).report,
    powerOff: async () => {
      const { report } = await readNotes(system);
      if (report === undefined || goingBack !== undefined) return refused('powerOff', 'the guest is not at rest');
      const why = await switchOff(system, offAttempts);
      offAttempts += 1;
      return why === undefined ? ok(undefined) : refused('powerOff', why);
    },
  };
}

const refused = (operation: string, detail: string): Result<never, Refusal> =>
  err({ type: 'Refused', operation, detail });
