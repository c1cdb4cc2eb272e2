import { calledOff } from '#core/called-off';
import type { Clock } from '#core/clock';
import type { EventLog, Fact, ProposedFact, StreamId } from '#core/event-log/event-log';
import type { CommandId, FactId } from '#core/ids';
import type { Result } from '#core/result';
import { elapsed } from '#core/units';
import {
  driver,
  type Command,
  type Driver,
  type DriverAction,
  type DriverInput,
  type Refusal,
  type StopReason,
} from './driver.ts';
import type { Model } from './model.ts';
import type { World } from './world.ts';

/** How a running driver came to its end. */
export type Ending = StopReason | { readonly type: 'stopped' };

/** A driver at work. One per stream, in one process; a second one is stopped by the log. */
export interface RunningDriver<S, C, R> {
  readonly stream: StreamId;
  state(): S;
  /** Resolves once the command's facts are durable, or with the reason why there are none. */
  command(command: Command<C>): Promise<Result<void, Refusal<R>>>;
  /** Resolves when nothing can follow, when the log refuses, or after `stop`. Rejects if this program is wrong. */
  readonly ended: Promise<Ending>;
  /** Lets go of the work in flight and waits for it. The log holds what is needed to take it up again. */
  stop(): Promise<void>;
}

/** What a driver needs around it. */
export interface DriverSurroundings<F extends Fact, E> {
  readonly log: EventLog;
  readonly world: World<F, E>;
  readonly clock: Clock;
  readonly newFactId: () => FactId;
  readonly correlationId: string;
  /** Told after each batch of facts is durable, in order; of work taken up again even before `runDriver` has resolved. */
  readonly onFacts?: (facts: readonly ProposedFact<F>[]) => void;
}

/** Reads the stream, takes up what is outstanding, and goes on until nothing is left to do. */
export async function runDriver<S, F extends Fact, C, E, R>(
  model: Model<S, F, C, E, R>,
  stream: StreamId,
  surroundings: DriverSurroundings<F, E>,
): Promise<RunningDriver<S, C, R>> {
  const history: ProposedFact<F>[] = [];
  for await (const recorded of surroundings.log.readStream(stream))
    history.push(recorded as unknown as ProposedFact<F>);
  const { correlationId, newFactId } = surroundings;
  const core = driver(model, { stream, correlationId, history, newFactId });
  const running = new DriverLoop<S, F, C, E, R>(core, stream, surroundings);
  running.feed({ type: 'Started', at: surroundings.clock.now() });
  return running;
}

class DriverLoop<S, F extends Fact, C, E, R> implements RunningDriver<S, C, R> {
  readonly stream: StreamId;
  readonly ended: Promise<Ending>;
  readonly #core: Driver<S, F, C, E, R>;
  readonly #around: DriverSurroundings<F, E>;
  readonly #answers = new Map<CommandId, (result: Result<void, Refusal<R>>) => void>();
  readonly #controllers = new Map<string, AbortController>();
  readonly #tasks = new Set<Promise<void>>();
  #resolveEnd: (why: Ending) => void = () => undefined;
  #rejectEnd: (error: unknown) => void = () => undefined;
  #stopped = false;

  constructor(core: Driver<S, F, C, E, R>, stream: StreamId, around: DriverSurroundings<F, E>) {
    this.#core = core;
    this.stream = stream;
    this.#around = around;
    this.ended = new Promise((resolve, reject) => {
      this.#resolveEnd = resolve;
      this.#rejectEnd = reject;
    });
  }

  state(): S {
    return this.#core.state();
  }

  command(command: Command<C>): Promise<Result<void, Refusal<R>>> {
    if (this.#stopped) return Promise.resolve({ ok: false, error: { type: 'DriverStopped' } });
    return new Promise((resolve) => {
      this.#answers.set(command.id, resolve);
      this.feed({ type: 'Commanded', commanded: command });
    });
  }

  async stop(): Promise<void> {
    this.#letGo({ type: 'stopped' });
    await Promise.allSettled(this.#tasks);
  }

  feed(input: DriverInput<F, C>): void {
    if (this.#stopped) return;
    try {
      for (const action of this.#core.apply(input)) this.#carryOut(action);
    } catch (error) {
      this.#crash(error);
    }
  }

  #carryOut(action: DriverAction<F, E, R>): void {
    const { world } = this.#around;
    switch (action.type) {
      case 'append':
        return this.#start(this.#append(action));
      case 'perform':
        return this.#start(
          this.#attend(action.work.key, async (signal) => {
            const report = (fact: F): void =>
              this.feed({ type: 'Observed', key: action.work.key, fact, at: this.#now() });
            const outcome = await world.perform(action.work, report, signal);
            return { type: 'OutcomeArrived', key: action.work.key, outcome, at: this.#now() };
          }),
        );
      case 'reconcile':
        return this.#start(
          this.#attend(action.work.key, async (signal) => {
            const finding = await world.reconcile(action.work, signal);
            return { type: 'FindingArrived', key: action.work.key, finding, at: this.#now() };
          }),
        );
      case 'arm':
        return this.#start(
          this.#attend(action.key, async (signal) => {
            await this.#around.clock.wait(elapsed(this.#now(), action.at), signal);
            return signal.aborted ? undefined : { type: 'TimerFired', key: action.key, at: this.#now() };
          }),
        );
      case 'abandon':
      case 'disarm':
        return this.#controllers.get(action.key)?.abort(calledOff);
      case 'answer': {
        const resolve = this.#answers.get(action.id);
        this.#answers.delete(action.id);
        return resolve?.(action.result);
      }
      case 'stop':
        return this.#letGo(action.why);
    }
  }

  async #append({ stream, facts, expected }: Extract<DriverAction<F, E, R>, { type: 'append' }>): Promise<void> {
    const result = await this.#around.log.append(stream, facts, expected);
    this.feed({ type: 'AppendAnswered', result, at: this.#now() });
    if (result.ok) this.#around.onFacts?.(facts);
  }

  async #attend(key: string, work: (signal: AbortSignal) => Promise<DriverInput<F, C> | undefined>): Promise<void> {
    const controller = new AbortController();
    this.#controllers.set(key, controller);
    try {
      const input = await work(controller.signal);
      if (input) this.feed(input);
    } finally {
      if (this.#controllers.get(key) === controller) this.#controllers.delete(key);
    }
  }

  #start(task: Promise<void>): void {
    const watched = task.catch((error: unknown) => this.#crash(error)).finally(() => this.#tasks.delete(watched));
    this.#tasks.add(watched);
  }

  #letGo(why: Ending): void {
    this.#close();
    this.#resolveEnd(why);
  }

  // Nobody catches a broken assumption to go on: the work is let go, and whoever waits for the end hears of it.
  #crash(error: unknown): void {
    this.#close();
    this.#rejectEnd(error);
  }

  #close(): void {
    this.#stopped = true;
    for (const controller of this.#controllers.values()) controller.abort(calledOff);
    for (const resolve of this.#answers.values()) resolve({ ok: false, error: { type: 'DriverStopped' } });
    this.#answers.clear();
  }

  #now(): ReturnType<Clock['now']> {
    return this.#around.clock.now();
  }
}
