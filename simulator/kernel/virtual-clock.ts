import { invariant, InvariantError } from '#core/invariant';
import { instant, type Instant } from '#core/units';
import { guardGlobals, type GlobalGuards } from './sealed-globals.ts';
import { clockCore, notPast, settling, type SimulatedClock, type Turn } from './simulated-clock.ts';

// Milliseconds of real time: often enough for a person who wants to stop it, or for a thread that is asked something.
const eventsPerTurn = 1_024;

/**
 * Virtual time: it jumps from one event to the next, so that waiting costs nothing. One event at a time, so that order comes
 * from the queue; and the next one only after a turn wherever promises wait, never in between them.
 */
export function virtualClock({
  turn,
  start = instant(0),
  isShared = false,
}: {
  readonly turn: Turn;
  readonly start?: Instant;
  /** Somebody outside works on this thread as well, such as a server: between events the globals are theirs. */
  readonly isShared?: boolean;
}): SimulatedClock {
  let now = start;
  let running = false;
  const schedule: SimulatedClock['schedule'] = (at, act) => {
    notPast(at, now);
    return core.queue.add(at, act);
  };
  const core = clockCore(() => now, schedule, turn);
  const { queue, quiet, takeWish } = core;

  const drain = async (
    settled: { readonly done: boolean },
    turns: 'always' | 'asked',
    globals: GlobalGuards,
  ): Promise<void> => {
    // Where promises are part of what is simulated, the turns between events are so too. Where all that happens is calls, a
    // turn belongs to those outside: a log that writes it down, whoever waits for the end.
    const unsealsForTurns = isShared || turns === 'asked';
    if (!unsealsForTurns) globals.seal();
    await quiet();
    for (let events = 1; !settled.done; events += 1) {
      const event = queue.take();
      // The message is put together only where it is needed: this runs for every event there is.
      if (!event)
        throw new InvariantError(`nothing can happen any more at ${now}, and what was waited for has not happened`);
      now = event.at;
      globals.seal();
      event.act();
      if (unsealsForTurns) globals.unseal();
      if (takeWish() || turns === 'always' || events % eventsPerTurn === 0 || queue.next() === undefined) await quiet();
    }
  };

  return {
    now: () => now,
    schedule,
    ...core.parts,
    async run(until, turns = 'always') {
      invariant(!running, 'this clock runs already');
      running = true;
      const globals = guardGlobals();
      try {
        await drain(settling(until), turns, globals);
      } finally {
        globals.remove();
        running = false;
      }
      return until;
    },
  };
}
