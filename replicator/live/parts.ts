import type { Clock } from '#core/clock';
import type { Finding, Outcome, Report } from '#core/driver/world';
import type { DiskId, MigrationId } from '#core/ids';
import type { EffectParams, EffectType } from '#core/migration/effects';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import type { Millis } from '#core/units';
import type { ReplicationJob, ReplicationPath } from '#replicator/pipeline/replication';
import type { Throttle } from '#replicator/pipeline/throttle';
import type { OneAtATime } from '#replicator/one-at-a-time';
import type { OtherDisks } from './disk-differences.ts';
import type { Memory } from './memory.ts';
import { targetOf, type ReplicaPlace } from './target-place.ts';
import type { SourceConnection } from './source-connection.ts';

/** What every step of the live world works with. */
export interface Parts {
  readonly migration: MigrationId;
  readonly plan: MigrationPlan;
  readonly source: SourceConnection;
  readonly path: ReplicationPath;
  readonly place: ReplicaPlace;
  readonly otherDisks: OtherDisks;
  readonly clock: Clock;
  readonly memory: () => Promise<Memory>;
  readonly throttle: Throttle | undefined;
  /** Whoever writes to the replicas, or copies them. */
  readonly replicas: OneAtATime;
  /** How long an endpoint that is out of reach is waited for where the chart has no retry of its own. */
  readonly patience: Millis;
}

/** Performs one kind of effect. */
export type Perform<T extends EffectType> = (parts: Parts, order: Order<T>) => Promise<Outcome<MigrationFact>>;
/** Finds out whether one kind of effect was done. */
export type Reconcile = (parts: Parts, signal: AbortSignal) => Promise<Finding<MigrationFact>>;

/** One effect to perform. */
export interface Order<T extends EffectType> {
  readonly params: EffectParams<T>;
  readonly report: Report<MigrationFact>;
  readonly signal: AbortSignal;
}

/** The name of an effect's fact or facts, as an outcome. */
export const came = (...facts: readonly MigrationFact[]): Outcome<MigrationFact> => ({ type: 'facts', facts });

/** A mark of this migration. Nobody else's carry its name. */
export const markOf = ({ migration }: Parts, number: number): ChangeMark => ({ owner: migration, number });

/** Where one disk's replica is, and whose it is. */
export const replicaOf = (
  { migration, place }: Parts,
  memory: Memory,
  disk: DiskId,
): Pick<ReplicationJob, 'session' | 'disk' | 'target'> => ({
  // The log's own first fact is in the name: an earlier migration of the same name left a replica that this log knows
  // nothing of, and its rounds must not be taken for ours.
  session: `${migration}.${memory.firstFact.slice(0, 8)}`,
  disk,
  target: targetOf(place, disk),
});
