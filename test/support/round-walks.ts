import fc from 'fast-check';
import { runDriver, type RunningDriver } from '#core/driver/run-driver';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import type { ProposedFact, StreamId } from '#core/event-log/event-log';
import { commandId, factId, migrationId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand, Rejection } from '#core/migration/commands';
import { isSideEffect, type EffectType } from '#core/migration/effects';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan } from '#core/migration/plan';
import { after, bytes, instant, minutes, seconds, type Instant } from '#core/units';
import { liveWorld, type LiveWorld } from '#replicator/live/live-world';
import { gatewayPath } from '#replicator/gateway/gateway-path';
import type { ReplicationPath } from '#replicator/pipeline/replication';
import { createThrottle } from '#replicator/pipeline/throttle';
import { simulatedCalls } from '#simulator/block/network/simulated-calls';
import { simulatedProcess, type SimulatedProcess } from '#simulator/block/process';
import type { Call } from '#simulator/block/sources/connector';
import { boundClock, boundLog } from '#simulator/block/world/bound';
import { vmCalls, type VmCalls } from '#simulator/block/world/vm-calls';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { samplePlan } from './migration-facts.ts';
import { happenings } from './round-happenings.ts';
import { owner, roundJudge, type RoundJudge } from './round-judge.ts';
import { anyHappenings, type Happening } from './round-moments.ts';
import { told, wishOf } from './round-person.ts';
import { gatewayAddress, inSeconds, roundSite, type RoundSite, type RoundSiteShape } from './round-site.ts';
import { walkedSource, walkedVendors, type WalkedSource, type WalkedSourceShape } from './walked-source.ts';

/*
 * Rounds as production runs them, from the chart to the journal: the driver, the live world, gateway, receiver and replica
 * of one small VM, while whatever may happens to them. A judge that watches every write to the source compares true bytes.
 */

/** One walk. */
export interface RoundWalk extends RoundSiteShape, WalkedSourceShape {
  readonly seed: number;
  /** The guest writes at one of so many steps. */
  readonly writesAt: number;
  /** Rounds before the cutover. */
  readonly rounds: number;
  readonly finalizes: boolean;
  readonly happenings: readonly Happening[];
  /** Whether an earlier migration of the name left marks. */
  readonly hasLeftovers: boolean;
}

const storyMax = 60;
/** Whatever may happen to rounds. */
export const anyRoundWalk: fc.Arbitrary<RoundWalk> = fc.record({
  seed: fc.nat(),
  vendor: fc.constantFrom(...walkedVendors),
  blocks: fc.oneof(
    fc.tuple(fc.integer({ min: 2, max: 8 })),
    fc.tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 1, max: 3 })),
  ),
  untracked: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  bandwidth: fc.constantFrom<RoundSiteShape['bandwidth']>('unlimited', 400_000, 100_000),
  tells: fc.constantFrom<RoundSiteShape['tells']>('all', 'all', 'nothing'),
  writesAt: fc.constantFrom(6, 16, 40),
  rounds: fc.integer({ min: 1, max: 3 }),
  finalizes: fc.boolean(),
  happenings: anyHappenings,
  hasLeftovers: fc.boolean(),
});

/** Walks, and throws the story of what is wrong. */
export async function soundRounds(walk: RoundWalk): Promise<void> {
  const walked = new Walk(walk);
  await walked.run();
  if (walked.wrong === undefined) return;
  // Of one that goes on for ever its beginning and its end are enough.
  const { story } = walked;
  const lines =
    story.length > storyMax ? [...story.slice(0, storyMax / 2), '...', ...story.slice(-storyMax / 2)] : story;
  throw new Error([walked.wrong, describe(walk), ...lines].join('\n'));
}

function describe({ vendor, blocks, untracked, bandwidth, tells, rounds }: RoundWalk): string {
  const tracking = untracked ? ', the last untracked' : '';
  return `given disks of ${blocks.join(' and ')} blocks${tracking}, on ${vendor}, which tells ${tells}; ${bandwidth} bytes/s; a cutover after ${rounds} rounds`;
}

const stream: StreamId = `migration-${owner}`;
const start = instant(1_000_000);
// What goes wrong ends then, and what was to go wrong after it does not.
const healAfter = minutes(3);
const liveWithin = minutes(25);

type Driver = RunningDriver<MigrationState, MigrationCommand, Rejection>;

class Walk {
  readonly story: string[] = [];
  wrong: string | undefined;
  readonly #walk: RoundWalk;
  readonly #clock = virtualClock({ start, turn: () => new Promise((resolve) => setImmediate(resolve)) });
  readonly #rng: ReturnType<typeof seededRng>;
  readonly #log = inMemoryEventLog();
  readonly #site: RoundSite;
  readonly #vm: WalkedSource;
  readonly #calls: VmCalls;
  readonly #judge: RoundJudge;
  readonly #throttle = createThrottle();
  readonly #plan: MigrationPlan;
  readonly #writes: ReturnType<ReturnType<typeof seededRng>['fork']>;
  readonly #ids: ReturnType<ReturnType<typeof seededRng>['fork']>;
  readonly #ends = new Set<() => void>();
  #waiting: readonly Happening[];
  #state = initialMigration();
  #moment = 0;
  /** How many facts of a kind there are, and how many steps there were since the last. */
  readonly #passed = new Map([['any', { facts: 0, steps: 0 }]]);
  #rounds = 0;
  #lives = 0;
  #process: SimulatedProcess | undefined;
  #driver: Driver | undefined;
  #isHealed = false;
  #isGivenUp = false;
  #finish: () => void = () => undefined;

  constructor(walk: RoundWalk) {
    this.#walk = walk;
    this.#waiting = walk.happenings;
    const rng = (this.#rng = seededRng(walk.seed));
    this.#writes = rng.fork('writes');
    this.#ids = rng.fork('ids');
    const clock = this.#clock;
    const order = { next: () => (this.#moment += 1) };
    const crashed = (error: unknown): void => this.#crashed(error);
    this.#site = roundSite(walk, { clock, rng: rng.fork('site'), step: () => this.#step(), onCrash: crashed });
    const { network, exports, volume } = this.#site;
    this.#vm = walkedSource(walk, { clock, rng: rng.fork('vm'), exports, order });
    this.#calls = vmCalls(simulatedCalls({ clock, rng: rng.fork('calls'), note: () => undefined, network }), 'vm');
    const onWrong = (why: string): void => this.#isWrong(why);
    const state = (): MigrationState => this.#state;
    this.#judge = roundJudge({ vm: this.#vm, volume, order, stream, state, onWrong });
    this.#plan = samplePlan({
      vm: { name: 'vm', platform: walk.vendor, guest: 'linux' },
      disks: this.#vm.disks.map(({ id, size }) => ({ id, size: bytes(size) })),
      ...{ handOver: 'replica', approval: 'given', onValidationFailure: 'rollBack', refreshEvery: seconds(15) },
      quiesce: { timeout: seconds(60), onRefusal: 'rollBack' },
    });
  }

  async run(): Promise<void> {
    const clock = this.#clock;
    const finished = new Promise<void>((resolve) => (this.#finish = resolve));
    clock.schedule(after(start, healAfter), () => this.#heal());
    clock.schedule(after(start, liveWithin), () => {
      const { lifecycle, replication, outcome } = axesOf(this.#state);
      this.#isWrong(`it does not come to an end: ${lifecycle}, ${replication}, ${outcome}`);
    });
    try {
      if (this.#walk.hasLeftovers) await clock.run(this.#leaveMarks());
      this.#start();
      this.#tick();
      await clock.run(finished);
    } catch (error) {
      this.#crashed(error);
    }
    this.#process?.kill();
    if (this.wrong !== undefined) return;
    // What stands at the end stands when everything else is gone.
    this.#site.receiver.losePower();
    this.#judge.crashed();
    this.#judge.end(axesOf(this.#state).lifecycle !== 'cutOver');
  }

  async #leaveMarks(): Promise<void> {
    const earlier = this.#vm.source.hypervisor({ owner, clock: this.#clock });
    await earlier.beginMark({ owner, number: 0 });
    await earlier.advanceMark({ owner, number: 0 }, { owner, number: 1 });
  }

  #isWrong(why: string): void {
    if (this.wrong !== undefined) return;
    this.wrong = why;
    this.#tell(`WRONG: ${why}`);
    this.#finish();
  }

  #tell(what: string): void {
    this.story.push(`${((this.#clock.now() - start) / 1_000).toFixed(3)} ${what}`);
  }

  #crashed(error: unknown): void {
    if (!(error instanceof Error)) throw error;
    this.#isWrong(`crashed: ${error.message}`);
  }

  /** Anything that anybody does or hears of. */
  #step(): void {
    for (const [kind, passed] of this.#passed) this.#passed.set(kind, { ...passed, steps: passed.steps + 1 });
    if (this.#writes.between(1, this.#walk.writesAt) === 1) this.#vm.write();
    const due = this.#waiting.filter(({ after: kind, facts, steps }) => {
      const passed = this.#passed.get(kind) ?? { facts: 0, steps: 0 };
      return facts < passed.facts || (facts === passed.facts && steps <= passed.steps);
    });
    if (due.length === 0 || this.#isHealed) return;
    this.#waiting = this.#waiting.filter((one) => !due.includes(one));
    for (const happening of due) this.#happen(happening);
  }

  #happen({ name, seconds: lasts }: Happening): void {
    this.#tell(`when ${name}`);
    const manager = { start: () => this.#start(), kill: () => this.#kill() };
    const send = (command: MigrationCommand): void => void this.#send(command);
    const ground = { site: this.#site, vm: this.#vm, judge: this.#judge, calls: this.#calls, throttle: this.#throttle };
    const end = happenings[name]({ ...ground, clock: this.#clock, manager, send });
    if (!end) return;
    const endOnce = (): void => {
      if (!this.#ends.delete(endOnce)) return;
      this.#tell(`no more: ${name}`);
      end();
    };
    this.#ends.add(endOnce);
    this.#clock.schedule(inSeconds(this.#clock, lasts), endOnce);
  }

  #heal(): void {
    this.#isHealed = true;
    this.#tell('nothing goes wrong any more');
    for (const end of [...this.#ends]) end();
    this.#site.gateway.start();
    this.#site.receiver.start();
    this.#start();
  }

  #kill(): void {
    this.#process?.kill();
    this.#process = undefined;
    this.#driver = undefined;
  }

  #start(): void {
    if (this.#process) return;
    this.#lives += 1;
    const process = (this.#process = simulatedProcess(`manager ${this.#lives}`));
    const clock = boundClock(this.#clock, process);
    const log = boundLog(this.#log, {
      ...{ clock: this.#clock, rng: this.#rng.fork(`log ${this.#lives}`), process },
      onAppend: () => this.#step(),
      onFacts: (_, facts) => this.#took(facts),
    });
    const world = this.#world(process);
    const ids = this.#rng.fork(`facts ${this.#lives}`);
    const newFactId = () => factId(ids.uuid());
    runDriver(migrationModel, stream, { log, world, clock, correlationId: stream, newFactId })
      .then((driver) => {
        if (!process.isAlive()) return;
        this.#driver = driver;
        driver.ended.catch((error: unknown) => this.#crashed(error));
      })
      .catch((error: unknown) => this.#crashed(error));
  }

  #world(process: SimulatedProcess): LiveWorld {
    const clock = boundClock(this.#clock, process);
    const made = this.#calls.ofSource(process);
    const call: Call = (operation, act) => {
      this.#step();
      if (!process.isAlive()) return new Promise(() => undefined);
      return made(operation, () => {
        const answer = act();
        this.#step();
        return answer;
      });
    };
    const network = this.#site.network.network(process, 'manager', 'manager');
    return liveWorld({
      ...{ migration: migrationId(owner), plan: this.#plan, clock, log: this.#log, stream, throttle: this.#throttle },
      connect: () => this.#vm.watched(this.#vm.source.hypervisor({ owner, clock, call })),
      path: this.#heard(gatewayPath({ address: gatewayAddress, network, clock, patience: seconds(5) })),
      place: { type: 'receiver', migration: migrationId(owner) },
      patience: seconds(20),
    });
  }

  #heard(path: ReplicationPath): ReplicationPath {
    return {
      run: (job, options = {}) => {
        this.#judge.began(job);
        return path.run(job, {
          ...options,
          onProgress: (progress) => {
            this.#judge.heard(job, progress);
            options.onProgress?.(progress);
          },
        });
      },
      compare: (job, options) => path.compare(job, options),
      inspect: (job) => path.inspect(job),
      close: () => path.close(),
    };
  }

  #took(facts: readonly ProposedFact[]): void {
    for (const { type, data, metadata } of facts) {
      const fact = { type, data } as MigrationFact;
      if (type !== 'RoundProgressed') this.#tell(told(fact));
      for (const kind of type === 'RoundProgressed' ? [type] : ['any', type])
        this.#passed.set(kind, { facts: (this.#passed.get(kind)?.facts ?? 0) + 1, steps: 0 });
      if (type === 'RoundCompleted') this.#rounds += 1;
      try {
        this.#state = evolve(this.#state, fact, { stream, time: metadata.time });
        this.#judge.took(fact, metadata.time, metadata.actor);
      } catch (error) {
        this.#crashed(error);
      }
    }
    const { lifecycle } = axesOf(this.#state);
    const isOver = lifecycle === 'cancelled' || lifecycle === 'finalized';
    if (isOver || (lifecycle === 'cutOver' && !this.#walk.finalizes))
      this.#clock.schedule(inSeconds(this.#clock, 5), () => this.#finish());
  }

  /** A person looks now and then, and asks for what comes next. */
  #tick(): void {
    void this.#operate();
    this.#clock.schedule(inSeconds(this.#clock, this.#ids.between(2, 9)), () => this.#tick());
  }

  async #operate(): Promise<void> {
    const { outcome } = axesOf(this.#state);
    if (outcome === 'undecidable') return this.#decide();
    const command = this.#wish();
    if (command) await this.#send(command);
  }

  #wish(): MigrationCommand | undefined {
    const { machine } = this.#vm.source;
    const isOther = machine.disks.some(({ size }, index) => size !== this.#vm.disks[index]?.size);
    this.#isGivenUp ||= this.#isHealed && isOther;
    const { rounds, finalizes } = this.#walk;
    return wishOf(this.#state, {
      ...{ plan: this.#plan, finalizes, isGivenUp: this.#isGivenUp },
      isDue: this.#rounds >= rounds || this.#isHealed,
      isPatient: this.#ids.between(0, 3) > 0,
      startSource: () => machine.power() === 'off' && machine.start(),
      stopSource: () => machine.stop(false),
    });
  }

  async #send(command: MigrationCommand): Promise<void> {
    const id = commandId(this.#ids.uuid());
    await this.#driver?.command({ id, actor: 'operator:ada', at: this.#now(), command });
  }

  #now(): Instant {
    return this.#clock.now();
  }

  /** What became of a step whose answer was lost: they look, as whoever runs it does. */
  async #decide(): Promise<void> {
    const work = this.#state.work.find(({ effect }) => isSideEffect(effect.type));
    if (!work || !this.#process) return;
    const found = await this.#world(this.#process).reconcile(work, new AbortController().signal);
    const outcome = found.type === 'cannotTell' ? this.#seen(work.effect.type) : found.type;
    if (outcome) await this.#send({ type: 'DecideOutcome', data: { outcome, by: 'ada' } });
  }

  /** What they see where nobody answers: of a VM that is off, and has nothing of ours, nothing is left to be let go. */
  #seen(effect: EffectType): 'done' | undefined {
    const { machine, witness } = this.#vm.source;
    const letsGo = effect === 'retireSource' || effect === 'releaseSource';
    return letsGo && machine.power() === 'off' && witness.leftovers(owner).length === 0 ? 'done' : undefined;
  }
}
