import { inMemoryEventLog } from '#core/event-log/in-memory';
import { logHash } from '#core/event-log/log-hash';
import type { ProposedFact, RecordedFact, StreamId } from '#core/event-log/event-log';
import { waveId, type DiskId, type MigrationId } from '#core/ids';
import { InvariantError } from '#core/invariant';
import type { Breach } from '#core/laws/judge';
import type { Law, LawId } from '#core/laws/law';
import { laws as allLaws } from '#core/laws/laws';
import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand } from '#core/migration/commands';
import { isSideEffect } from '#core/migration/effects';
import type { MigrationPlan } from '#core/migration/plan';
import type { DeviceError } from '#core/disk/block-device';
import type { DiskLocator } from '#core/ports/source-hypervisor';
import type { Rng } from '#core/rng';
import { after, bytes, instant, millis, minutes, offset, seconds } from '#core/units';
import { grain } from '#replicator/pipeline/digest';
import { guestSource } from '#replicator/live/launch/guest-source';
import { liveWorld, type LiveWorld } from '#replicator/live/live-world';
import { seededRng } from '#simulator/kernel/seeded-rng';
import type { SimulatedClock, Turn } from '#simulator/kernel/simulated-clock';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { appliances, type Appliances, type MortalName } from './appliances.ts';
import type { AppendMoment } from './bound.ts';
import { viaOf, worldVm } from './block-vm.ts';
import { decisionTrace } from './decisions.ts';
import { ledger, type Ledger } from './ledger.ts';
import { blockManager, type Manager, type ManagerPlace } from './driving-process.ts';
import { simulatedCalls } from '#simulator/block/network/simulated-calls';
import { claimsOf, type Claims } from './claims.ts';
import { people, type People } from './people.ts';
import { performances } from './performed-once.ts';
import { playFaults, type FaultPlayer, type FaultyVm } from './play-faults.ts';
import { simulatedExports } from '#simulator/block/sources/exports';
import type { BlockOutcome, BlockSpec } from '#simulator/block/spec';
import { worldMemory } from '#simulator/block/world-memory';
import { bundleOf, inviteAll } from './sentinel-bundles.ts';
import { sentinelOf, sentinels, type Sentinels } from './sentinels.ts';
import { targetSide, type TargetSide } from './target-side.ts';
import { vmCalls } from './vm-calls.ts';
import { migrationPlans, wavePlanOf } from './world-plans.ts';
import { blockWitness, bothConnected, type BlockWitness } from './witness.ts';

/** What running a world may be told. */
export interface RunBlockOptions {
  /** A turn of the event loop, from outside. */
  readonly turn: Turn;
  /** Deaths of processes at a certain moment, beside the faults. */
  readonly dies?: DeathSentence;
  /** Laws beside those of Sealift, or in their place. */
  readonly laws?: readonly Law[];
  /** Ends the run as it stands. */
  readonly signal?: AbortSignal;
}

/** Says of each moment at which a process may die whether it does. Moments come in the same order for the same specification. */
export interface DeathSentence {
  /** The manager, before the log has facts of it, or when it has them and the manager was not told. */
  manager?(moment: AppendMoment): boolean;
  /** An appliance, or a sentinel, to which bytes have come that it has not seen. */
  appliance?(host: MortalName): boolean;
}

/** The moment at which every world begins. */
export const worldStart = instant(1_767_225_600_000);

/** Runs one world to its end: until all have come to an end, or the time to do so is over. */
export async function runBlock(spec: BlockSpec, options: RunBlockOptions): Promise<BlockOutcome> {
  return new BlockWorld(spec, options).run();
}

// As long as whoever looks after a machine takes to start a process again.
const managerAway = seconds(10);

// Longer than the world itself asks before it gives up.
const lookingMax = minutes(3);

class BlockWorld {
  readonly #spec: BlockSpec;
  readonly #clock: SimulatedClock;
  readonly #trace: ReturnType<typeof decisionTrace>;
  readonly #memory = worldMemory();
  readonly #log = inMemoryEventLog();
  readonly #vms: ReadonlyMap<MigrationId, FaultyVm>;
  readonly #claims: ReadonlyMap<MigrationId, Claims>;
  readonly #plans: ReadonlyMap<MigrationId, MigrationPlan>;
  readonly #appliances: Appliances;
  readonly #sentinelLog = inMemoryEventLog();
  readonly #sentinels: Sentinels;
  readonly #target: TargetSide;
  readonly #witness: BlockWitness;
  readonly #ledger: Ledger;
  readonly #manager: Manager;
  readonly #people: People;
  readonly #faults: FaultPlayer;
  readonly #seen: Breach[] = [];
  readonly #performances = performances((migration, why) => this.#see('L22', migration, why));
  #crash: string | null = null;
  #finish: () => void = () => undefined;

  constructor(spec: BlockSpec, { turn, laws = allLaws, dies = {}, signal }: RunBlockOptions) {
    this.#spec = spec;
    const clock = (this.#clock = virtualClock({ turn, start: worldStart }));
    // A moment later: what it is ended for may still be on its way into the log.
    signal?.addEventListener('abort', () => clock.schedule(after(clock.now(), seconds(1)), () => this.#finish()));
    const rng = seededRng(spec.seed);
    const { note } = (this.#trace = decisionTrace(() => clock.now()));
    const exports = simulatedExports();
    const crashed = (error: unknown): void => this.#crashed(error);
    this.#appliances = appliances({
      ...{ clock, rng: rng.fork('appliances'), note, memory: this.#memory },
      ...{ onCrash: crashed, sentinelLog: this.#sentinelLog },
      openSource: (locator) => exports.openExport(locator),
      readFails: (locator, range) => this.#unreadable(locator, range.start),
      diesOf: (host) => dies.appliance?.(host) ?? false,
    });
    const { network, volume } = this.#appliances;
    const calls = simulatedCalls({ clock, rng: rng.fork('calls'), note, network });
    this.#sentinels = this.#sentinelsWith(rng.fork('sentinels'), dies);
    const vms = spec.vms.map((vm) =>
      worldVm(vm, {
        ...{ clock, rng: rng.fork('vms'), exports, note, files: bundleOf },
        onUp: ({ name }, guest) => this.#sentinels.begin(name, name, guest),
        onGone: (guest) => this.#sentinels.end(guest),
      }),
    );
    this.#target = targetSide({
      ...{ clock, rng: rng.fork('target'), note, volume, sentinels: this.#sentinels },
      writesPerMinute: Math.max(...spec.vms.map(({ writesPerMinute }) => writesPerMinute)),
      caller: () => this.#manager.process(),
      onChange: () => this.#lookAround(),
    });
    this.#vms = new Map(
      vms.map((vm) => {
        const own = vmCalls(calls, vm.spec.name);
        vm.source.machine.onPower(() => this.#lookAround());
        const target = this.#target.of(vm, own);
        return [vm.migration, { vm, calls: own, target, unreadable: new Set(), lateBy: millis(0), repeats: false }];
      }),
    );
    this.#claims = this.#claimsOfAll();
    this.#plans = migrationPlans(spec, vms);
    this.#witness = blockWitness({ vms: new Map(vms.map((vm) => [vm.migration, vm])), volume });
    this.#ledger = this.#judgedBy(laws);
    this.#manager = blockManager({
      ...{ clock, rng: rng.fork('manager'), log: this.#log, plans: this.#plans, onCrash: crashed },
      wave: { id: waveId('wave'), plan: wavePlanOf(spec, worldStart) },
      waveState: () => this.#ledger.wave,
      world: (migration, place) => this.#liveWorld(migration, place),
      onAppend: (_stream, moment) => {
        if (dies.manager?.(moment)) this.#restartManager();
      },
      onFacts: (stream, facts) => this.#take(stream, facts),
    });
    this.#people = people({
      ...{ clock, rng: rng.fork('people'), finalize: spec.wave.finalize },
      send: (migration, command) => this.#send(migration, command),
      lookAt: (migration) => this.#lookAt(migration),
      stopSource: (migration) => this.#stopSource(migration),
      lateBy: (migration) => this.#vms.get(migration)?.lateBy ?? millis(0),
    });
    this.#faults = playFaults({
      ...{ spec, clock, start: worldStart, manager: this.#manager, appliances: this.#appliances },
      ...{ vms: this.#vms, ledger: this.#ledger, sentinels: this.#sentinels },
      send: (migration, command) => this.#manager.send(migration, command, 'operator:ada'),
    });
  }

  #take(stream: StreamId, facts: readonly ProposedFact[]): void {
    try {
      this.#ledger.take(stream, facts);
    } catch (error) {
      this.#crashed(error);
    }
  }

  #claimsOfAll(): ReadonlyMap<MigrationId, Claims> {
    const now = () => this.#clock.now();
    return new Map([...this.#vms].map(([migration, vm]) => [migration, claimsOf(vm, this.#target, now)]));
  }

  #sentinelsWith(rng: Rng, dies: DeathSentence): Sentinels {
    return sentinels({
      ...{ clock: this.#clock, rng, network: this.#appliances.network, memory: this.#memory },
      onCrash: (error) => this.#crashed(error),
      hasRequests: (vm, disk) => this.#isTracked(vm, disk),
      readFails: (vm, at) => (this.#isUnreadable(vm, at) ? 'unrecovered read error' : undefined),
      diesOf: () => dies.appliance?.('sentinel') ?? false,
    });
  }

  #judgedBy(laws: readonly Law[]): Ledger {
    return ledger({
      laws,
      witness: this.#witness,
      onFact: (migration, fact, state) => {
        this.#witness.saw(migration, fact);
        this.#performances.saw(migration, fact);
        const claim = this.#claims.get(migration)?.falseIn(fact);
        if (claim) this.#see(claim.law, migration, claim.why);
        this.#people.look(migration, state);
        this.#faults.happened(migration, fact.type);
        this.#lookForEnd();
      },
      onWave: () => {
        if (this.#ledger.isWaveOver) this.#people.waveIsOver();
        this.#lookForEnd();
      },
    });
  }

  async run(): Promise<BlockOutcome> {
    const { healAt, liveWithin, wave } = this.#spec;
    const clock = this.#clock;
    const finished = new Promise<void>((resolve) => (this.#finish = resolve));
    clock.schedule(after(worldStart, healAt), () => this.#faults.heal());
    clock.schedule(after(worldStart, millis(healAt + liveWithin)), () => this.#finish());
    // People approve the wave a little before its window opens.
    clock.schedule(after(worldStart, millis(Math.max(0, wave.windowStart - minutes(3)))), () => this.#approve());
    // Guests are up before anybody looks into them.
    clock.schedule(after(worldStart, minutes(1)), () => this.#manager.start());
    try {
      await inviteAll(this.#sentinelLog, this.#spec, this.#clock.now());
      await clock.run(finished);
    } catch (error) {
      this.#crashed(error);
    }
    this.#manager.kill();
    const outcome = await this.#outcome();
    this.#memory.end();
    return outcome;
  }

  async #outcome(): Promise<BlockOutcome> {
    const stuck = [...this.#vms.values()].flatMap(({ vm }) =>
      this.#hasEnded(vm.migration) ? [] : [{ vm: vm.spec.name, where: this.#whereIs(vm.migration) }],
    );
    const breaches = [...this.#seen, ...this.#ledger.breaches(stuck.length === 0 && this.#crash === null)];
    const facts: RecordedFact[] = [];
    for await (const fact of this.#log.readAll()) facts.push(fact);
    const ending =
      this.#crash !== null ? 'crashed' : breaches.length > 0 ? 'broken' : stuck.length > 0 ? 'notLive' : 'held';
    return {
      ...{ ending, breaches, stuck, facts },
      crash: this.#crash,
      hash: await logHash(this.#log),
      decisions: this.#trace.decisions,
      exercised: this.#ledger.exercised,
    };
  }

  #whereIs(migration: MigrationId): string {
    const { lifecycle, replication, outcome } = axesOf(this.#ledger.state(migration));
    return [lifecycle, replication, outcome].filter((part) => part !== 'settled').join(' · ');
  }

  /** Who gets no answer asks again. */
  #approve(): void {
    if (this.#ledger.isWaveOver || this.#ledger.wave.snapshot.context.approvedBy !== null) return;
    this.#manager.sendWave({ type: 'ApproveWave', data: { by: 'grace' } }, 'operator:grace');
    this.#clock.schedule(after(this.#clock.now(), minutes(1)), () => this.#approve());
  }

  #restartManager(): void {
    this.#manager.kill();
    this.#clock.schedule(after(this.#clock.now(), managerAway), () => this.#manager.start());
  }

  #hasEnded(migration: MigrationId): boolean {
    const { lifecycle } = axesOf(this.#ledger.state(migration));
    if (lifecycle === 'cancelled' || lifecycle === 'finalized') return true;
    return lifecycle === 'cutOver' && !this.#spec.wave.finalize && this.#ledger.isWaveOver;
  }

  #lookForEnd(): void {
    if (this.#ledger.isWaveOver && [...this.#vms.keys()].every((migration) => this.#hasEnded(migration)))
      this.#clock.schedule(after(this.#clock.now(), minutes(1)), () => this.#finish());
  }

  #crashed(error: unknown): void {
    if (!(error instanceof Error)) throw error;
    this.#crash ??= error instanceof InvariantError ? error.message : `${error.name}: ${error.message}`;
    this.#finish();
  }

  /** Two that must never be connected at once are looked at whenever one of them changes. */
  #lookAround(): void {
    for (const { vm } of this.#vms?.values() ?? []) {
      const why = bothConnected(vm, this.#target);
      if (why !== undefined) this.#see('L4', vm.migration, why);
    }
  }

  /** Takes note of what breaks a law and is in no log, once for each migration. */
  #see(id: LawId, migration: MigrationId, why: string): void {
    const stream = `migration-${migration}` as const;
    if (this.#seen.some((breach) => breach.law === id && breach.stream === stream)) return;
    const slug = allLaws.find((law) => law.id === id)?.slug ?? '';
    this.#seen.push({ law: id, slug, stream, fact: null, at: this.#clock.now(), why });
  }

  #send(migration: MigrationId, command: MigrationCommand): void {
    const vm = this.#vms.get(migration);
    this.#manager.send(migration, command, 'operator:ada');
    if (!vm?.repeats) return;
    vm.repeats = false;
    this.#manager.send(migration, command, 'operator:ada');
  }

  #liveWorld(migration: MigrationId, { process, clock, log, stream }: ManagerPlace): LiveWorld {
    const found = this.#vms.get(migration);
    const plan = this.#plans.get(migration);
    if (!found || !plan) throw new InvariantError(`there is no VM ${migration}`);
    const { vm, calls, target } = found;
    const connector = { owner: migration, clock, call: calls.ofSource(process) };
    const power = vm.source.power(connector);
    const agent = this.#appliances.agent(process, sentinelOf(vm.spec));
    const connect = () =>
      viaOf(vm.spec) === 'sentinel' ? guestSource(agent, power, target.site.policy) : vm.source.hypervisor(connector);
    const world = liveWorld({
      ...{ migration, plan, connect, clock, log, stream },
      path: this.#appliances.path(process),
      place: { type: 'receiver', migration },
      ...(vm.spec.handOver === 'launch' && { launch: { ...target.site, agent, power } }),
    });
    return this.#performances.watched(migration, world);
  }

  /**
   * A person stops it with the tools of its hypervisor. One whose disks alone were handed over is halted: without power QEMU
   * would be gone, and could not be asked to let go of its marks.
   */
  #stopSource(migration: MigrationId): void {
    const { vm } = this.#vms.get(migration) ?? {};
    if (!vm) return;
    if (vm.spec.handOver === 'launch') vm.source.machine.stop(true);
    // Its sentinel is still to let go of its marks.
    else if (viaOf(vm.spec) === 'sentinel') void vm.guest()?.quiesce({ timeout: minutes(2), keep: [] });
    else void vm.source.hypervisor({ owner: 'operator', clock: this.#clock }).pause();
  }

  /** What became of a step whose answer was lost: a person asks the world what the manager asked it, and waits for an answer. */
  async #lookAt(migration: MigrationId): Promise<'done' | 'notDone' | 'cannotTell'> {
    const work = this.#ledger.state(migration).work.find(({ effect }) => isSideEffect(effect.type));
    if (!work) return 'cannotTell';
    const process = this.#manager.process();
    const clock = this.#clock;
    const place: ManagerPlace = { process, clock, log: this.#log, stream: `migration-${migration}` };
    const looking = this.#liveWorld(migration, place).reconcile(work, new AbortController().signal);
    // They ask through the manager: one that dies meanwhile never answers, and they look again.
    const tired = clock.wait(lookingMax).then(() => ({ type: 'cannotTell' }) as const);
    return (await Promise.race([looking, tired])).type;
  }

  #unreadable(locator: DiskLocator, at: number): DeviceError | undefined {
    const isBad = locator.type === 'nbd' && this.#isUnreadable(locator.uri, at);
    if (!isBad) return undefined;
    return { type: 'IoError', at: offset(at), length: bytes(grain), detail: 'unrecovered read error' };
  }

  /** Whether a part of a VM's disks cannot be read, by whatever has its name in it. */
  #isUnreadable(name: string, at: number): boolean {
    return [...this.#vms.values()].some(
      ({ vm, unreadable }) => name.includes(vm.spec.name) && [...unreadable].some((bad) => bad(at)),
    );
  }

  #isTracked(name: string, disk: DiskId): boolean {
    const vm = [...this.#vms.values()].map((each) => each.vm).find(({ spec }) => spec.name === name);
    return vm?.spec.disks[vm.disks.indexOf(disk)]?.tracking ?? true;
  }
}
