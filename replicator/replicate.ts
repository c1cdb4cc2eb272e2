import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { xxh64 } from '@node-rs/xxhash';
import type { Clock } from '#core/clock';
import { extentEnd, type Extent } from '#core/disk/extent';
import { diskId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { round } from '#core/units';
import { locatorOf, nameOfDisk } from '#replicator/disk/open-disk';
import type { NbdConnectOptions } from '#replicator/nbd/client';
import { directPath } from '#replicator/pipeline/direct-path';
import {
  describeReplicationError,
  type ReplicaProgress,
  type ReplicationError,
  type ReplicationJob,
  type ReplicationPath,
  type RoundReport,
  type RunOptions,
} from '#replicator/pipeline/replication';

/** One disk to replicate, as a person says it. */
export interface ReplicateOptions extends RunOptions {
  /** `nbd://`, `nbds://`, `nbd+unix://`, or a file. */
  readonly source: string;
  /** A file, or an NBD URI; with `gateway`, a name below the directory of the receiver. */
  readonly target: string;
  /** Lose whatever is at the target, and start from nothing. */
  readonly overwrite?: boolean;
  /** Read both disks again afterwards and compare them. */
  readonly verify?: boolean;
  /** Through a gateway and its receiver instead of within this process. The gateway opens the source. */
  readonly gateway?: { readonly address: string; readonly certificates: string };
  /** Where journals of NBD targets are kept, which have no place beside them. */
  readonly state?: string;
  readonly nbd?: Pick<NbdConnectOptions, 'connections' | 'tls'>;
  readonly clock?: Clock;
}

/** What replicating came to. */
export interface ReplicateReport {
  /** `copied` from nothing, `resumed` where an earlier run stopped, or `updated` by digest what was complete before. */
  readonly how: 'copied' | 'resumed' | 'updated';
  readonly rounds: readonly RoundReport[];
  /** The Merkle root of the target. */
  readonly root: string;
  readonly verified: boolean;
}

/** Why replicating did not succeed. */
export type ReplicateError =
  | ReplicationError
  /** Verification found a difference: the source was written to meanwhile, or the target was. */
  | { readonly type: 'Different'; readonly at: Extent }
  | { readonly type: 'NothingNamed'; readonly what: 'source' | 'target' };

/** The one disk of a replica that has no VM. */
const disk = diskId('disk');

/**
 * Replicates one disk: from nothing, from where an earlier run was stopped, or by digest onto what an earlier run
 * completed. What is at the target is only touched if an earlier run from the same source made it, or with `overwrite`.
 *
 * A source that is written to meanwhile gives a target that is no moment of it; `verify` notices.
 */
export async function replicate(options: ReplicateOptions): Promise<Result<ReplicateReport, ReplicateError>> {
  if (options.source === '') return err({ type: 'NothingNamed', what: 'source' });
  if (options.target === '') return err({ type: 'NothingNamed', what: 'target' });
  const path = await pathOf(options);
  try {
    return await replicateOn(path, options);
  } finally {
    await path.close();
  }
}

/** One sentence for a person. */
export function describeReplicateError(error: ReplicateError): string {
  switch (error.type) {
    case 'Different':
      return `source and target differ from byte ${error.at.start} to ${extentEnd(error.at)}: one of them was written to meanwhile; run again to bring the target up to date`;
    case 'NothingNamed':
      return `no ${error.what} was named; say sealift replicate <source> <target>`;
    default:
      return describeReplicationError(error);
  }
}

async function pathOf(options: ReplicateOptions): Promise<ReplicationPath> {
  const clock = options.clock ? { clock: options.clock } : {};
  if (options.gateway) {
    // What speaks TLS and checks messages is loaded by who needs it: it would be half of the start of a direct copy.
    const { gatewayPath } = await import('#replicator/gateway/gateway-path');
    return gatewayPath({ ...options.gateway, ...clock });
  }
  return directPath({
    ...clock,
    ...(options.nbd ? { nbd: options.nbd } : {}),
    recordsOf: (target) => (locatorOf(target).type === 'file' ? target : recordsOfExport(options.state, target)),
  });
}

/** A name for the journal of an NBD target that says which one it is, and is a name of a file. */
const recordsOfExport = (state: string | undefined, uri: string): string =>
  join(
    resolve(state ?? '.'),
    `${uri.replaceAll(/[^A-Za-z0-9.-]+/g, '-').slice(0, 60)}-${xxh64(uri).toString(16).padStart(16, '0')}`,
  );

type Replica = Pick<ReplicationJob, 'session' | 'disk' | 'source' | 'target'>;

async function replicateOn(
  path: ReplicationPath,
  options: ReplicateOptions,
): Promise<Result<ReplicateReport, ReplicateError>> {
  const replica = replicaOf(options);
  const before = options.overwrite ? ok(undefined) : await path.inspect(replica);
  if (!before.ok) return before;
  const first = await path.run(firstRound(replica, before.value, options.overwrite ?? false), options);
  if (!first.ok) return first;
  const rounds = [first.value];
  if (first.value.bytesResumed > 0 && (await changedSince(options, first.value.openedAt))) {
    const next = round(first.value.round + 1);
    const second = await path.run({ ...replica, round: next, mode: 'rescan' }, options);
    if (!second.ok) return second;
    rounds.push(second.value);
  }
  const compared = options.verify ? await path.compare(replica, options) : undefined;
  if (compared && !compared.ok) return compared;
  if (compared && !compared.value.equal) return err({ type: 'Different', at: compared.value.firstDifference });
  const how = before.value?.complete ? 'updated' : before.value?.open ? 'resumed' : 'copied';
  return ok({ how, rounds, root: rounds.at(-1)?.root ?? first.value.root, verified: compared !== undefined });
}

function replicaOf({ source: named, target: wanted, gateway }: ReplicateOptions): Replica {
  const found = locatorOf(named);
  const source = found.type === 'file' ? { ...found, path: resolve(found.path) } : found;
  const target = gateway || locatorOf(wanted).type === 'nbd' ? wanted : resolve(wanted);
  // The replica belongs to its source: the same source may go on with it, another one may not.
  const session = `replicate-${xxh64(nameOfDisk(source)).toString(16).padStart(16, '0')}`;
  return { session, disk, source, target };
}

function firstRound(replica: Replica, before: ReplicaProgress | undefined, overwrite: boolean): ReplicationJob {
  if (before?.open) return { ...replica, ...before.open };
  if (before?.complete) return { ...replica, round: round(before.complete.round + 1), mode: 'rescan' };
  return { ...replica, round: round(0), mode: 'full', overwrite };
}

/** Whether what an earlier run read may be old. Only known of files of this machine. */
async function changedSince({ source, gateway }: ReplicateOptions, since: number): Promise<boolean> {
  const locator = locatorOf(source);
  if (gateway || locator.type !== 'file') return false;
  const found = await stat(locator.path).catch(() => undefined);
  return found !== undefined && found.mtimeMs >= since;
}
