import type { Clock } from '#core/clock';
import { runDriver } from '#core/driver/run-driver';
import type { EventLog, ProposedFact, StreamId } from '#core/event-log/event-log';
import type { CommandId, FactId, MigrationId } from '#core/ids';
import { invariant } from '#core/invariant';
import { foldMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import type { MigrationPlan } from '#core/migration/plan';
import { ok, type Result } from '#core/result';
import type { Millis } from '#core/units';
import type { LaunchSite } from '#replicator/live/launch/launch-site';
import { liveWorld, type LiveWorld } from '#replicator/live/live-world';
import type { OpenSource, SourceSiteError } from '#replicator/live/open-source';
import { createThrottle } from '#replicator/pipeline/throttle';
import { conduct, newsDesk, type Running, type SendCommand } from './conduct.ts';
import { nextStep, type EndingKind, type Goal } from './migrate-step.ts';
import { summaryOf, type MigrationSummary } from './migrate-summary.ts';
import { migrationIdOf, type MigrationScenario } from './migration-scenario.ts';
import { openGuest, type OpenGuest } from './open-guest-laboratory.ts';
import {
  describePlace,
  openPath,
  openScenarioSource,
  placeOf,
  planFor,
  runFolder,
  samePlan,
  type OpenError,
} from './open-migration.ts';

/** What carrying out a migration needs. */
export interface MigrateOptions {
  readonly scenario: MigrationScenario;
  /** Where the facts are, and go. A migration that is in it is taken up where it stands. */
  readonly log: EventLog;
  readonly clock: Clock;
  readonly newFactId: () => FactId;
  readonly newCommandId: () => CommandId;
  /** Below it is a folder per migration, for what the scenario gives no place of its own. */
  readonly dataDirectory: string;
  /** Aborting it stops the run, not the migration: run it again to go on. A cutover under way is rolled back first. */
  readonly signal?: AbortSignal;
  /** Told after each batch of facts is durable, in order. */
  readonly onFacts?: (facts: readonly ProposedFact<MigrationFact>[]) => void;
  /**
   * Asked once the replica is close enough and the plan wants somebody's approval: resolves with who approves. Without it
   * the migration waits, and keeps the replica fresh, until somebody sends `ApproveCutover`. `refused` says why the answer
   * before was none.
   */
  readonly approve?: (signal: AbortSignal, refused: string | undefined) => Promise<string>;
  /** Given a way to send further commands while it runs. */
  readonly onRunning?: (send: SendCommand, running: Pick<Running, 'command'>) => void;
  /** What became of something whose answer was lost, by a person who looked. */
  readonly outcome?: 'done' | 'notDone';
  /** What the run is for; to cut over if not given. */
  readonly goal?: Goal;
  /** The sentinel's agent as one file, for guests that get one. */
  readonly agent?: string;
  /** Makes the laboratory's hypervisor refuse to power its guest off, with a sentence: for showing what happens then. */
  readonly refusesPowerOff?: () => string | undefined;
  /** Told what is being prepared before there are facts. */
  readonly onStep?: (step: string) => void;
  /** Changes what a Debian guest is launched with: for showing what happens when a part of it fails. */
  readonly changeSite?: (site: LaunchSite) => LaunchSite;
  /** The laboratory's guest runs on when the run is over: the next run goes on with a delta. */
  readonly keepsGuest?: boolean;
  /** Given the laboratory of a Debian guest while it runs. */
  readonly onGuest?: (guest: OpenGuest) => void;
  /** How long an endpoint out of reach is waited for before a person is asked what became of it. */
  readonly patience?: Millis;
}

/** The stream of a scenario's migration. */
export const streamOf = (migration: MigrationId): StreamId => `migration-${migration}`;

/**
 * Carries out one migration, or takes it up where an earlier run left it, until it is cut over or needs a person. It
 * starts nothing but what the scenario's `laboratory` section names, and stops what it started.
 */
export async function migrate(options: MigrateOptions): Promise<Result<MigrationSummary, OpenError>> {
  const { scenario, log, clock } = options;
  const migration = migrationIdOf(scenario);
  const stream = streamOf(migration);
  const folder = runFolder(options.dataDirectory, migration);
  const place = placeOf(scenario, migration, folder);
  const state = await stateIn(log, stream);
  const over = state.snapshot.context.plan && nextStep(state, state.snapshot.context.plan, new Set(), options.goal);
  // What has ended needs no source: nothing is started for it.
  if (over?.type === 'end' && isOver(over.kind)) return ok(await summaryOf(log, stream, over.kind, place));
  const signal = options.signal ?? new AbortController().signal;
  const isGuest = scenario.laboratory?.guest === 'debian';
  const guest = isGuest ? await openGuestSource({ ...options, signal }, folder, state) : undefined;
  const source =
    guest ?? (await openScenarioSource(scenario, migration, { folder, isResumed: state.count > 0, signal }));
  if (!source.ok) return signal.aborted ? ok(await summaryOf(log, stream, 'interrupted', place)) : source;
  const opened = guest?.ok ? guest.value : undefined;
  if (opened) options.onGuest?.(opened);
  try {
    const plan = await planOf(scenario, state, source.value, describePlace(scenario, place));
    if (!plan.ok) return plan;
    const { bandwidthMax } = scenario;
    const world = liveWorld({
      ...{ migration, log, stream, clock, place },
      plan: plan.value,
      connect: source.value.connect,
      path: opened?.path ?? openPath(scenario, clock),
      ...(opened && plan.value.handOver === 'launch' && { launch: opened.site }),
      otherDisks: scenario.disks === 'all' ? 'refuse' : 'ignore',
      ...(options.patience !== undefined && { patience: options.patience }),
      ...(bandwidthMax !== undefined && { throttle: createThrottle(bandwidthMax) }),
    });
    const kind = await carryOut({ ...options, signal }, stream, plan.value, world);
    return ok(await summaryOf(log, stream, kind, place));
  } finally {
    await source.value.close();
  }
}

/** Opens the laboratory whose guest is a Debian server with a sentinel in it. */
function openGuestSource(
  options: MigrateOptions & { readonly signal: AbortSignal },
  folder: string,
  state: MigrationState,
): Promise<Result<OpenGuest, SourceSiteError>> {
  const { scenario, clock, agent, keepsGuest = false, signal, changeSite, refusesPowerOff, onStep } = options;
  invariant(agent !== undefined, 'who migrates a guest from inside names the agent it gets');
  return openGuest(scenario, {
    ...{ folder, agent, clock, state, keepsGuest, signal },
    ...(changeSite && { changeSite }),
    ...(refusesPowerOff && { refusesPowerOff }),
    ...(onStep && { onStep }),
  });
}

const isOver = (kind: EndingKind): boolean => kind === 'cutOver' || kind === 'cancelled' || kind === 'finalized';

async function stateIn(log: EventLog, stream: StreamId): Promise<MigrationState> {
  const facts: Parameters<typeof foldMigration>[0] extends Iterable<infer One> ? One[] : never = [];
  for await (const { type, data, metadata } of log.readStream(stream))
    facts.push({ fact: { type, data } as MigrationFact, place: { stream, time: metadata.time } });
  return foldMigration(facts);
}

async function planOf(
  scenario: MigrationScenario,
  state: MigrationState,
  source: OpenSource,
  target: string,
): Promise<Result<MigrationPlan, OpenError>> {
  const drafted = state.snapshot.context.plan;
  if (!drafted) return planFor(scenario, source, target);
  const same = samePlan(scenario, drafted, { source: source.description, target });
  return same.ok ? ok(drafted) : same;
}

async function carryOut(
  options: MigrateOptions & { readonly signal: AbortSignal },
  stream: StreamId,
  plan: MigrationPlan,
  world: LiveWorld,
): Promise<EndingKind> {
  const { log, clock, newFactId, signal } = options;
  const news = newsDesk();
  const running: Running = await runDriver(migrationModel, stream, {
    ...{ log, world, clock, newFactId },
    correlationId: stream,
    onFacts: (facts) => {
      options.onFacts?.(facts);
      news.announce();
    },
  });
  signal.addEventListener('abort', news.announce, { once: true });
  try {
    return await conduct({ ...options, plan, running, news });
  } finally {
    signal.removeEventListener('abort', news.announce);
    await running.stop();
    await world.close();
  }
}
