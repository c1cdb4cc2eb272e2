import type { RecordedFact, StreamId } from '#core/event-log/event-log';
import type { Result } from '#core/result';
import { instant, type Instant } from '#core/units';
import type { WavePlan } from '#core/wave/plan';
import type { ApiClient, CommandProblem, CommandTarget, RunSummary } from '#web/dashboard/client/api-client';
import { followRun, type Connection, type FactFeed, type FeedSink } from '#web/dashboard/client/fact-feed';
import { History } from './history.ts';
import { momentOf, standAt, standAtTime, stepFrom, type Moment, type Motion } from './moment.ts';
import { ScopedFacts } from './scoped-facts.ts';
import { formatRoute, parseRoute, type ListChoice, type Page, type Route } from './route.ts';

/** What the page needs of the browser. */
export interface Surroundings {
  readonly api: ApiClient;
  /** Milliseconds of the wall. Only differences count. */
  readonly wall: () => number;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Lets the browser draw and take input. */
  readonly breathe: () => Promise<void>;
  readonly address: { read(): string; write(hash: string, how: 'push' | 'replace'): void };
  /** A name nobody else gives, for a command. */
  readonly newKey: () => string;
  /** Who commands are sent as; remembered by the browser. */
  readonly operator: { read(): string; write(name: string): void };
}

// Folding goes on in slices of this length, so that the page answers while a long log comes in.
const sliceMs = 12;

/** Everything the page knows: the run, where it stands in it, and what is looked at. Elements draw it. */
export class Session {
  history = new History();
  run: RunSummary | null = null;
  connection: Connection = { type: 'connecting' };
  route: Route;
  motion: Motion = { type: 'following' };
  /** Grows with every change, for those who draw. */
  version = 0;
  readonly #around: Surroundings;
  readonly #listeners = new Set<() => void>();
  #feed: FactFeed | undefined;
  #clock: { readonly now: Instant; readonly wall: number } | null = null;
  #waveFacts:
    { readonly id: string; readonly history: History; readonly plan: unknown; readonly facts: ScopedFacts } | undefined;
  /** The moment of the URL, while the log has not been read up to it. */
  #wanted: number | null;

  constructor(around: Surroundings) {
    this.#around = around;
    this.route = parseRoute(around.address.read());
    this.#wanted = this.route.at;
  }

  /** Connects, and stays connected. */
  start(): void {
    this.#feed ??= followRun({ api: this.#around.api, wait: this.#around.wait }, this.#sink());
  }

  /** Lets go of the server. */
  stop(): void {
    this.#feed?.stop();
    this.#feed = undefined;
  }

  /** Tries at once to reach a server that is gone. */
  retry(): void {
    this.#feed?.retry();
  }

  /** Has `listener` called after every change. Answers how to stop that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The present of the run by its own clock, as far as is known. */
  now(): Instant | null {
    if (!this.#clock || this.run?.mode !== 'live') return this.run?.now ?? null;
    if (this.connection.type === 'lost') return this.#clock.now;
    return instant(Math.floor(this.#clock.now + (this.#around.wall() - this.#clock.wall) * this.run.speed));
  }

  /** The moment that is shown. Null while there is no fact. */
  moment(): Moment | null {
    // While the past is still being read, the present of the run is not what is shown.
    const now = this.connection.type === 'loading' || this.connection.type === 'connecting' ? null : this.now();
    const moment = momentOf(this.motion, this.history, now, this.#around.wall());
    return moment?.follows && this.#wanted !== null ? { ...moment, follows: false } : moment;
  }

  /** Why no command can be sent just now; null when they are taken. */
  gate(): string | null {
    if (this.run?.mode === 'replay') return 'This is a recording: nothing in it can be changed.';
    if (this.connection.type === 'lost') return 'The server cannot be reached.';
    if (this.run === null || this.connection.type !== 'open') return 'The run is still being read.';
    if (!this.run.takesCommands) return 'This run is driven by another process; send commands there.';
    return this.moment()?.follows === false
      ? 'You are looking at the past. Go back to the present to send commands.'
      : null;
  }

  /** Opens a page at the present moment. */
  open(page: Page): void {
    this.#go({ ...this.route, page }, 'push');
  }

  /** Changes what of a list is shown. */
  choose(list: Partial<ListChoice>): void {
    this.#go({ ...this.route, list: { ...this.route.list, ...list } }, 'replace');
  }

  /** Takes a URL that the browser went to by itself. */
  addressChanged(): void {
    const route = parseRoute(this.#around.address.read());
    if (route.at === null) this.#move({ type: 'following' });
    else if (route.at !== this.route.at) this.#wanted = route.at;
    this.route = route;
    this.#standWhereWanted();
    this.#changed();
  }

  /** Stands at a fact. */
  jumpTo(index: number): void {
    this.#move(standAt(this.history, index));
  }

  /** Stands at a time. */
  jumpToTime(time: number): void {
    this.#move(standAtTime(this.history, time));
  }

  /** Stands some facts further, or back, among those of the page that is open. */
  step(steps: number): void {
    const moment = this.moment();
    if (moment) this.jumpTo(stepFrom(this.history, moment.index, steps, this.scope()));
  }

  /** Follows the present. */
  follow(): void {
    this.#move({ type: 'following' });
  }

  /** Plays on from the moment that is shown; from the start when that is the end. */
  play(speed: number): void {
    const moment = this.moment();
    const span = this.history.span;
    if (!moment || !span) return;
    const time = moment.time >= span.to ? span.from : moment.time;
    this.#move({ type: 'playing', time, speed, wall: this.#around.wall() });
  }

  /** Stands where it is. */
  pause(): void {
    const moment = this.moment();
    if (moment && this.motion.type === 'playing')
      this.#move({ type: 'standing', index: moment.index, time: moment.time });
  }

  /** Time has passed: whoever plays has come further. */
  tick(): void {
    if (this.motion.type === 'playing' && this.moment()?.follows) this.#move({ type: 'following' });
    else this.#changed();
  }

  /** Facts in the scope of the page that is open, by index; null for all. */
  scope(): readonly number[] | null {
    const { page } = this.route;
    if (page.type === 'migration') return this.history.migrations.get(page.id)?.indexes ?? [];
    return page.type === 'wave' ? this.waveFacts(page.id) : null;
  }

  /** The streams in the scope of the page that is open; null for all. */
  scopeStreams(): ReadonlySet<StreamId> | null {
    const { page } = this.route;
    if (page.type === 'migration') return new Set<StreamId>([`migration-${page.id}`]);
    if (page.type !== 'wave') return null;
    return waveStreams(page.id, this.history.waves.get(page.id)?.latest?.state.snapshot.context.plan ?? null);
  }

  /** The facts of a wave and of all its members, by index. */
  waveFacts(id: string): readonly number[] {
    const plan = this.history.waves.get(id)?.latest?.state.snapshot.context.plan;
    if (this.#waveFacts?.id !== id || this.#waveFacts.history !== this.history || this.#waveFacts.plan !== plan) {
      const facts = new ScopedFacts(this.history, waveStreams(id, plan ?? null));
      this.#waveFacts = { id, history: this.history, plan, facts };
    }
    return this.#waveFacts.facts.indexes();
  }

  /** The fact at an index as the log holds it, with its whole envelope. */
  async recorded(index: number): Promise<RecordedFact | undefined> {
    const { position } = this.history.fact(index);
    const { facts } = await this.#around.api.facts(position - 1, 1);
    return facts[0];
  }

  /** Sends a command. Repeating a failed one with the same key is safe. */
  send(target: CommandTarget, key = this.#around.newKey()): Promise<Result<void, CommandProblem>> {
    return this.#around.api.send(target, key, this.operator);
  }

  /** A new name for a command. */
  newKey(): string {
    return this.#around.newKey();
  }

  get operator(): string {
    return this.#around.operator.read();
  }

  set operator(name: string) {
    this.#around.operator.write(name);
  }

  #sink(): FeedSink {
    return {
      head: () => this.history.head,
      onRun: (run) => {
        // Another log: what was known is of another world.
        if (this.run?.identity && run.identity !== this.run.identity) this.#forget();
        this.run = run;
        this.#setClock(run.now);
        this.#changed();
      },
      onFacts: (facts) => this.#take(facts),
      onBeat: ({ now }) => {
        this.#setClock(now);
        this.#changed();
      },
      onConnection: (connection) => {
        this.connection = connection;
        this.#changed();
      },
    };
  }

  async #take(facts: readonly RecordedFact[]): Promise<void> {
    let sliceEnd = this.#around.wall() + sliceMs;
    for (let first = 0; first < facts.length; first += 50) {
      this.history.append(facts.slice(first, first + 50));
      if (this.#around.wall() < sliceEnd) continue;
      this.#standWhereWanted();
      this.#changed();
      await this.#around.breathe();
      sliceEnd = this.#around.wall() + sliceMs;
    }
    const last = facts.at(-1);
    if (last && this.run && this.run.identity === null) this.run = { ...this.run, identity: facts[0]?.id ?? null };
    this.#standWhereWanted();
    this.#changed();
  }

  #forget(): void {
    this.history = new History();
    this.#clock = null;
    this.motion = { type: 'following' };
  }

  #setClock(now: Instant | null): void {
    if (now !== null) this.#clock = { now, wall: this.#around.wall() };
  }

  #standWhereWanted(): void {
    if (this.#wanted === null) return;
    const index = this.history.indexAtPosition(this.#wanted);
    if (index < 0) return;
    this.motion = standAt(this.history, index);
    if (this.history.head >= this.#wanted) this.#wanted = null;
  }

  #move(motion: Motion): void {
    this.#wanted = null;
    this.motion = motion;
    const { lastIndex } = this.history;
    const index = motion.type === 'standing' ? Math.max(0, Math.min(motion.index, lastIndex)) : -1;
    // While it plays the URL stays as it was: it would change with every frame.
    if (motion.type === 'playing') return this.#changed();
    const at = index >= 0 && lastIndex >= 0 ? this.history.fact(index).position : null;
    if (at === this.route.at) return this.#changed();
    this.#go({ ...this.route, at }, 'replace');
  }

  #go(route: Route, how: 'push' | 'replace'): void {
    this.route = route;
    this.#around.address.write(formatRoute(route), how);
    this.#changed();
  }

  #changed(): void {
    this.version += 1;
    for (const listener of this.#listeners) listener();
  }
}

const waveStreams = (id: string, plan: WavePlan | null): ReadonlySet<StreamId> =>
  new Set<StreamId>([
    `wave-${id}`,
    ...(plan?.members.map(({ migration }): StreamId => `migration-${migration}`) ?? []),
  ]);
