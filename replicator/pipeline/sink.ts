import type { Extent } from '#core/disk/extent';
import type { Result } from '#core/result';
import type { DigestAlgorithm } from './digest.ts';
import type { ChunkPart } from './plan.ts';
import type { ReplicationError } from './replication.ts';

/** One thing for the target, in the order of its number. */
export interface Outgoing {
  readonly sequence: number;
  readonly part: ChunkPart;
  /** For `data`: the digests of its blocks. */
  readonly digests: BigUint64Array;
  /** For `data`: the bytes. The sink's until `send` returns. */
  readonly data: Uint8Array;
  /** Bytes right before `data` in its buffer that the sink may overwrite, up to `headroom`. */
  readonly room: number;
}

/** What the target of a round says on its own account. */
export interface SinkEvents {
  /** Everything up to `sequence` is durable. */
  onAcked(sequence: number): void;
  /** The target will not ack anything any more. */
  onLost(error: ReplicationError): void;
}

/**
 * Where one round goes: a replica in this process, or frames to a receiver. Open already, and at the right round.
 *
 * What is sent is applied in any order but acked in the order of its numbers, and only once it is durable.
 */
export interface Sink {
  readonly digest: DigestAlgorithm;
  /** Bytes it would like to find free before the data of an `Outgoing`. */
  readonly headroom: number;
  /** Everything written to the wire so far. */
  readonly bytesOnWire: number;
  /** What is durable from an earlier run of this round. Asked segment by segment. */
  settled(range: Extent): Promise<Result<readonly Extent[], ReplicationError>>;
  /** Reads the target's blocks again and digests them. */
  digests(range: Extent): Promise<Result<BigUint64Array, ReplicationError>>;
  /** Returns when the caller may have its buffer back: this is the back-pressure. */
  send(outgoing: Outgoing): Promise<Result<void, ReplicationError>>;
  /** Asks for everything up to `sequence` to be made durable. The answer is an ack. */
  flush(sequence: number): void;
  /**
   * Completes the round: durable, with the root of the target's digests. With `root` given they must be equal, or the
   * round stays open.
   */
  complete(root: string | undefined): Promise<Result<string, ReplicationError>>;
  /** Acks and losses go here from now on. Called once, before anything is sent. */
  listen(events: SinkEvents): void;
  /** Lets go, whatever is in flight. What is durable stays. Idempotent. */
  close(): Promise<void>;
}
