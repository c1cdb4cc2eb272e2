import { runDriver } from '#core/driver/run-driver';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import type { EventLog, StreamId } from '#core/event-log/event-log';
import { commandId, diskId, factId, migrationId } from '#core/ids';
import { invariant } from '#core/invariant';
import { breachLines } from '#core/laws/breach-text';
import { entryOf, judgeLog } from '#core/laws/judge';
import type { Entry } from '#core/laws/law';
import { laws } from '#core/laws/laws';
import { axesOf } from '#core/migration/abilities';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan } from '#core/migration/plan';
import { after, bytes, instant, seconds, type Millis } from '#core/units';
import { guestSource } from '#replicator/live/launch/guest-source';
import { liveWorld } from '#replicator/live/live-world';
import { conduct, newsDesk, type SendCommand } from '#scenarios/conduct';
import type { EndingKind, Goal } from '#scenarios/migrate-step';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { samplePlan } from './migration-facts.ts';
import { smallLaunch } from './small-launch.ts';
import type { SmallLaunch } from './small-launch-state.ts';
import { smallPath, smallTarget, type SmallTarget } from './small-path.ts';
import { blockLength, smallSource, type SmallSource, type Step } from './small-source.ts';

/**
 * One migration by the real chart, driver and live world, of a source that fits on a page, in virtual time. Whoever
 * carries it out may die at any step; the guest, its hypervisor, the replicas and the log live on.
 */
export interface SmallMigration {
  readonly clock: SimulatedClock;
  readonly source: SmallSource;
  readonly target: SmallTarget;
  readonly plan: MigrationPlan;
  /** Where it is launched, if its plan hands over a VM that runs. */
  readonly launch: SmallLaunch;
  readonly log: EventLog;
  /** Carries the migration out, or takes it up again, until it ends or `mishap` strikes. */
  live(options?: LifeOptions): Promise<Life>;
  facts(): Promise<readonly MigrationFact[]>;
  /** Whether every replica holds what its source holds. */
  isEqual(): boolean;
}

/** One run of a process that carries it out. */
export interface LifeOptions {
  /** What strikes at the n-th step, counted from 1. */
  readonly mishap?: { readonly at: number; readonly kind: Mishap };
  /** Told of each step, counted from 1, before it is taken: `die` ends the process there. */
  readonly onStep?: (at: number, die: () => void, name: string) => void;
  /** Told of facts once they are in the log, and before whoever appended them hears of it. */
  readonly onAppended?: (facts: readonly MigrationFact[]) => void;
  /** The process is ended after so long: some migrations wait for a person for ever. */
  readonly within?: Millis;
  readonly approve?: (signal: AbortSignal, refused: string | undefined) => Promise<string>;
  readonly onRunning?: (send: SendCommand) => void;
  readonly onFact?: (fact: MigrationFact) => void;
  readonly signal?: AbortSignal;
  readonly outcome?: 'done' | 'notDone';
  readonly goal?: Goal;
}

/** What goes wrong: the process dies, the source restarts, both do at once, or every connection to the source breaks. */
export const mishaps = ['processDies', 'sourceRestarts', 'powerFails', 'sourceIsCut'] as const;
export type Mishap = (typeof mishaps)[number];

/** How a life ended, and how many steps it had. */
export interface Life {
  readonly ending: EndingKind | 'died';
  readonly steps: number;
}

const migration = migrationId('small');
const stream: StreamId = `migration-${migration}`;

/** A migration of a guest that writes a block every 3 ms, unless a test says itself what is written when. */
export function smallMigration(changes: Partial<MigrationPlan> = {}, { writes = true } = {}): SmallMigration {
  const clock = virtualClock({
    start: instant(1_000_000),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
  });
  const sizes = { vda: 4, vdb: 2 };
  const source = smallSource(clock, sizes);
  const target = smallTarget();
  const launch = smallLaunch(clock, source);
  const log = inMemoryEventLog();
  const plan = samplePlan({
    disks: Object.entries(sizes).map(([id, blocks]) => ({ id: diskId(id), size: bytes(blocks * blockLength) })),
    ...{ handOver: 'replica', approval: 'given', onValidationFailure: 'rollBack', downtimeMax: seconds(5) },
    quiesce: { timeout: seconds(300), onRefusal: 'rollBack' },
    ...changes,
  });
  if (writes) keepWriting(source, clock);
  return {
    ...{ clock, source, target, launch, log, plan },
    live: (options = {}) => clock.run(live({ clock, source, target, launch, log, plan }, options)),
    facts: async () => {
      const facts: MigrationFact[] = [];
      for await (const { type, data } of log.readStream(stream)) facts.push({ type, data } as MigrationFact);
      return facts;
    },
    isEqual: () =>
      [...source.disks].every(([id, blocks]) => {
        const replica = target.replicas.get(`small-${id}.raw`)?.blocks ?? [];
        return blocks.every((value, block) => value === (replica[block] ?? 0));
      }),
  };
}

// Every block in turn and some twice, each time with a number that was never there before.
function keepWriting(source: SmallSource, clock: SimulatedClock): void {
  const all = [...source.disks].flatMap(([disk, blocks]) => blocks.map((_, block) => ({ disk, block })));
  let count = 0;
  const writeOne = (): void => {
    count += 1;
    const at = all[(count * 5) % all.length];
    if (at) source.write(at.disk, at.block, count);
    clock.schedule(instant(clock.now() + 3), writeOne);
  };
  writeOne();
}

interface Surroundings {
  readonly clock: SimulatedClock;
  readonly source: SmallSource;
  readonly target: SmallTarget;
  readonly launch: SmallLaunch;
  readonly log: EventLog;
  readonly plan: MigrationPlan;
}

let ids = 0;
const newId = (): string => `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`;

async function live({ clock, source, target, launch, log, plan }: Surroundings, options: LifeOptions): Promise<Life> {
  const fate = fateOf(source, options);
  const end = options.within && clock.schedule(after(clock.now(), options.within), fate.die);
  const site = plan.handOver === 'launch' ? launch.site(fate.step) : undefined;
  const world = liveWorld({
    ...{ migration, stream, clock, plan, log },
    connect: () => (site ? guestSource(site.agent, site.power, site.policy) : source.connect(fate.step)),
    ...(site && { launch: site }),
    path: smallPath(source, target, clock, fate.step),
    place: { type: 'receiver', migration },
    patience: seconds(5),
  });
  const news = newsDesk();
  const running = await runDriver(migrationModel, stream, {
    ...{ world, clock, correlationId: stream },
    newFactId: () => factId(newId()),
    log: mortal(log, fate.step, options.onAppended),
    onFacts: (facts) => {
      for (const { type, data } of facts) options.onFact?.({ type, data } as MigrationFact);
      news.announce();
    },
  });
  const { signal = new AbortController().signal, mishap: _, onFact: __, onStep: ___, ...others } = options;
  const { within: ____, onAppended: _____, ...rest } = others;
  const conducted = conduct({
    ...{ plan, running, news, clock, signal, ...rest },
    newCommandId: () => commandId(newId()),
  });
  const died = fate.died.then(() => 'died' as const);
  const ending = await Promise.race([conducted, died]);
  end?.cancel();
  if (ending !== 'died') {
    await running.stop();
    await world.close();
    const { lifecycle, outcome } = axesOf(running.state());
    // What an operator asks for as a run ends is left to the next one.
    const goesOn = outcome === 'undecidable' || (ending !== 'blocked' && onItsWay.test(lifecycle));
    await holdLaws(log, ending, goesOn);
  }
  return { ending, steps: fate.count() };
}

const onItsWay = /^(testing|cuttingOver|rollingBack|cancelling|finalizing)/;

/** Whatever happens to a migration of a test, its log keeps every law. */
async function holdLaws(log: EventLog, ending: EndingKind, goesOn: boolean): Promise<void> {
  const entries: Entry[] = [];
  for await (const recorded of log.readStream(stream)) entries.push(entryOf(recorded));
  const isOver = !goesOn && ending !== 'interrupted' && ending !== 'logRefused';
  const breaches = judgeLog(laws, entries, { isOver });
  invariant(breaches.length === 0, breachLines(laws, breaches, entries[0]?.at ?? instant(0)).join('\n'));
}

interface Fate {
  readonly step: Step;
  readonly died: Promise<void>;
  die(): void;
  count(): number;
}

function fateOf(source: SmallSource, { mishap, onStep }: Pick<LifeOptions, 'mishap' | 'onStep'>): Fate {
  let count = 0;
  let dead = false;
  let hasDied: () => void = () => undefined;
  const died = new Promise<void>((resolve) => (hasDied = resolve));
  const die = (): void => {
    dead = true;
    hasDied();
  };
  return {
    died,
    die,
    count: () => count,
    step: async (name) => {
      count += 1;
      if (count === mishap?.at) {
        if (mishap.kind === 'sourceIsCut') source.cut();
        // What is off stays off: nobody starts a VM that was powered off.
        if ((mishap.kind === 'sourceRestarts' || mishap.kind === 'powerFails') && source.power !== 'off')
          source.restart();
        if (mishap.kind === 'processDies' || mishap.kind === 'powerFails') die();
      }
      onStep?.(count, die, name);
      // Nothing of a dead process ever goes on.
      if (dead) await new Promise(() => undefined);
    },
  };
}

/** The log as a process that may die sees it: before an append, or after it and before its answer. */
function mortal(log: EventLog, step: Step, onAppended: LifeOptions['onAppended']): EventLog {
  return {
    append: async (to, facts, expected) => {
      await step('append asked');
      const appended = await log.append(to, facts, expected);
      if (appended.ok) onAppended?.(facts.map(({ type, data }) => ({ type, data }) as MigrationFact));
      await step('append done');
      return appended;
    },
    readStream: (from, options) => log.readStream(from, options),
    readAll: (options) => log.readAll(options),
    subscribe: (options) => log.subscribe(options),
    close: () => log.close(),
  };
}
