import { setTimeout as wait } from 'node:timers/promises';
import { minutes } from '#core/units';
import type { Recorder } from '#replicator/connectors/laboratory/recorder/recorder';
import { seededRng } from '#simulator/kernel/seeded-rng';

/** A moment of a load, counted from when it is waited for: so many records later, and so long into the next. */
export interface Moment {
  readonly records: number;
  readonly millis: number;
}

// A load of ten records a second: within four seconds, and anywhere between two of them.
const recordsMax = 40;
const recordMillis = 100;

/** The n-th moment that a seed draws. */
export function randomMoment(seed: number, index: number): Moment {
  const rng = seededRng(seed).fork(`cutover ${index}`);
  return { records: rng.between(0, recordsMax), millis: rng.between(0, recordMillis) };
}

/** Waits for a moment. Rejects if the load stands still. */
export async function awaitMoment({ records, millis }: Moment, recorder: Recorder): Promise<void> {
  const { upTo } = recorder.acknowledged();
  const reached = await recorder.reached(upTo + records, AbortSignal.timeout(minutes(3)));
  if (reached.upTo < upTo + records) throw new Error(`the load has stood still at record ${reached.upTo}`);
  await wait(millis);
}
