import type { Clock } from '#core/clock';
import type { Result } from '#core/result';
import { elapsed, millis, seconds, type Millis } from '#core/units';

/** How long and on what something is tried again. */
export interface Patience<E> {
  readonly clock: Clock;
  /** No try is begun later than this after the first. */
  readonly within: Millis;
  /** Whether trying again can help against this error. */
  readonly mayHelp: (error: E) => boolean;
  readonly signal: AbortSignal;
}

// Short at first, since most connections that break are back at once; bounded, since each try costs both sides.
const pauseFirst = millis(200);
const pauseLast = seconds(5);

/** Tries until it works, trying again cannot help, the time is up, or nobody wants it. Answers the last try's result. */
export async function persist<T, E>(
  { clock, within, mayHelp, signal }: Patience<E>,
  attempt: () => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  const begun = clock.now();
  for (let pause = pauseFirst; ; pause = millis(Math.min(pause * 2, pauseLast))) {
    const result = await attempt();
    if (result.ok || !mayHelp(result.error) || signal.aborted) return result;
    if (elapsed(begun, clock.now()) + pause > within) return result;
    await clock.wait(pause, signal);
  }
}

/** The answer, or `otherwise` as soon as nobody waits for it any more. For questions only: what changes something is waited for. */
export const whileWanted = <T>(signal: AbortSignal, answer: Promise<T>, otherwise: T): Promise<T> =>
  signal.aborted
    ? Promise.resolve(otherwise)
    : Promise.race([
        answer,
        new Promise<T>((resolve) => signal.addEventListener('abort', () => resolve(otherwise), { once: true })),
      ]);
