import type { Clock } from '#core/clock';
import type { Result } from '#core/result';
import { after, elapsed, millis, seconds, type Instant, type Millis } from '#core/units';

/** How long and on what something is tried again. */
export interface Patience<E> {
  readonly clock: Clock;
  /** No try is begun later than this after the first. */
  readonly within: Millis;
  /** Whether trying again can help against this error. */
  readonly mayHelp: (error: E) => boolean;
  readonly signal: AbortSignal;
  /** Told before each pause why, the attempt that follows it, counted from 1, and when that is. */
  readonly onAgain?: (error: E, attempt: number, at: Instant) => void;
}

// Short at first, since most connections that break are back at once; bounded, since each try costs both sides.
const pauseFirst = millis(200);
const pauseLast = seconds(5);

/** Tries until it works, trying again cannot help, the time is up, or nobody wants it. Answers the last try's result. */
export async function persist<T, E>(
  { clock, within, mayHelp, signal, onAgain }: Patience<E>,
  attempt: () => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  const begun = clock.now();
  let attempts = 1;
  for (let pause = pauseFirst; ; pause = millis(Math.min(pause * 2, pauseLast))) {
    const result = await attempt();
    if (result.ok || !mayHelp(result.error) || signal.aborted) return result;
    if (elapsed(begun, clock.now()) + pause > within) return result;
    attempts += 1;
    onAgain?.(result.error, attempts, after(clock.now(), pause));
    await clock.wait(pause, signal);
  }
}

/** The answer, or `otherwise` as soon as nobody waits for it any more. For questions only: what changes something is waited for. */
export const whileWanted = async <T>(signal: AbortSignal, answer: Promise<T>, otherwise: T): Promise<T> => {
  if (signal.aborted) return otherwise;
  let unwanted = (): void => undefined;
  const givenUp = new Promise<T>((resolve) => {
    unwanted = () => resolve(otherwise);
    signal.addEventListener('abort', unwanted);
  });
  try {
    return await Promise.race([answer, givenUp]);
  } finally {
    // A step that asks for minutes would gather a listener for each question.
    signal.removeEventListener('abort', unwanted);
  }
};

/** Spaces the tries of steps whose answers are lost, one after the other. */
export interface LostAnswers {
  /** Waits before a step is tried again: not at all before its first try, longer after each answer that was lost. */
  pause(key: string, signal: AbortSignal): Promise<void>;
  /** The answer to a step was lost. */
  note(key: string): void;
}

// A step that is found not done is asked for again at once. Where one of those it talks to stays away, that would go on
// many times a second, each with three facts in the log.
const againFirst = seconds(1);
const againLast = seconds(30);

/** No answer has been lost yet. A process that dies forgets them: the next one tries at once. */
export function lostAnswers(clock: Clock): LostAnswers {
  const pauses = new Map<string, Millis>();
  return {
    pause: async (key, signal) => {
      const pause = pauses.get(key);
      if (pause !== undefined) await clock.wait(pause, signal);
    },
    note: (key) => {
      const pause = pauses.get(key);
      pauses.set(key, pause === undefined ? againFirst : millis(Math.min(2 * pause, againLast)));
    },
  };
}
