import type { Clock } from '#core/clock';
import { err, type Result } from '#core/result';
import { elapsed, millis, seconds, type Millis } from '#core/units';
import type { ReplicationError } from '#replicator/pipeline/replication';

/** How long to go on trying when nothing gets better. Longer than a restart of a process, shorter than a coffee. */
export const patienceDefault = seconds(60);
const pauseMin = millis(100);
const pauseMax = seconds(5);

/** What one attempt may tell while it runs. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  /** Something was achieved: patience starts anew if the connection is lost after this. */
  progressed(): void;
}

/**
 * Tries again while the way to a peer is the only thing that is wrong, with growing pauses, until `patience` passed
 * without anything achieved. Every other error is final.
 */
export async function withReconnects<T>(
  {
    clock,
    patience,
    signal,
  }: { readonly clock: Clock; readonly patience: Millis; readonly signal?: AbortSignal | undefined },
  attempt: (attempt: Attempt) => Promise<Result<T, ReplicationError>>,
): Promise<Result<T, ReplicationError>> {
  let since = clock.now();
  let pause = pauseMin;
  for (let number = 1; ; number += 1) {
    const outcome = await attempt({
      number,
      progressed: () => {
        since = clock.now();
        pause = pauseMin;
      },
    });
    if (outcome.ok || !isWayLost(outcome.error)) return outcome;
    if (signal?.aborted) return err({ type: 'Cancelled' });
    if (elapsed(since, clock.now()) >= patience) return outcome;
    await clock.wait(pause, signal);
    if (signal?.aborted) return err({ type: 'Cancelled' });
    pause = millis(Math.min(pauseMax, pause * 2));
  }
}

const isWayLost = (error: ReplicationError): boolean => error.type === 'Unreachable' || error.type === 'ConnectionLost';
