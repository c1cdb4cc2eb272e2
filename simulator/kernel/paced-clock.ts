import type { Clock } from '#core/clock';
import { invariant } from '#core/invariant';
import { instant, millis, type Instant } from '#core/units';
import { clockCore, notPast, settling, type SimulatedClock, type Turn } from './simulated-clock.ts';

/** What virtual time is shown by: how fast, against which clock, from which moment on. */
export interface PacedClockOptions {
  /** Simulated time per real time: 60 shows an hour in a minute. */
  readonly speed: number;
  /** The clock to keep pace with. */
  readonly clock: Clock;
  readonly turn: Turn;
  readonly start?: Instant;
}

// A machine that slept does not owe the hours it slept: beyond this many real milliseconds, lost time is let go.
const lagMax = 1_000;

/**
 * Virtual time that keeps pace with a real clock, for a person to watch. Events happen at the very same simulated moments
 * as in virtual time, so that without a person's doing the log is the same; in between, `now` moves with the real clock.
 */
export function pacedClock({ speed, clock, turn, start = instant(0) }: PacedClockOptions): SimulatedClock {
  invariant(speed > 0 && Number.isFinite(speed), `speed must be above zero, got ${speed}`);
  let now = start;
  const pace = paceOf(clock, speed, start);
  /** While an event is being carried out, time stands at its moment. */
  let stepping = false;
  let running = false;
  let sleeper: { readonly until: Instant; readonly controller: AbortController } | undefined;

  const current = (): Instant => {
    if (stepping || !running || held()) return now;
    // Never beyond what has not happened yet, never back.
    now = instant(Math.max(now, Math.min(pace.reached(), queue.next() ?? Infinity)));
    return now;
  };
  const schedule: SimulatedClock['schedule'] = (at, act) => {
    notPast(at, now);
    const scheduled = queue.add(at, act);
    if (sleeper && at < sleeper.until) sleeper.controller.abort();
    return scheduled;
  };
  const core = clockCore(current, schedule, turn);
  const { queue, held, quiet } = core;

  const sleep = async (): Promise<void> => {
    const controller = new AbortController();
    const next = queue.next();
    sleeper = { until: next ?? instant(Number.MAX_SAFE_INTEGER), controller };
    const duration = next === undefined ? idleSleep : pace.realDelay(next);
    await clock.wait(millis(Math.max(0, Math.ceil(duration))), controller.signal);
    sleeper = undefined;
  };
  const step = async (): Promise<void> => {
    const next = queue.next();
    if (next === undefined) return;
    const early = pace.realDelay(next);
    if (early > 0) return;
    if (-early > lagMax) pace.beginAt(next);
    const event = queue.take();
    if (!event) return;
    stepping = true;
    now = event.at;
    event.act();
    await quiet();
    stepping = false;
  };
  return {
    now: current,
    schedule,
    ...core.parts,
    async run(until) {
      invariant(!running, 'this clock runs already');
      running = true;
      pace.beginAt(now);
      const settled = settling(until, () => sleeper?.controller.abort());
      try {
        await quiet();
        while (!settled.done) {
          await sleep();
          await quiet();
          await step();
        }
      } finally {
        stepping = false;
        current();
        running = false;
      }
      return until;
    },
  };
}

// With nothing to come, only somebody outside can make something happen, and that ends the sleep. It has an end only
// because a wait must have one.
const idleSleep = 3_600_000;

/** Where simulated time should be, by a real clock. */
function paceOf(clock: Clock, speed: number, start: Instant) {
  let anchor = { simulated: start, real: clock.now() };
  return {
    beginAt(simulated: Instant): void {
      anchor = { simulated, real: clock.now() };
    },
    reached: (): number => Math.floor(anchor.simulated + Math.max(0, clock.now() - anchor.real) * speed),
    /** Real milliseconds until a simulated moment; negative if it is late. */
    realDelay: (at: Instant): number => (at - anchor.simulated) / speed - (clock.now() - anchor.real),
  };
}
