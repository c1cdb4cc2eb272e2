import { invariant, InvariantError } from '#core/invariant';
import { instant, type Instant } from '#core/units';
import { guardGlobals, type GlobalGuards } from './sealed-globals.ts';
import { clockCore, notPast, settledNothing, settling, type SimulatedClock, type Turn } from './simulated-clock.ts';

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
  const { queue, held, quiet, takeWish } = core;

  const drain = (
    settled: { readonly done: boolean },
    turns: 'always' | 'asked',
    globals: GlobalGuards,
  ): Promise<void> => {
    // Where promises are part of what is simulated, the turns between events are so too. Where all that happens is calls, a
    // turn belongs to those outside: a log that writes it down, whoever waits for the end.
    const unsealsForTurns = isShared || turns === 'asked';
    let events = 0;
    /** Carries out one event, and answers whether the next may follow at once. */
    const step = (): boolean => {
      const event = queue.take();
      // The message is put together only where it is needed: this runs for every event there is.
      if (!event)
        throw new InvariantError(`nothing can happen any more at ${now}, and what was waited for has not happened`);
      now = event.at;
      events += 1;
      globals.seal();
      const said: unknown = event.act();
      if (unsealsForTurns) globals.unseal();
      const mayWake = turns === 'always' && said !== settledNothing;
      return !(takeWish() || mayWake || events % eventsPerTurn === 0 || queue.next() === undefined);
    };
    if (!unsealsForTurns) globals.seal();
    // Calls and not a loop that awaits: what an event allocates for its turn would be a third of all that a world does.
    return new Promise((resolve, reject) => {
      const pass = (): unknown => (held() ? quiet().then(goOn, reject) : turn().then(passed, reject));
      const passed = (): unknown => (held() ? pass() : goOn());
      const goOn = (): void => {
        try {
          while (!settled.done) if (!step()) return void pass();
          resolve();
        } catch (error) {
          // Whatever an event throws ends the run, as it is.
          reject(error as Error);
        }
      };
      pass();
    });
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
