import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { driver, type Command, type Driver, type DriverAction, type DriverInput } from '#core/driver/driver';
import { judgeAppend } from '#core/event-log/append-rule';
import { position, revision, type AppendError, type Appended, type ProposedFact } from '#core/event-log/event-log';
import { commandId, factId, type CommandId } from '#core/ids';
import { court } from '#core/laws/judge';
import { laws } from '#core/laws/laws';
import type { MigrationCommand, Rejection } from '#core/migration/commands';
import type { Effect } from '#core/migration/effects';
import { canTake, evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan } from '#core/migration/plan';
import { err, ok, type Result } from '#core/result';
import { after, instant, millis, type Instant } from '#core/units';
import { forward, sideways } from '#simulator/search/model-search';
import { outcomesOf } from '#simulator/search/outcomes';

/*
 * The driver walked through whatever may happen to it: answers that are lost or come late, commands that are sent twice,
 * deaths at any moment, a second driver beside the first, a log whose answer is lost. The driver, the rule of the log and the
 * chart are the real ones.
 */

/** What happens next to one of the drivers of a migration. */
export interface DriverDraw {
  readonly what: 'goes' | 'answers' | 'loses' | 'commands' | 'repeats' | 'appendsAgain' | 'dies' | 'twin' | 'waits';
  readonly pick: number;
}

const weights = {
  ...{ goes: 40, answers: 4, loses: 3, commands: 4, repeats: 2, appendsAgain: 2, dies: 2, twin: 1, waits: 3 },
} as const;

/** Whatever may happen to the drivers of a migration. */
export const anyDriverDraws: fc.Arbitrary<readonly DriverDraw[]> = fc.array(
  fc.record({
    what: fc.oneof(
      ...Object.entries(weights).map(([what, weight]) => ({
        weight,
        arbitrary: fc.constant(what as DriverDraw['what']),
      })),
    ),
    pick: fc.nat(20),
  }),
  { maxLength: 150, size: 'max' },
);

type Action = DriverAction<MigrationFact, Effect, Rejection>;
type Input = DriverInput<MigrationFact, MigrationCommand>;
type Work = Extract<Action, { readonly type: 'perform' }>['work'];

/** A process with a driver, and what it waits for. */
interface Process {
  readonly core: Driver<MigrationState, MigrationFact, MigrationCommand, Effect, Rejection>;
  readonly inFlight: Map<string, { readonly type: 'perform' | 'reconcile'; readonly work: Work; isWanted: boolean }>;
  readonly armed: Map<string, Instant>;
  appending: Extract<Action, { readonly type: 'append' }> | undefined;
  hasStopped: boolean;
}

const stream = 'migration-driven' as const;
const watched = new Set(['L18', 'L22', 'L23']);
const watchedLaws = laws.filter(({ id }) => watched.has(id));

class DrivenMigration {
  readonly story: string[] = [];
  readonly #court = court(watchedLaws);
  readonly #log: ProposedFact<MigrationFact>[] = [];
  /** By how many facts were folded. */
  readonly #states: MigrationState[] = [initialMigration()];
  readonly #due = new Map<string, Instant>();
  readonly #requests = new Map<string, number>();
  readonly #performed = new Map<string, number>();
  readonly #done = new Map<string, readonly MigrationFact[]>();
  readonly #accepted = new Set<CommandId>();
  #processes: Process[] = [];
  #last: Command<MigrationCommand> | undefined;
  #now = instant(0);
  #names = 0;

  constructor(plan: MigrationPlan) {
    this.#start();
    this.#command({ type: 'DraftMigration', data: { plan } });
  }

  happen({ what, pick }: DriverDraw): void {
    this.#now = after(this.#now, millis(10));
    const process = this.#processes[pick % this.#processes.length];
    if (!process) return;
    this.#fire();
    switch (what) {
      case 'goes':
        return this.#goOn(process);
      case 'answers':
        return this.#answerOne(process, pick);
      case 'loses':
        return this.#loseOne(process, pick);
      case 'commands': {
        const command = sideways[pick % sideways.length];
        return command && this.#command(command);
      }
      case 'repeats':
        if (this.#last) this.#feed(process, { type: 'Commanded', commanded: { ...this.#last, at: this.#now } });
        return;
      case 'appendsAgain':
        return this.#append(process, 2);
      case 'dies':
        return this.#die(process, pick % 2 === 0);
      case 'twin':
        return this.#processes.length < 2 ? this.#start() : undefined;
      case 'waits':
        this.#now = after(this.#now, millis(7_000 * (1 + (pick % 10))));
        return this.#fire();
    }
  }

  #wrong(why: string): never {
    throw new Error([why, ...this.story].join('\n'));
  }

  #name(): string {
    this.#names += 1;
    return `00000000-0000-4000-8000-${String(this.#names).padStart(12, '0')}`;
  }

  #start(): void {
    const core = driver(migrationModel, {
      ...{ stream, correlationId: 'walk', history: [...this.#log], newFactId: () => factId(this.#name()) },
    });
    const process: Process = {
      ...{ core, inFlight: new Map(), armed: new Map(), appending: undefined, hasStopped: false },
    };
    this.#processes.push(process);
    this.story.push(`${this.#now} a driver is started`);
    this.#feed(process, { type: 'Started', at: this.#now });
  }

  #die(process: Process, hadAppended: boolean): void {
    this.story.push(`${this.#now} a driver dies`);
    // What it asked the log for came there or not, and it does not hear of it.
    if (hadAppended && process.appending) this.#judgeAppend(process.appending);
    this.#processes = this.#processes.filter((other) => other !== process);
    if (this.#processes.length === 0) this.#start();
  }

  #command(command: MigrationCommand): void {
    const commanded = { id: commandId(this.#name()), actor: 'operator:search', at: this.#now, command };
    this.#last = commanded;
    const process = this.#processes.at(-1);
    this.story.push(`${this.#now} when ${command.type}`);
    if (process) this.#feed(process, { type: 'Commanded', commanded });
  }

  /** The next thing that brings it further. */
  #goOn(process: Process): void {
    if (process.appending) return this.#append(process, 1);
    const [first] = process.inFlight.values();
    if (first) return this.#answer(process, first.work, 0);
    const next = forward(process.core.state()).find(
      (command) => migrationModel.decide(command, process.core.state()).ok,
    );
    if (next) return this.#command(next);
    this.#now = after(this.#now, millis(60_000));
    this.#fire();
  }

  #answerOne(process: Process, pick: number): void {
    const work = [...process.inFlight.values()][pick % Math.max(1, process.inFlight.size)]?.work;
    if (work) this.#answer(process, work, pick);
  }

  #answer(process: Process, work: Work, pick: number): void {
    const asked = process.inFlight.get(work.key);
    const { effect, key } = work;
    if (!asked || effect.type === 'armTimer') return;
    process.inFlight.delete(key);
    const state = process.core.state();
    const outcomes = outcomesOf(effect, state.snapshot.context, { found: 'running' });
    const possible = asked.isWanted ? outcomes.filter(([fact]) => fact && canTake(state, fact)) : outcomes;
    if (asked.type === 'perform') {
      const facts = possible[pick % Math.max(1, possible.length)] ?? [];
      if (facts === possible[0]) this.#done.set(key, facts);
      const outcome = facts.length === 0 ? lost : ({ type: 'facts', facts } as const);
      this.#feed(process, { type: 'OutcomeArrived', key, outcome, at: this.#now });
      return;
    }
    const facts = this.#done.get(key);
    const finding = facts ? ({ type: 'done', facts } as const) : ({ type: 'notDone' } as const);
    this.#feed(process, { type: 'FindingArrived', key, finding, at: this.#now });
  }

  /** It was done or not, and its answer is lost. */
  #loseOne(process: Process, pick: number): void {
    const asked = [...process.inFlight.values()][pick % Math.max(1, process.inFlight.size)];
    if (!asked || asked.type !== 'perform' || migrationModel.kindOf(asked.work.effect).type !== 'sideEffect') return;
    const { key, effect } = asked.work;
    process.inFlight.delete(key);
    const [facts] =
      effect.type === 'armTimer' ? [] : outcomesOf(effect, process.core.state().snapshot.context, { found: 'running' });
    if (facts && asked.isWanted && pick % 2 === 0) this.#done.set(key, facts);
    this.#feed(process, { type: 'OutcomeArrived', key, outcome: lost, at: this.#now });
  }

  #fire(): void {
    for (const process of this.#processes)
      for (const [key, at] of process.armed) {
        if (at > this.#now) continue;
        process.armed.delete(key);
        this.#feed(process, { type: 'TimerFired', key, at: this.#now });
      }
  }

  /** The log is asked once, or twice because its first answer was lost. */
  #append(process: Process, times: number): void {
    const { appending } = process;
    if (!appending) return;
    process.appending = undefined;
    let result = this.#judgeAppend(appending);
    for (let again = 1; again < times; again += 1) {
      const before = result;
      result = this.#judgeAppend(appending);
      if (!isDeepStrictEqual(before, result)) this.#wrong('an append that is made again is answered otherwise');
    }
    const actions = this.#feed(process, { type: 'AppendAnswered', result, at: this.#now });
    if (!result.ok) {
      if (!actions.some(({ type }) => type === 'stop')) this.#wrong('a driver goes on whose append was refused');
      this.#processes = this.#processes.filter((other) => other !== process);
      if (this.#processes.length === 0) this.#start();
    } else if (!isDeepStrictEqual(told(process.core.state()), told(this.#states[result.value.revision + 1])))
      this.#wrong('a driver knows something else than its log');
  }

  #judgeAppend({ facts, expected }: Extract<Action, { type: 'append' }>): Result<Appended, AppendError> {
    const last = this.#log.length - 1;
    const idsFrom = (first: number, count: number): readonly string[] =>
      this.#log.slice(first, first + count).map(({ id }) => id);
    const verdict = judgeAppend(facts, expected, { last, idsFrom });
    if (verdict.type === 'conflict')
      return err({ type: 'RevisionConflict', stream, expected, actual: last < 0 ? 'none' : revision(last) });
    if (verdict.type === 'add') for (const fact of facts) this.#add(fact);
    const end = verdict.type === 'add' ? this.#log.length - 1 : verdict.last;
    return ok({ revision: revision(end), position: position(end) });
  }

  #add(proposed: ProposedFact<MigrationFact>): void {
    const fact = { type: proposed.type, data: proposed.data } as MigrationFact;
    const { time, actor, schemaVersion, commandId: by } = proposed.metadata;
    this.story.push(`${time} ${fact.type}`);
    this.#states.push(evolve(this.#states.at(-1) ?? initialMigration(), fact, { stream, time }));
    const [breach] = this.#court.take({ stream, revision: this.#log.length, fact, at: time, actor, schemaVersion });
    if (breach) this.#wrong(`${breach.law} ${breach.why}`);
    this.#log.push(proposed);
    if (by) this.#accepted.add(by);
    if (fact.type === 'EffectRequested')
      this.#requests.set(fact.data.key, (this.#requests.get(fact.data.key) ?? 0) + 1);
  }

  #feed(process: Process, input: Input): readonly Action[] {
    // What is sent again after it was done has been done.
    const wasDone = input.type === 'Commanded' && this.#knows(process, input.commanded.id);
    const actions = process.core.apply(input);
    for (const action of actions) this.#carryOut(process, action, wasDone);
    return actions;
  }

  #knows({ core, appending, hasStopped }: Process, id: CommandId): boolean {
    if (!this.#accepted.has(id) || appending || hasStopped) return false;
    return isDeepStrictEqual(told(core.state()), told(this.#states.at(-1)));
  }

  #carryOut(process: Process, action: Action, wasDone: boolean): void {
    switch (action.type) {
      case 'append':
        process.appending = action;
        return;
      case 'perform':
      case 'reconcile':
        return this.#begin(process, action.type, action.work);
      case 'abandon': {
        const given = process.inFlight.get(action.key);
        if (given) given.isWanted = false;
        return;
      }
      case 'arm': {
        const before = this.#due.get(action.key) ?? action.at;
        if (before !== action.at) this.#wrong(`L12 a deadline was due at ${before} and is now at ${action.at}`);
        this.#due.set(action.key, action.at);
        return void process.armed.set(action.key, action.at);
      }
      case 'disarm':
        return void process.armed.delete(action.key);
      case 'answer':
        if (wasDone && !action.result.ok) this.#wrong('a command that was done is refused when it is sent again');
        return;
      case 'stop':
        process.hasStopped = true;
    }
  }

  #begin(process: Process, type: 'perform' | 'reconcile', work: Work): void {
    const { key, effect } = work;
    if ([...process.inFlight.values()].some(({ isWanted }) => !isWanted))
      this.#wrong(`L3 ${effect.type} is begun beside what was abandoned`);
    process.inFlight.set(key, { type, work, isWanted: true });
    if (type === 'reconcile' || migrationModel.kindOf(effect).type !== 'sideEffect') return;
    const times = (this.#performed.get(key) ?? 0) + 1;
    this.#performed.set(key, times);
    if (times > (this.#requests.get(key) ?? 0))
      this.#wrong(`L22 ${effect.type} is done again, and nobody asked for it`);
  }
}

const lost = { type: 'unknown', why: 'its answer was lost' } as const;

const told = (state: MigrationState | undefined) =>
  state && [state.work, state.snapshot.value, state.snapshot.context, state.cutovers];

/** Walks the drivers of one migration, and throws the story of what is wrong. */
export function soundDrivers(plan: MigrationPlan, draws: readonly DriverDraw[]): void {
  const driven = new DrivenMigration(plan);
  for (const draw of draws) driven.happen(draw);
}
