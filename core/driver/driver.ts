import type {
  AppendError,
  Appended,
  ExpectedRevision,
  Fact,
  FactMetadata,
  ProposedFact,
  StreamId,
} from '#core/event-log/event-log';
import { revision } from '#core/event-log/event-log';
import type { CommandId, FactId } from '#core/ids';
import { invariant, InvariantError, unreachable } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import { sometimes } from '#core/sometimes';
import { after, type Instant } from '#core/units';
import { Few } from './few.ts';
import type { Model, WorkItem } from './model.ts';
import type { Finding, Outcome } from './world.ts';

/**
 * Turns facts into effects to perform and outcomes into facts to append. It does no I/O and knows no time: one input
 * at a time comes in, what should be done comes out, and somebody else does it.
 *
 *     input ──> apply ──> append ──(durable)──> fold ──> perform · reconcile · arm
 *                 ^                                              │
 *                 └──────────── outcome, finding, deadline <─────┘
 *
 * It acts on a fact only once the log has it. What is outstanding follows from the folded facts, so that a driver which
 * dies at any point is replaced by one that knows as much. On a revision conflict it stops: someone else owns the stream.
 */
export interface Driver<S, F extends Fact, C, E, R> {
  /** Takes one input and says what to do, in order. */
  apply(input: DriverInput<F, C>): readonly DriverAction<F, E, R>[];
  /** The folded state: what the log is known to hold. */
  state(): S;
}

/** Someone's wish, with a name under which it may be repeated. */
export interface Command<C> {
  readonly id: CommandId;
  readonly actor: string;
  readonly at: Instant;
  readonly command: C;
}

/** One thing that happened to the driver. They arrive one at a time. */
export type DriverInput<F extends Fact, C> =
  | { readonly type: 'Started'; readonly at: Instant }
  | { readonly type: 'Commanded'; readonly commanded: Command<C> }
  | { readonly type: 'OutcomeArrived'; readonly key: string; readonly outcome: Outcome<F>; readonly at: Instant }
  | { readonly type: 'Observed'; readonly key: string; readonly fact: F; readonly at: Instant }
  | { readonly type: 'FindingArrived'; readonly key: string; readonly finding: Finding<F>; readonly at: Instant }
  | { readonly type: 'TimerFired'; readonly key: string; readonly at: Instant }
  | { readonly type: 'AppendAnswered'; readonly result: Result<Appended, AppendError>; readonly at: Instant };

/** One thing the driver wants done. It never does it itself. */
export type DriverAction<F extends Fact, E, R> =
  | {
      readonly type: 'append';
      readonly stream: StreamId;
      readonly facts: readonly ProposedFact<F>[];
      readonly expected: ExpectedRevision;
    }
  | { readonly type: 'perform'; readonly work: WorkItem<E> }
  | { readonly type: 'reconcile'; readonly work: WorkItem<E> }
  /** Nobody wants this work any more; its outcome is awaited and dropped. */
  | { readonly type: 'abandon'; readonly key: string }
  | { readonly type: 'arm'; readonly key: string; readonly at: Instant }
  | { readonly type: 'disarm'; readonly key: string }
  | { readonly type: 'answer'; readonly id: CommandId; readonly result: Result<void, Refusal<R>> }
  | { readonly type: 'stop'; readonly why: StopReason };

/** Why a command was not carried out: the model said no, or the log did. */
export type Refusal<R> = R | AppendError | { readonly type: 'DriverStopped' };

/** Why a driver stops. After `finished` nothing can follow; after the others a new driver takes it up. */
export type StopReason = { readonly type: 'finished' } | { readonly type: 'logRefused'; readonly error: AppendError };

/** What a driver is made of beside its model. */
export interface DriverOptions<F extends Fact> {
  readonly stream: StreamId;
  readonly correlationId: string;
  /** The stream as it stands, oldest first. */
  readonly history: Iterable<ProposedFact<F>>;
  readonly newFactId: () => FactId;
}

/** What is to be done, in order; what follows from one input is added to it. */
type Actions<F extends Fact, E, R> = DriverAction<F, E, R>[];

interface Pending<F extends Fact> {
  readonly facts: readonly ProposedFact<F>[];
  readonly answerTo: CommandId | null;
}

interface Cause {
  readonly at: Instant;
  readonly actor: string;
  readonly commandId?: CommandId;
}

/** Makes the driver of one stream from its facts. */
export const driver = <S, F extends Fact, C, E, R>(
  model: Model<S, F, C, E, R>,
  options: DriverOptions<F>,
): Driver<S, F, C, E, R> => new StreamDriver(model, options);

class StreamDriver<S, F extends Fact, C, E, R> implements Driver<S, F, C, E, R> {
  readonly #model: Model<S, F, C, E, R>;
  readonly #options: DriverOptions<F>;
  /** One object for all facts: they are many. */
  readonly #modelName: ProposedFact['metadata']['model'];
  #state: S;
  #count = 0;
  #lastFactId: FactId | undefined;
  #pending: Pending<F> | null = null;
  #stopped = false;
  readonly #waiting: DriverInput<F, C>[] = [];
  /** Work the world has been given and not come back from. */
  readonly #inFlight = new Few<'wanted' | 'abandoned'>();
  /** How many of them nobody wants any more. */
  #abandoned = 0;
  readonly #armed = new Few<true>();
  readonly #fired = new Few<true>();
  /** Side effects whose request this driver itself put in the log: they are performed, not asked about. */
  readonly #askedByUs = new Few<true>();
  readonly #commandsDone = new Set<CommandId>();

  constructor(model: Model<S, F, C, E, R>, options: DriverOptions<F>) {
    this.#model = model;
    this.#options = options;
    this.#modelName = { id: model.id, version: model.version };
    this.#state = model.initial();
    for (const fact of options.history) this.#fold(fact);
  }

  state(): S {
    return this.#state;
  }

  apply(input: DriverInput<F, C>): readonly DriverAction<F, E, R>[] {
    if (this.#stopped) return refuse(input);
    const at = input.type === 'Commanded' ? input.commanded.at : input.at;
    const actions: DriverAction<F, E, R>[] = [];
    // Whoever comes while nothing is pending finds nobody in line, and need not stand in it.
    let arrived: DriverInput<F, C> | undefined;
    if (input.type === 'AppendAnswered') this.#settleAppend(input.result, actions);
    else if (this.#pending) this.#waiting.push(input);
    else arrived = input;
    while (!this.#pending && !this.#stopped) {
      const next = arrived ?? (this.#waiting.length > 0 ? this.#waiting.shift() : undefined);
      arrived = undefined;
      if (next) this.#take(next, actions);
      if (!this.#pending) this.#follow(at, actions);
      if (this.#waiting.length === 0) break;
    }
    if (this.#stopped) actions.push(...this.#waiting.splice(0).flatMap(refuse<F, C, E, R>));
    return actions;
  }

  #fold(fact: ProposedFact<F>): void {
    const place = { stream: this.#options.stream, time: fact.metadata.time };
    this.#state = this.#model.evolve(this.#state, fact as unknown as F, place);
    this.#count += 1;
    this.#lastFactId = fact.id;
    if (fact.metadata.commandId) this.#commandsDone.add(fact.metadata.commandId);
  }

  #propose(facts: readonly F[], cause: Cause, actions: Actions<F, E, R>): void {
    invariant(!this.#pending, 'one append at a time');
    const { stream, correlationId, newFactId } = this.#options;
    const { schemaVersion } = this.#model;
    const proposed = facts.map((fact): ProposedFact<F> => {
      // Members that most facts do not have are added where they are: this runs for every fact there is.
      const metadata: { -readonly [K in keyof FactMetadata]: FactMetadata[K] } = {
        time: cause.at,
        actor: cause.actor,
        correlationId,
        schemaVersion,
        model: this.#modelName,
      };
      if (cause.commandId) metadata.commandId = cause.commandId;
      if (this.#lastFactId) metadata.causationId = this.#lastFactId;
      return { id: newFactId(), type: fact.type, data: fact.data, metadata };
    });
    this.#pending = { facts: proposed, answerTo: cause.commandId ?? null };
    const expected = this.#count === 0 ? 'none' : revision(this.#count - 1);
    actions.push({ type: 'append', stream, facts: proposed, expected });
  }

  #workOf(key: string): WorkItem<E> | undefined {
    return itemOf(this.#model.work(this.#state), key);
  }

  /** What follows from the folded state: every action that is due, up to the first append. */
  #follow(at: Instant, actions: Actions<F, E, R>): void {
    const work = this.#model.work(this.#state);
    this.#letGo(work, actions);
    for (const item of work) {
      if (this.#pending) break;
      this.#followWork(item, at, actions);
    }
    if (!this.#pending && this.#model.hasEnded(this.#state) && this.#inFlight.size === 0 && work.length === 0) {
      this.#stopped = true;
      actions.push({ type: 'stop', why: { type: 'finished' } });
    }
  }

  /** Lets go of what the world and the clock were given, and nobody wants any more. */
  #letGo(work: readonly WorkItem<E>[], actions: Actions<F, E, R>): void {
    // After most facts there is nothing: what was done has returned, and nothing is waited for.
    if (this.#inFlight.size > 0)
      for (const key of this.#inFlight.keys()) {
        if (this.#inFlight.get(key) === 'abandoned' || isAmong(work, key)) continue;
        this.#inFlight.set(key, 'abandoned');
        this.#abandoned += 1;
        actions.push({ type: 'abandon', key });
      }
    if (this.#armed.size > 0)
      for (const key of this.#armed.keys()) {
        if (isAmong(work, key)) continue;
        this.#armed.delete(key);
        actions.push({ type: 'disarm', key });
      }
    if (this.#fired.size > 0) for (const key of this.#fired.keys()) if (!isAmong(work, key)) this.#fired.delete(key);
  }

  #followWork(item: WorkItem<E>, at: Instant, actions: Actions<F, E, R>): void {
    const { key, effect } = item;
    const kind = this.#model.kindOf(effect);
    if (kind.type === 'timer') return this.#followTimer(item, after(item.since, kind.wait), at, actions);
    if (kind.type === 'deadline') return this.#followTimer(item, kind.at, at, actions);
    // What was abandoned may still be changing the world: nothing new is begun beside it.
    if (this.#abandoned > 0 || this.#inFlight.has(key)) return;
    switch (item.standing) {
      case 'due':
        if (kind.type === 'idempotent') return this.#begin('perform', item, actions);
        this.#askedByUs.set(key, true);
        return this.#propose([this.#model.notes.requested(key, effect)], { at, actor: 'driver' }, actions);
      case 'requested':
        if (this.#askedByUs.delete(key)) return this.#begin('perform', item, actions);
        sometimes('driver: restarted after asking and before hearing');
        return this.#noteUnknown(item, restarted, at, actions);
      case 'unknown':
        sometimes('driver: asked what became of an effect');
        return this.#begin('reconcile', item, actions);
      case 'vouched':
        return this.#propose([this.#model.notes.vouched(effect)], { at, actor: 'driver' }, actions);
      case 'undecidable':
    }
  }

  #followTimer(item: WorkItem<E>, due: Instant, at: Instant, actions: Actions<F, E, R>): void {
    const { key, effect } = item;
    if (this.#fired.has(key)) {
      const passed = this.#model.notes.deadlinePassed(effect);
      // A deadline that the chart cannot take now stays passed, and is offered again after the next fact.
      if (this.#model.canTake(this.#state, passed)) this.#propose([passed], { at, actor: 'driver' }, actions);
      return;
    }
    if (this.#armed.has(key)) return;
    this.#armed.set(key, true);
    actions.push({ type: 'arm', key, at: due });
  }

  #begin(type: 'perform' | 'reconcile', work: WorkItem<E>, actions: Actions<F, E, R>): void {
    this.#inFlight.set(work.key, 'wanted');
    actions.push({ type, work });
  }

  #noteUnknown(item: WorkItem<E>, why: string, at: Instant, actions: Actions<F, E, R>): void {
    const note = this.#model.notes.unknown(item.key, item.effect, why);
    // Only one outcome is unknown at a time; this one is noted when the other is settled.
    if (this.#model.canTake(this.#state, note)) this.#propose([note], { at, actor: 'driver' }, actions);
    else sometimes('driver: had two unknown outcomes at once');
  }

  #take(input: DriverInput<F, C>, actions: Actions<F, E, R>): void {
    switch (input.type) {
      case 'Started':
        return;
      case 'AppendAnswered':
        throw new InvariantError('answers to appends do not wait in line');
      case 'Commanded':
        return this.#command(input.commanded, actions);
      case 'TimerFired':
        this.#armed.delete(input.key);
        if (this.#workOf(input.key)) this.#fired.set(input.key, true);
        return;
      case 'Observed': {
        const wanted = this.#workOf(input.key) && this.#model.canTake(this.#state, input.fact);
        if (wanted) this.#propose([input.fact], { at: input.at, actor: 'world' }, actions);
        return;
      }
      case 'OutcomeArrived':
        return this.#takeOutcome(input.key, input.outcome, input.at, actions);
      case 'FindingArrived':
        this.#returned(input.key);
        if (!this.#workOf(input.key)) return;
        return this.#propose(this.#findingFacts(input.key, input.finding), { at: input.at, actor: 'world' }, actions);
      default:
        return unreachable(input);
    }
  }

  #returned(key: string): void {
    if (this.#inFlight.get(key) === 'abandoned') this.#abandoned -= 1;
    this.#inFlight.delete(key);
  }

  #takeOutcome(key: string, outcome: Outcome<F>, at: Instant, actions: Actions<F, E, R>): void {
    this.#returned(key);
    const item = this.#workOf(key);
    if (!item) return sometimes('driver: an answer came when nobody waited for it any more');
    if (outcome.type === 'facts') return this.#propose(outcome.facts, { at, actor: 'world' }, actions);
    invariant(
      this.#model.kindOf(item.effect).type === 'sideEffect',
      'only the outcome of a side effect can be unknown',
    );
    sometimes('driver: an answer was lost');
    this.#noteUnknown(item, outcome.why, at, actions);
  }

  #findingFacts(key: string, finding: Finding<F>): readonly F[] {
    const { notes } = this.#model;
    switch (finding.type) {
      case 'done':
        sometimes('driver: found an effect done');
        return [notes.reconciled(key, 'done'), ...finding.facts];
      case 'notDone':
        sometimes('driver: found an effect not done');
        return [notes.reconciled(key, 'notDone')];
      case 'cannotTell':
        sometimes('driver: nobody can tell what became of an effect');
        return [notes.undecidable(key, finding.why)];
    }
  }

  #command({ id, actor, at, command }: Command<C>, actions: Actions<F, E, R>): void {
    if (this.#commandsDone.has(id)) {
      sometimes('driver: took a command that came twice for one');
      return void actions.push({ type: 'answer', id, result: ok(undefined) });
    }
    const decision = this.#model.decide(command, this.#state);
    if (!decision.ok) {
      sometimes('driver: refused a command');
      return void actions.push({ type: 'answer', id, result: decision });
    }
    this.#propose(decision.value, { at, actor, commandId: id }, actions);
  }

  #settleAppend(result: Result<Appended, AppendError>, actions: Actions<F, E, R>): void {
    invariant(this.#pending, 'an append was answered that was not asked for');
    const { facts, answerTo } = this.#pending;
    this.#pending = null;
    if (!result.ok) {
      sometimes('driver: stopped because the log refused facts');
      this.#stopped = true;
      if (answerTo) actions.push({ type: 'answer', id: answerTo, result: err(result.error) });
      for (const key of this.#inFlight.keys()) actions.push({ type: 'abandon', key });
      for (const key of this.#armed.keys()) actions.push({ type: 'disarm', key });
      actions.push({ type: 'stop', why: { type: 'logRefused', error: result.error } });
      return;
    }
    for (const fact of facts) this.#fold(fact);
    if (answerTo) actions.push({ type: 'answer', id: answerTo, result: ok(undefined) });
  }
}

// A handful at most: looking through them is quicker than a set of keys for every fact.
function itemOf<E>(work: readonly WorkItem<E>[], key: string): WorkItem<E> | undefined {
  for (const item of work) if (item.key === key) return item;
  return undefined;
}

const isAmong = (work: readonly WorkItem<unknown>[], key: string): boolean => itemOf(work, key) !== undefined;

const restarted = 'the driver was restarted after asking and before the answer was in the log';

function refuse<F extends Fact, C, E, R>(input: DriverInput<F, C>): readonly DriverAction<F, E, R>[] {
  if (input.type !== 'Commanded') return [];
  return [{ type: 'answer', id: input.commanded.id, result: err({ type: 'DriverStopped' }) }];
}
