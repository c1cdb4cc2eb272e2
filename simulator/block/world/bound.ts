import type { Clock } from '#core/clock';
import type { EventLog, ProposedFact, RecordedFact, StreamId } from '#core/event-log/event-log';
import type { Rng } from '#core/rng';
import { after, millis } from '#core/units';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { SimulatedProcess } from '#simulator/block/process';

/*
 * Time and the log as one process has them. Once it is dead nothing it waits for comes any more, so that whatever it was
 * about to do next is not done.
 */

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** The clock of a process. */
export const boundClock = (clock: SimulatedClock, process: SimulatedProcess): Clock => ({
  now: () => clock.now(),
  wait: async (duration, signal) => {
    if (!process.isAlive()) return never();
    await clock.wait(duration, signal);
    return process.isAlive() ? undefined : never();
  },
  alarm: (duration, act) =>
    clock.alarm(duration, () => {
      if (process.isAlive()) act();
    }),
});

/** A moment at which a process may die: before the log has the facts, or when it has them and nobody was told. */
export type AppendMoment = 'before' | 'after';

/** What the log of a process is made of. */
export interface BoundLogOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly process: SimulatedProcess;
  /** Told of each append at both moments; may kill the process. */
  readonly onAppend?: (stream: StreamId, moment: AppendMoment) => void;
  /** Told of facts once the log has them, whoever lives to hear of it. */
  readonly onFacts: (stream: StreamId, facts: readonly ProposedFact[]) => void;
}

// A commit to a local disk takes this long; reading a page much less.
const appendMs = { min: 1, max: 6 } as const;

/**
 * The log as one process has it: it takes a moment, and whoever dies meanwhile does not know whether the facts are in it.
 *
 * @differs It is never full and never out of reach.
 */
export function boundLog(log: EventLog, { clock, rng, process, onAppend, onFacts }: BoundLogOptions): EventLog {
  const later = (): Promise<void> =>
    new Promise((resolve) => {
      clock.schedule(after(clock.now(), millis(rng.between(appendMs.min, appendMs.max))), resolve);
    });
  const whileAlive = async <T>(work: () => Promise<T>): Promise<T> => (process.isAlive() ? work() : never());
  const reading = async function* (facts: AsyncIterable<RecordedFact>): AsyncGenerator<RecordedFact> {
    await later();
    for await (const fact of facts) {
      if (!process.isAlive()) await never();
      yield fact;
    }
  };
  return {
    append: (stream, facts, expected) =>
      whileAlive(async () => {
        await later();
        onAppend?.(stream, 'before');
        if (!process.isAlive()) return never();
        const appended = await log.append(stream, facts, expected);
        if (appended.ok) onFacts(stream, facts);
        onAppend?.(stream, 'after');
        await later();
        return process.isAlive() ? appended : never();
      }),
    readStream: (stream, options) => reading(log.readStream(stream, options)),
    readAll: (options) => reading(log.readAll(options)),
    subscribe: (options) => log.subscribe(options),
    close: async () => undefined,
  };
}
