import type { AppendError, Appended, ExpectedRevision, Fact, ProposedFact, StreamId } from '#core/event-log/event-log';
import type { FactId } from '#core/ids';
import type { Result } from '#core/result';
import type { Instant } from '#core/units';
import { driver, type Command, type Driver, type DriverAction, type DriverInput, type Refusal } from './driver.ts';
import { Few } from './few.ts';
import type { Model } from './model.ts';
import type { Ending } from './run-driver.ts';
import type { LetGo, SteppedWorld } from './stepped-world.ts';

/** The time of a stepped driver: a clock that calls back. */
export interface SteppedClock {
  now(): Instant;
  /** Has `act` called at a moment that is not past. */
  schedule(at: Instant, act: () => void): { cancel(): void };
}

/** A log that answers at once. It keeps the promises of `EventLog.append` as far as its process lives. */
export type AppendNow = (
  stream: StreamId,
  facts: readonly ProposedFact[],
  expected: ExpectedRevision,
) => Result<Appended, AppendError>;

/** What a stepped driver needs around it. */
export interface SteppedSurroundings<F extends Fact, E> {
  readonly append: AppendNow;
  readonly world: SteppedWorld<F, E>;
  readonly clock: SteppedClock;
  readonly newFactId: () => FactId;
  readonly correlationId: string;
  /** The stream as it stands, oldest first. */
  readonly history?: Iterable<ProposedFact<F>>;
  /** Told after each batch of facts is in the log, in order. */
  readonly onFacts: (facts: readonly ProposedFact<F>[]) => void;
  readonly onEnded: (ending: Ending) => void;
}

/** A stepped driver at work. */
export interface SteppedDriver<S, C, R> {
  state(): S;
  /** `answered` is called once the command's facts are in the log, or with the reason why there are none. */
  command(command: Command<C>, answered: (result: Result<void, Refusal<R>>) => void): void;
  /** Lets go of the work in flight, and does nothing any more. */
  stop(): void;
}

/**
 * The same driver as that of a live run, carried out by calls and not by promises: every input is taken to its end before
 * the next, and nothing waits for a turn of an event loop. For worlds in virtual time. What the world throws is a mistake
 * of this program and comes out of whatever call led there.
 */
export function stepDriver<S, F extends Fact, C, E, R>(
  model: Model<S, F, C, E, R>,
  stream: StreamId,
  surroundings: SteppedSurroundings<F, E>,
): SteppedDriver<S, C, R> {
  const { correlationId, newFactId, history = [] } = surroundings;
  const stepping = new DriverSteps<S, F, C, E, R>(
    driver(model, { stream, correlationId, history, newFactId }),
    surroundings,
  );
  stepping.feed({ type: 'Started', at: surroundings.clock.now() });
  return stepping;
}

class DriverSteps<S, F extends Fact, C, E, R> implements SteppedDriver<S, C, R> {
  readonly #core: Driver<S, F, C, E, R>;
  readonly #around: SteppedSurroundings<F, E>;
  readonly #answers = new Few<(result: Result<void, Refusal<R>>) => void>();
  /** How to let go of what is being done, and of timers, by key. */
  readonly #going = new Few<LetGo>();
  /** One input at a time: what arrives meanwhile waits here. */
  readonly #inbox: DriverInput<F, C>[] = [];
  #busy = false;
  #stopped = false;

  constructor(core: Driver<S, F, C, E, R>, around: SteppedSurroundings<F, E>) {
    this.#core = core;
    this.#around = around;
  }

  state(): S {
    return this.#core.state();
  }

  command(command: Command<C>, answered: (result: Result<void, Refusal<R>>) => void): void {
    if (this.#stopped) return answered({ ok: false, error: { type: 'DriverStopped' } });
    this.#answers.set(command.id, answered);
    this.feed({ type: 'Commanded', commanded: command });
  }

  stop(): void {
    this.#letGo({ type: 'stopped' });
  }

  feed(input: DriverInput<F, C>): void {
    if (this.#stopped) return;
    if (this.#busy) return void this.#inbox.push(input);
    this.#busy = true;
    try {
      let next: DriverInput<F, C> | undefined = input;
      while (next !== undefined && !this.#stopped) {
        this.#carryOutAll(this.#core.apply(next));
        next = this.#inbox.length > 0 ? this.#inbox.shift() : undefined;
      }
    } finally {
      this.#busy = false;
    }
  }

  #carryOutAll(actions: readonly DriverAction<F, E, R>[]): void {
    for (const action of actions) this.#carryOut(action);
  }

  #carryOut(action: DriverAction<F, E, R>): void {
    if (this.#stopped) return;
    switch (action.type) {
      case 'append':
        return this.#append(action);
      case 'perform':
        return this.#perform(action);
      case 'reconcile': {
        const { key } = action.work;
        return this.#begin(key, (over) =>
          this.#around.world.reconcile(action.work, (finding) => {
            over();
            this.feed({ type: 'FindingArrived', key, finding, at: this.#now() });
          }),
        );
      }
      case 'arm':
        return this.#arm(action.key, action.at);
      case 'abandon':
      case 'disarm':
        return this.#going.get(action.key)?.();
      case 'answer': {
        const answered = this.#answers.get(action.id);
        this.#answers.delete(action.id);
        return answered?.(action.result);
      }
      case 'stop':
        return this.#letGo(action.why);
    }
  }

  #append({ stream, facts, expected }: Extract<DriverAction<F, E, R>, { type: 'append' }>): void {
    const result = this.#around.append(stream, facts, expected);
    const actions = this.#core.apply({ type: 'AppendAnswered', result, at: this.#now() });
    // Before what follows from them is begun: it may append the next ones at once.
    if (result.ok) this.#around.onFacts(facts);
    this.#carryOutAll(actions);
  }

  // What it is made of is made for every piece of work: it does without what `#begin` would add.
  #perform({ work }: Extract<DriverAction<F, E, R>, { type: 'perform' }>): void {
    const { key } = work;
    let isOver = false;
    const letGo = this.#around.world.perform(work, {
      report: (fact) => this.feed({ type: 'Observed', key, fact, at: this.#now() }),
      done: (outcome) => {
        isOver = true;
        this.#going.delete(key);
        this.feed({ type: 'OutcomeArrived', key, outcome, at: this.#now() });
      },
    });
    if (!isOver) this.#going.set(key, letGo);
  }

  #arm(key: string, at: Instant): void {
    const now = this.#now();
    const scheduled = this.#around.clock.schedule(at < now ? now : at, () => {
      this.#going.delete(key);
      this.feed({ type: 'TimerFired', key, at: this.#now() });
    });
    this.#going.set(key, () => {
      this.#going.delete(key);
      scheduled.cancel();
    });
  }

  /** Begins something that may be over before it has returned. */
  #begin(key: string, begin: (over: () => void) => LetGo): void {
    let isOver = false;
    const letGo = begin(() => {
      isOver = true;
      this.#going.delete(key);
    });
    if (!isOver) this.#going.set(key, letGo);
  }

  #letGo(why: Ending): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const letGo of this.#going.values()) letGo();
    for (const answered of this.#answers.values()) answered({ ok: false, error: { type: 'DriverStopped' } });
    this.#answers.clear();
    this.#around.onEnded(why);
  }

  #now(): Instant {
    return this.#around.clock.now();
  }
}
