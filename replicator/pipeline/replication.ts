import { describeDeviceError, type DeviceError } from '#core/disk/block-device';
import type { Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import type { DiskLocator } from '#core/ports/source-hypervisor';
import type { Result } from '#core/result';
import type { Bytes, Instant, Millis, Round } from '#core/units';
import type { Throttle } from './throttle.ts';

/**
 * Moving one disk, round by round: the vocabulary between those who ask for it (the live world, `sealift replicate`)
 * and those who do it (`directPath` in this process, `gatewayPath` through gateway and receiver).
 *
 * A round is named by session, disk and number. Asking for the same round again continues it: what is durable at the
 * target is neither read nor sent again, and a round that is complete answers its report at once.
 */

/** What one round looks at: every allocated block, what a change mark recorded, or what differs by digest. */
export type RoundMode = 'full' | 'changes' | 'rescan';

/** One round of one disk, as data: it may be handed to another process. */
export interface ReplicationJob {
  /** Who the replica belongs to, usually a migration id. Another session's replica is never touched. */
  readonly session: string;
  readonly disk: DiskId;
  readonly round: Round;
  readonly source: DiskLocator;
  /** `changes` needs a source with `changesContext` and the round before it complete. */
  readonly mode: RoundMode;
  /** The raw replica: a file path for `directPath`, a name below the receiver's directory for `gatewayPath`. */
  readonly target: string;
  /** Start this run from nothing, and lose whatever is at the target, ours or not. Never set by a driver. */
  readonly overwrite?: boolean;
}

/** How far a round is. Every number only grows within a round, also across reconnects. */
export interface RoundProgress {
  /** Of `total`, how much is settled: durable at the target. Reaches `total` only with the roots compared. */
  readonly done: Bytes;
  /** What the round has to look at: allocated bytes (`full`), dirty bytes (`changes`), the whole disk (`rescan`). */
  readonly total: Bytes;
  readonly read: Bytes;
  readonly sent: Bytes;
}

/** What a round did. Sums are of this run of it: what an earlier, interrupted run did is in `bytesResumed`. */
export interface RoundReport {
  readonly session: string;
  readonly disk: DiskId;
  readonly round: Round;
  readonly mode: RoundMode;
  readonly size: Bytes;
  /** Read from the source. */
  readonly bytesRead: Bytes;
  /** Sent as data, before compression. */
  readonly bytesSent: Bytes;
  /** Everything written to the wire, frames and all; equals `bytesSent` where there is no wire. */
  readonly bytesOnWire: Bytes;
  /** Made zero at the target without data crossing. */
  readonly bytesZeroed: Bytes;
  /** Found equal by digest (rescan). */
  readonly bytesSame: Bytes;
  /** Already durable from an earlier run of this round. */
  readonly bytesResumed: Bytes;
  /** The Merkle root over the block digests of the whole disk, equal on both sides; hex. */
  readonly root: string;
  /** When the round was first begun: earlier than this run if that one was interrupted. */
  readonly openedAt: Instant;
  readonly duration: Millis;
}

/** How far a replica is, by what it says of itself. */
export interface ReplicaProgress {
  readonly size: Bytes;
  /** The last round that is complete. */
  readonly complete: { readonly round: Round; readonly root: string } | undefined;
  /** The round that was begun and is not complete. */
  readonly open: { readonly round: Round; readonly mode: RoundMode } | undefined;
}

/** What a comparison by content found. Both sides were read again for it. */
export type Comparison =
  | { readonly equal: true; readonly root: string; readonly size: Bytes }
  | { readonly equal: false; readonly firstDifference: Extent };

/** Who at the other end of a connection is meant. */
export type Peer = 'gateway' | 'receiver' | 'manager';

/** Why a round did not complete. What was durable stays so: asking again resumes. Nothing foreign was touched. */
export type ReplicationError =
  /** The source cannot be opened or read. */
  | { readonly type: 'SourceFailed'; readonly source: string; readonly error: DeviceError }
  | { readonly type: 'SourceUnavailable'; readonly source: string; readonly detail: string }
  /** `changes` was asked of a source that says nothing about changes. They are never guessed. */
  | { readonly type: 'ChangesUnknown'; readonly source: string; readonly detail: string }
  | { readonly type: 'TargetFailed'; readonly target: string; readonly error: DeviceError }
  | { readonly type: 'TargetUnavailable'; readonly target: string; readonly detail: string }
  /** Something is there that was not made by replication. */
  | { readonly type: 'TargetExists'; readonly target: string }
  /** It is a replica, but of another session or disk. */
  | { readonly type: 'TargetForeign'; readonly target: string; readonly owner: string }
  /** Another process, or another connection, replicates to it right now. */
  | { readonly type: 'TargetBusy'; readonly target: string; readonly owner: string }
  /** The journal says there is a replica, but the disk is gone: a delta onto nothing would be silent loss. */
  | { readonly type: 'TargetMissing'; readonly target: string }
  | { readonly type: 'TargetNameRefused'; readonly target: string; readonly why: string }
  | { readonly type: 'SameDisk'; readonly source: string }
  | { readonly type: 'SizeMismatch'; readonly target: string; readonly source: Bytes; readonly actual: Bytes }
  | { readonly type: 'JournalCorrupt'; readonly journal: string; readonly detail: string }
  | { readonly type: 'JournalUnsupported'; readonly journal: string; readonly version: number }
  /** The round asked for does not follow what the target has. */
  | {
      readonly type: 'RoundOutOfOrder';
      readonly asked: number;
      readonly last: number;
      readonly lastIsComplete: boolean;
    }
  /** Bytes arrived that are not the bytes that were read. */
  | { readonly type: 'DigestMismatch'; readonly at: Extent }
  /** Every block was acknowledged, and yet the two sides do not hold the same disk. */
  | { readonly type: 'RootMismatch'; readonly source: string; readonly target: string }
  | { readonly type: 'Unreachable'; readonly peer: Peer; readonly address: string; readonly detail: string }
  | { readonly type: 'ConnectionLost'; readonly peer: Peer; readonly detail: string }
  | { readonly type: 'ProtocolViolation'; readonly peer: Peer; readonly detail: string }
  /** A certificate is missing, not trusted, or of another role. */
  | { readonly type: 'Unauthorized'; readonly peer: Peer; readonly detail: string }
  | { readonly type: 'Cancelled' };

/** What may be watched and changed while a round or comparison runs. */
export interface RunOptions {
  readonly onProgress?: (progress: RoundProgress) => void;
  /** Stops soon after it is aborted, with `Cancelled`. This is also how a round is paused: ask again to go on. */
  readonly signal?: AbortSignal;
  /** Upper bound on bytes read from the source per second; may be changed at any time. */
  readonly throttle?: Throttle;
}

/** A way from sources to replicas. Rounds of different disks may run at once; of one disk, one at a time. */
export interface ReplicationPath {
  run(job: ReplicationJob, options?: RunOptions): Promise<Result<RoundReport, ReplicationError>>;
  /** Reads the source and the replica again and compares them by content. Changes neither. */
  compare(
    job: Pick<ReplicationJob, 'session' | 'disk' | 'source' | 'target'>,
    options?: RunOptions,
  ): Promise<Result<Comparison, ReplicationError>>;
  /** How far the replica is; undefined if there is none. Changes nothing, so it reconciles what is not known. */
  inspect(
    job: Pick<ReplicationJob, 'session' | 'disk' | 'target'>,
  ): Promise<Result<ReplicaProgress | undefined, ReplicationError>>;
  /** Cancels what runs and lets go. Idempotent. */
  close(): Promise<void>;
}

/** One or two sentences for a person: what went wrong, where, and what to do next. */
export function describeReplicationError(error: ReplicationError): string {
  switch (error.type) {
    case 'SourceFailed':
      return `reading the source ${error.source} failed: ${describeDeviceError(error.error)}`;
    case 'SourceUnavailable':
      return `the source ${error.source} cannot be opened: ${error.detail}`;
    case 'ChangesUnknown':
      return `the source ${error.source} cannot say what changed: ${error.detail}; a rescan or a full sync is needed`;
    case 'TargetFailed':
      return `writing the target ${error.target} failed: ${describeDeviceError(error.error)}`;
    case 'TargetUnavailable':
      return `the target ${error.target} cannot be opened: ${error.detail}`;
    case 'TargetExists':
      return `the target ${error.target} exists and was not made by sealift; choose another target, or say --overwrite to lose what is in it`;
    case 'TargetForeign':
      return `the target ${error.target} is the replica of ${error.owner}; choose another target, or say --overwrite to lose what is in it`;
    case 'TargetBusy':
      return `the target ${error.target} is in use by ${error.owner}; wait for it or stop it`;
    case 'TargetMissing':
      return `the journal of ${error.target} is there but the disk is not; put the disk back, or remove the journal to start from nothing`;
    case 'TargetNameRefused':
      return `the target name ${JSON.stringify(error.target)} is refused: ${error.why}`;
    case 'SameDisk':
      return `source and target are the same disk (${error.source}); choose another target`;
    case 'SizeMismatch':
      return `the target ${error.target} holds ${error.actual} bytes but the source holds ${error.source}; choose another target, or say --overwrite to start anew`;
    case 'JournalCorrupt':
      return `the journal ${error.journal} cannot be trusted: ${error.detail}; move it and its disk away to start from nothing`;
    case 'JournalUnsupported':
      return `the journal ${error.journal} has format ${error.version}, which this version of sealift does not know; use the version that wrote it`;
    case 'RoundOutOfOrder':
      return `round ${error.asked} cannot follow round ${error.last}, which is ${error.lastIsComplete ? 'complete' : 'not complete'}`;
    case 'DigestMismatch':
      return `bytes at ${error.at.start} (length ${error.at.length}) were damaged on their way; ask again to resume`;
    case 'RootMismatch':
      return `the disks differ although every block was acknowledged (source ${error.source}, target ${error.target}); a rescan will find where`;
    case 'Unreachable':
      return `the ${error.peer} at ${error.address} cannot be reached: ${error.detail}`;
    case 'ConnectionLost':
      return `the connection to the ${error.peer} was lost: ${error.detail}; ask again to resume`;
    case 'ProtocolViolation':
      return `the ${error.peer} broke the protocol and was disconnected: ${error.detail}`;
    case 'Unauthorized':
      return `the ${error.peer} and this side do not trust each other: ${error.detail}`;
    case 'Cancelled':
      return 'replication was stopped; ask again to resume';
  }
}
