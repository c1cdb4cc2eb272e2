import { runDriver, type RunningDriver } from '#core/driver/run-driver';
import { promised } from '#core/driver/stepped-world';
import type { World } from '#core/driver/world';
import type { EventLog, ProposedFact, StreamId } from '#core/event-log/event-log';
import { commandId, factId, type MigrationId, type WaveId } from '#core/ids';
import { invariant } from '#core/invariant';
import type { MigrationCommand } from '#core/migration/commands';
import type { Effect } from '#core/migration/effects';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import type { Rng } from '#core/rng';
import { axesOf } from '#core/migration/abilities';
import type { WaveCommand, WaveRejection } from '#core/wave/commands';
import { conductor } from '#core/wave/conductor';
import { waveStateName } from '#core/wave/decide';
import type { WaveState } from '#core/wave/evolve';
import { waveModel } from '#core/wave/model';
import type { WavePlan } from '#core/wave/plan';
import { runningMembers, type RunningMembers } from '#core/wave/running-members';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { boundClock, boundLog, type BoundLogOptions } from './bound.ts';
import { simulatedProcess, type SimulatedProcess } from '#simulator/block/process';

/** What a manager is made of, as often as it has to be. */
export interface ManagerOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  /** The log itself, which outlives every manager. */
  readonly log: EventLog;
  readonly wave: { readonly id: WaveId; readonly plan: WavePlan };
  readonly plans: ReadonlyMap<MigrationId, MigrationPlan>;
  /** Where the wave stands by the log itself: a driver that has just been started knows as much. */
  readonly waveState: () => WaveState;
  /** The live world of one migration, in this process. */
  readonly world: (migration: MigrationId, place: ManagerPlace) => World<MigrationFact, Effect>;
  readonly onAppend?: BoundLogOptions['onAppend'];
  readonly onFacts: (stream: StreamId, facts: readonly ProposedFact[]) => void;
  /** Our own code found itself to be wrong. */
  readonly onCrash: (error: unknown) => void;
}

/** What the parts of a manager share. */
export interface ManagerPlace {
  readonly process: SimulatedProcess;
  readonly clock: ReturnType<typeof boundClock>;
  readonly log: EventLog;
  readonly stream: StreamId;
}

/** The process that holds the drivers of a wave and of its members. It may die, and is started again from the log. */
export interface Manager {
  start(): void;
  kill(): void;
  /** The process that runs, or ran last. */
  process(): SimulatedProcess;
  /** Asks for something, as a person at the dashboard does: now, or once there is a manager again. */
  send(migration: MigrationId, command: MigrationCommand, actor: string): void;
  sendWave(command: WaveCommand, actor: string): void;
}

interface Life {
  readonly process: SimulatedProcess;
  readonly members: RunningMembers;
  wave: RunningDriver<WaveState, WaveCommand, WaveRejection> | undefined;
}

/** A manager that does not run yet. */
export function blockManager(options: ManagerOptions): Manager {
  const { rng, plans, wave, onCrash } = options;
  const ids = rng.fork('ids');
  let lives = 0;
  let life: Life | undefined;
  let last = simulatedProcess('manager 0');
  let isReady = false;
  let waiting: ((now: Life) => void)[] = [];
  const whenUp = (act: (now: Life) => void): void => {
    if (life && isReady) act(life);
    else waiting.push(act);
  };
  const watched = (work: Promise<unknown>): void => void work.catch(onCrash);

  const begin = async (now: Life): Promise<void> => {
    for (const [migration, plan] of plans) {
      const driver = await now.members.start(migration);
      watched(driver.ended);
      if (axesOf(driver.state()).lifecycle === 'undrafted')
        await now.members.send(migration, { type: 'DraftMigration', data: { plan } }, 'operator:ada');
    }
    const started = await startWave(options, now, lives);
    now.wave = started;
    watched(started.ended);
    await draftWave(options, started, () => commandId(ids.uuid()), wave.plan);
    isReady = true;
    const acts = waiting;
    waiting = [];
    for (const act of acts) act(now);
  };

  return {
    start() {
      if (life) return;
      lives += 1;
      const process = simulatedProcess(`manager ${lives}`);
      last = process;
      life = { process, members: membersOf(options, process, lives), wave: undefined };
      watched(begin(life));
    },
    kill() {
      life?.process.kill();
      life = undefined;
      isReady = false;
    },
    process: () => last,
    send: (migration, command, actor) => whenUp((now) => watched(now.members.send(migration, command, actor))),
    sendWave: (command, actor) =>
      whenUp((now) => {
        const id = commandId(ids.uuid());
        if (now.wave) watched(now.wave.command({ id, actor, at: options.clock.now(), command }));
      }),
  };
}

function logOf({ log, clock, rng, onAppend, onFacts }: ManagerOptions, process: SimulatedProcess): EventLog {
  return boundLog(log, {
    clock,
    rng: rng.fork(`log of ${process.name}`),
    process,
    onFacts,
    ...(onAppend && { onAppend }),
  });
}

function membersOf(options: ManagerOptions, process: SimulatedProcess, lives: number): RunningMembers {
  const { clock, rng, wave } = options;
  const names = rng.fork(`names ${lives}`);
  const log = logOf(options, process);
  const own = boundClock(clock, process);
  return runningMembers({
    ...{ log, clock: own, correlationId: wave.id },
    world: (migration, stream) => options.world(migration, { process, clock: own, log, stream }),
    newFactId: () => factId(names.uuid()),
    newCommandId: () => commandId(names.uuid()),
    soon: soonIn(clock, process),
  });
}

const soonIn =
  (clock: SimulatedClock, process: SimulatedProcess) =>
  (act: () => void): void =>
    void clock.schedule(clock.now(), () => {
      if (process.isAlive()) act();
    });

function startWave(options: ManagerOptions, now: Life, lives: number): Promise<NonNullable<Life['wave']>> {
  const { clock, rng, wave } = options;
  const names = rng.fork(`wave names ${lives}`);
  const world = conductor(() => now.wave?.state() ?? options.waveState(), now.members);
  return runDriver(waveModel, `wave-${wave.id}`, {
    ...{ log: logOf(options, now.process), clock: boundClock(clock, now.process), correlationId: wave.id },
    world: promised(world),
    newFactId: () => factId(names.uuid()),
    onFacts: () => undefined,
  });
}

/** Drafts and starts the wave, as far as an earlier manager has not. */
async function draftWave(
  { clock }: ManagerOptions,
  driver: NonNullable<Life['wave']>,
  id: () => ReturnType<typeof commandId>,
  plan: WavePlan,
): Promise<void> {
  const send = async (command: WaveCommand): Promise<void> => {
    const sent = await driver.command({ id: id(), actor: 'operator:ada', at: clock.now(), command });
    invariant(sent.ok, `the wave of this world cannot be drafted: ${sent.ok ? '' : JSON.stringify(sent.error)}`);
  };
  if (waveStateName(driver.state()) === 'undrafted') await send({ type: 'DraftWave', data: { plan } });
  if (waveStateName(driver.state()) === 'draft') await send({ type: 'StartWave', data: {} });
}
