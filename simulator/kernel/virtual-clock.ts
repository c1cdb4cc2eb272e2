import { invariant } from '#core/invariant';
import { instant, type Instant } from '#core/units';
import { clockCore, notPast, settling, type SimulatedClock, type Turn } from './simulated-clock.ts';

/**
 * Virtual time: it jumps from one event to the next, so that waiting costs nothing. One event at a time; the next one
 * only after a whole turn, so that order comes from the queue and never from how promises are chained.
 */
export function virtualClock({
  turn,
  start = instant(0),
}: {
  readonly turn: Turn;
  readonly start?: Instant;
}): SimulatedClock {
  let now = start;
  let running = false;
  const schedule: SimulatedClock['schedule'] = (at, act) => {
    notPast(at, now);
    return core.queue.add(at, act);
  };
  const core = clockCore(() => now, schedule, turn);
  const { queue, quiet } = core;

  const drain = async (settled: { readonly done: boolean }): Promise<void> => {
    await quiet();
    while (!settled.done) {
      const event = queue.take();
      invariant(event, `nothing can happen any more at ${now}, and what was waited for has not happened`);
      now = event.at;
      event.act();
      await quiet();
    }
  };

  return {
    now: () => now,
    schedule,
    ...core.parts,
    async run(until) {
      invariant(!running, 'this clock runs already');
      running = true;
      try {
        await drain(settling(until));
      } finally {
        running = false;
      }
      return until;
    },
  };
}
