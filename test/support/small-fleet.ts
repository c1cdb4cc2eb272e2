import { inMemoryEventLog } from '#core/event-log/in-memory';
import { position, type EventLog, type RecordedFact, type StreamId } from '#core/event-log/event-log';
import { runDriver, type DriverSurroundings, type RunningDriver } from '#core/driver/run-driver';
import { commandId, diskId, factId, migrationId, waveId, type MigrationId, type WaveId } from '#core/ids';
import type { MigrationCommand, Rejection } from '#core/migration/commands';
import type { Effect } from '#core/migration/effects';
import type { MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan, SourcePlatform } from '#core/migration/plan';
import { err, type Result } from '#core/result';
import type { Rng } from '#core/rng';
import { after, bytes, GiB, instant, minutes, seconds, type Instant } from '#core/units';
import type { WaveCommand, WaveRejection } from '#core/wave/commands';
import { conductor, type WaveMembers } from '#core/wave/conductor';
import { promised } from '#core/driver/stepped-world';
import { memberWatches } from '#core/wave/member-watch';
import type { WaveState } from '#core/wave/evolve';
import { waveModel } from '#core/wave/model';
import type { WavePlan } from '#core/wave/plan';
import { seededRng } from '#simulator/kernel/seeded-rng';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import type { CommandPort } from '#web/ports';
import { fleetWorld, type Temper } from './fleet-world.ts';

/** Which fleet to move. */
export interface SmallFleetOptions {
  readonly seed?: number;
  /** One VM per entry, named `vm-01` and so on, or `names`. */
  readonly tempers: readonly Temper[];
  readonly names?: readonly string[];
  /** VMs per wave; 0: no wave, and nothing moves until it is commanded. */
  readonly waveSize?: number;
  readonly start?: Instant;
  readonly log?: EventLog;
}

/**
 * A fleet moved by the real charts, driver and planner in a small made-up world, in virtual time: facts for whoever shows
 * facts. Same options, same log.
 */
export interface SmallFleet {
  readonly log: EventLog;
  readonly clock: SimulatedClock;
  readonly commands: CommandPort;
  readonly start: Instant;
  /** Lets virtual time go on. */
  advance(minutes: number): Promise<void>;
  migration(id: string): MigrationState | undefined;
  stop(): Promise<void>;
}

type MigrationDriver = RunningDriver<MigrationState, MigrationCommand, Rejection>;
type WaveDriver = RunningDriver<WaveState, WaveCommand, WaveRejection>;

const startDefault = instant(Date.parse('2026-03-07T20:00:00Z'));
const platforms: readonly SourcePlatform[] = ['kvm', 'hyperv', 'ahv'];

/** Drafts the fleet and its waves; time has not moved yet. */
export async function smallFleet(options: SmallFleetOptions): Promise<SmallFleet> {
  const { seed = 1, tempers, waveSize = tempers.length, start = startDefault } = options;
  const rng = seededRng(seed);
  const log = options.log ?? inMemoryEventLog();
  // Tests of the web have their server on this thread.
  const clock = virtualClock({ start, isShared: true, turn: () => new Promise((resolve) => setImmediate(resolve)) });
  const fleet = new Fleet(log, clock, rng);
  const ids = tempers.map((_, n) => options.names?.[n] ?? `vm-${String(n + 1).padStart(2, '0')}`);
  for (const [n, temper] of tempers.entries())
    await fleet.draft(ids[n] ?? '', temper, platforms[n % platforms.length] ?? 'kvm');
  for (let first = 0; waveSize > 0 && first < ids.length; first += waveSize)
    await fleet.draftWave(
      `${1 + first / waveSize}`,
      wavePlan(ids.slice(first, first + waveSize), start, first / waveSize),
    );
  return {
    log,
    clock,
    commands: fleet,
    start,
    advance: (n) =>
      clock.run(new Promise<void>((resolve) => void clock.schedule(after(clock.now(), minutes(n)), () => resolve()))),
    migration: (id) => fleet.migrations.get(migrationId(id))?.state(),
    stop: () => fleet.stop(),
  };
}

function wavePlan(ids: readonly string[], start: Instant, n: number): WavePlan {
  const opens = after(start, minutes(90 + 60 * n));
  return {
    name: `Wave ${n + 1}`,
    members: ids.map((id, at) => ({
      migration: migrationId(id),
      after: at > 0 && at % 5 === 0 ? [migrationId(ids[at - 1] ?? '')] : [],
    })),
    window: { opens, closes: after(opens, minutes(60)) },
    limits: { replicating: 4, cuttingOver: 2 },
    onWindowClose: 'rollBack',
    requester: 'maria',
  };
}

class Fleet implements CommandPort {
  readonly migrations = new Map<MigrationId, MigrationDriver>();
  readonly waves = new Map<WaveId, WaveDriver>();
  readonly #log: EventLog;
  readonly #clock: SimulatedClock;
  readonly #rng: Rng;
  readonly #watches = memberWatches();

  constructor(log: EventLog, clock: SimulatedClock, rng: Rng) {
    this.#log = log;
    this.#clock = clock;
    this.#rng = rng;
  }

  async draft(name: string, temper: Temper, platform: SourcePlatform): Promise<void> {
    const id = migrationId(name);
    const stream: StreamId = `migration-${id}`;
    const plan = planOf(name, temper, platform, this.#rng.fork(`plan ${name}`));
    const disks = plan.disks.map((disk) => disk.id);
    const world = fleetWorld({ temper, clock: this.#clock, rng: this.#rng.fork(name), disks });
    const driver = await runDriver(migrationModel, stream, {
      world,
      ...this.#surroundings<MigrationFact, Effect>(stream),
    });
    this.migrations.set(id, driver);
    await this.#order(driver, { type: 'DraftMigration', data: { plan } });
  }

  async draftWave(name: string, plan: WavePlan): Promise<void> {
    const id = waveId(name);
    const members: WaveMembers = {
      state: (member) => this.migrations.get(member)?.state(),
      command: (member, command, answered) => {
        const driver = this.migrations.get(member);
        if (driver) void this.#order(driver, command, 'planner').then(answered);
        else answered();
      },
      watch: (onNews) => this.#watches.watch(onNews),
      soon: queueMicrotask,
    };
    const stream: StreamId = `wave-${id}`;
    const driver: WaveDriver = await runDriver(waveModel, stream, {
      world: promised(conductor(() => driver.state(), members)),
      ...this.#surroundings(stream),
    });
    this.waves.set(id, driver);
    await this.#order(driver, { type: 'DraftWave', data: { plan } });
    await this.#order(driver, { type: 'StartWave', data: {} });
    await this.#order(driver, { type: 'ApproveWave', data: { by: 'ines' } });
  }

  migration: CommandPort['migration'] = async (id, { id: command, actor, command: wanted }) => {
    const driver = this.migrations.get(id);
    if (!driver) return err({ type: 'NotDriven', stream: `migration-${id}` });
    return driver.command({ id: command, actor, at: this.#clock.now(), command: wanted });
  };

  wave: CommandPort['wave'] = async (id, { id: command, actor, command: wanted }) => {
    const driver = this.waves.get(id);
    if (!driver) return err({ type: 'NotDriven', stream: `wave-${id}` });
    return driver.command({ id: command, actor, at: this.#clock.now(), command: wanted });
  };

  async stop(): Promise<void> {
    await Promise.all([...this.migrations.values(), ...this.waves.values()].map((driver) => driver.stop()));
  }

  #order<S, C, R>(
    driver: RunningDriver<S, C, R>,
    command: C,
    actor = 'operator:maria',
  ): Promise<Result<void, unknown>> {
    return driver.command({ id: commandId(this.#rng.uuid()), actor, at: this.#clock.now(), command });
  }

  #surroundings<F extends MigrationFact | Parameters<typeof waveModel.evolve>[1], E>(
    correlationId: string,
  ): Omit<DriverSurroundings<F, E>, 'world'> {
    const facts = this.#rng.fork(`facts of ${correlationId}`);
    return {
      log: this.#log,
      clock: this.#clock,
      newFactId: () => factId(facts.uuid()),
      correlationId,
      onFacts: () => {
        const [kind, ...name] = correlationId.split('-');
        this.#watches.tell(kind === 'migration' ? migrationId(name.join('-')) : undefined);
      },
    };
  }
}

function planOf(name: string, temper: Temper, platform: SourcePlatform, rng: Rng): MigrationPlan {
  const disks = rng.between(1, 3);
  return {
    vm: { name, platform, guest: rng.between(0, 2) === 0 ? 'windows' : 'linux' },
    disks: Array.from({ length: disks }, (_, n) => ({
      id: diskId(n === 0 ? 'vda' : `vd${'bcd'[n - 1]}`),
      size: bytes(rng.between(8, n === 0 ? 60 : 200) * GiB),
    })),
    source: `${platform}://host-${rng.between(1, 4)}.site-a/${name}`,
    target: `vsphere://vcenter.site-b/prod/${name}`,
    downtimeMax: temper === 'approvalNeeded' ? seconds(30) : seconds(60),
    roundsMax: 5,
    refreshEvery: minutes(5),
    approval: temper === 'approvalNeeded' ? 'requiredByAnother' : 'given',
    testLaunch: temper === 'tested' ? 'required' : 'optional',
    handOver: 'launch',
    quiesce: { timeout: minutes(5), onRefusal: temper === 'refuses' ? 'rollBack' : 'force' },
    onValidationFailure: temper === 'undecided' ? 'ask' : 'rollBack',
    // Whoever approves the wave asked for this one: it waits for someone else.
    requester: temper === 'approvalNeeded' ? 'ines' : 'maria',
  };
}

/** A fleet in which everything that can happen to a VM happens to one of them. */
export const everyTemper: readonly Temper[] = [
  'plain',
  'busy',
  'stalls',
  'blocked',
  'loses',
  'plain',
  'refuses',
  'undecided',
  'unknown',
  'disconnects',
  'tested',
  'approvalNeeded',
];

/**
 * The same fleet over and over again, under other names, in the order of time: a long log in a short while. Copy `n` has
 * `-n` behind the names of its VMs and waves.
 */
export async function multiplied(log: EventLog, times: number): Promise<readonly RecordedFact[]> {
  const facts: RecordedFact[] = [];
  for await (const fact of log.readAll()) facts.push({ ...fact, metadata: { ...fact.metadata } });
  const copies = facts.flatMap((fact) => Array.from({ length: times }, (_, n) => (n === 0 ? fact : renamed(fact, n))));
  return copies.map((fact, n) => ({ ...fact, position: position(n + 1) }));
}

function renamed(fact: RecordedFact, n: number): RecordedFact {
  const stream: StreamId = `${fact.stream as StreamId}-${n}`;
  // Names of migrations stand in streams, in plans and in what a wave came to.
  const data = JSON.parse(
    JSON.stringify(fact.data, (key, value: unknown) =>
      key === 'migration' || (key === 'name' && typeof value === 'string')
        ? `${String(value)}-${n}`
        : key === 'after' && Array.isArray(value)
          ? value.map((id) => `${id}-${n}`)
          : value,
    ),
  ) as object;
  return { ...fact, id: factId(`${fact.id}-${n}`), stream, data };
}
