import type { Clock } from '#core/clock';
import type { Finding, World } from '#core/driver/world';
import type { EventLog, StreamId } from '#core/event-log/event-log';
import type { MigrationId } from '#core/ids';
import { invariant, InvariantError } from '#core/invariant';
import type { Effect, EffectParams, EffectType, SideEffectType } from '#core/migration/effects';
import { isSideEffect } from '#core/migration/effects';
import type { MigrationFact, Reason } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import type { SourceHypervisor } from '#core/ports/source-hypervisor';
import { err, ok } from '#core/result';
import { seconds, type Millis } from '#core/units';
import type { ReplicationPath } from '#replicator/pipeline/replication';
import type { Throttle } from '#replicator/pipeline/throttle';
import { fenceSource, quiesceSource, runFinalSync, validateTarget, wasFenced, wasQuiesced } from './cutover-effects.ts';
import type { OtherDisks } from './disk-differences.ts';
import { releaseAgain, releaseSource, retireSource, rollBack, wasRolledBack } from './giving-back.ts';
import type { LaunchSite } from '#replicator/live/launch/launch-site';
import { launchPerformers, launchReconcilers } from '#replicator/live/launch/launch-world';
import { oneAtATime } from '#replicator/one-at-a-time';
import { memoryOf } from './memory.ts';
import { came, type Parts, type Perform, type Reconcile } from './parts.ts';
import { lostAnswers, persist } from './patience.ts';
import type { ReplicaPlace } from './target-place.ts';
import { initiateReplication, runDeltaSync, runFullSync, runRescan, wasInitiated } from './replication-effects.ts';
import { sourceConnection } from './source-connection.ts';
import { verifySource } from './verification.ts';

/** What the live world of one migration is made of. */
export interface LiveWorldOptions {
  readonly migration: MigrationId;
  readonly plan: MigrationPlan;
  /** Makes a connection to the source's hypervisor. Called again after one was lost. */
  readonly connect: () => SourceHypervisor;
  readonly path: ReplicationPath;
  readonly place: ReplicaPlace;
  readonly clock: Clock;
  /** The migration's own log: the world's only memory. */
  readonly log: Pick<EventLog, 'readStream'>;
  readonly stream: StreamId;
  /** What to think of disks that the plan does not name. */
  readonly otherDisks?: OtherDisks;
  /** Upper bound of what is read from the source while it runs. The final sync is not held to it. */
  readonly throttle?: Throttle;
  /** How long an endpoint out of reach is waited for where the chart does not try again itself. */
  readonly patience?: Millis;
  /** What there is to launch with; without it verified replicas are the result. */
  readonly launch?: LaunchSite;
}

/** A live world, and a way to let go of what it is connected to. */
export interface LiveWorld extends World<MigrationFact, Effect> {
  /** Lets go of the source and of the path. Changes nothing at either. */
  close(): Promise<void>;
}

// A hypervisor that restarts its management is back within a minute; after that a person is told.
const patienceDefault = seconds(60);

/**
 * Performs the effects of one migration on a real source: up to a verified replica (`handOver: replica`), or with a site
 * to launch at, up to a target that runs. Without one, fix-up, launch and test launch are refused as a fact with a reason.
 */
export function liveWorld(options: LiveWorldOptions): LiveWorld {
  const { migration, plan, connect, path, place, clock, log, stream, otherDisks = 'refuse', throttle } = options;
  const parts: Parts = {
    ...{ migration, plan, path, place, clock, otherDisks, throttle },
    source: sourceConnection(connect, clock),
    replicas: oneAtATime(),
    memory: memoryOf(log, stream),
    patience: options.patience ?? patienceDefault,
  };
  const performs = { ...performers, ...(options.launch && launchPerformers(options.launch)) };
  const reconciles = { ...reconcilers, ...(options.launch && launchReconcilers(options.launch)) };
  const lost = lostAnswers(clock);
  return {
    perform: async ({ effect, key }, report, signal) => {
      const perform = performs[effect.type] as Perform<EffectType>;
      await lost.pause(key, signal);
      const outcome = await perform(parts, { params: effect.params as EffectParams<EffectType>, report, signal });
      if (outcome.type === 'unknown') lost.note(key);
      return outcome;
    },
    reconcile: async ({ effect }, signal) => {
      invariant(isSideEffect(effect.type), `${effect.type} is simply done again`);
      return settledFinding(parts, reconciles[effect.type], signal);
    },
    close: async () => {
      await path.close();
      await parts.source.close();
      const { agent, power, target } = options.launch ?? {};
      await agent?.close();
      await power?.close();
      await target?.close();
    },
  };
}

const performers: { readonly [T in EffectType]: Perform<T> } = {
  verifySource,
  initiateReplication,
  runFullSync,
  runDeltaSync,
  runRescan,
  launchTest: async () => came({ type: 'TestLaunchFailed', data: { reason: notYet('a test launch') } }),
  // A launch that is refused leaves nothing behind.
  cleanUpTest: async () => came({ type: 'TestCleanedUp', data: {} }),
  quiesceSource,
  runFinalSync,
  fenceSource,
  fixUpReplica: async () => came({ type: 'FixUpFailed', data: { reason: notYet('fix-up') } }),
  launchTarget: async () => came({ type: 'LaunchFailed', data: { reason: notYet('launch') } }),
  connectTarget: async () => came({ type: 'ConnectionFailed', data: { reason: notYet('connecting a target') } }),
  validateTarget,
  rollBack,
  releaseSource,
  retireSource,
  armTimer: () => {
    throw new InvariantError('a timer is the driver’s own work, not the world’s');
  },
};

const notYet = (what: string): Reason => ({
  type: 'NotSupported',
  detail: `${what} is not available for a plan that hands over a replica: the verified disks are the result`,
});

const notDone: Reconcile = async () => ({ type: 'notDone' });

const reconcilers: { readonly [T in SideEffectType]: Reconcile } = {
  initiateReplication: wasInitiated,
  launchTest: notDone,
  cleanUpTest: notDone,
  quiesceSource: wasQuiesced,
  fenceSource: wasFenced,
  fixUpReplica: notDone,
  launchTarget: notDone,
  connectTarget: notDone,
  rollBack: wasRolledBack,
  releaseSource: releaseAgain,
  retireSource: releaseAgain,
};

/** Asks until the world can tell, or patience is over. */
async function settledFinding(parts: Parts, ask: Reconcile, signal: AbortSignal): Promise<Finding<MigrationFact>> {
  const { clock, patience } = parts;
  const found = await persist({ clock, within: patience, mayHelp: () => true, signal }, async () => {
    const finding = await ask(parts, signal);
    return finding.type === 'cannotTell' ? err(finding) : ok(finding);
  });
  return found.ok ? found.value : found.error;
}
