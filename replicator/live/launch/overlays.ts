import type { FixUpDisk } from '#core/ports/fix-up';
import type { Result } from '#core/result';

/*
 * A replica is never changed by what comes after replication. Fix-up and the target write to an overlay on top of it:
 *
 *     vda.raw  <--  vda.raw.fixup.qcow2  <--  the target VM
 *
 * The replica itself is the restore point: giving up drops the overlay, and the next try needs a delta only. What takes
 * long to make and goes into a fix-up is prepared before it is needed, in `vda.raw.fixup-prepared`.
 */

/** What is put on top of replicas, and copies of them. Errors are sentences. */
export interface Overlays {
  /** Where the overlay of a replica is. */
  of(replica: string): string;
  /** Makes an empty overlay; one of an earlier try is dropped. */
  make(replica: string): Promise<Result<FixUpDisk, string>>;
  /** Takes an overlay away, and all that was changed since it was made. One that is not there is gone already. */
  drop(replica: string): Promise<Result<void, string>>;
  /** Copies a replica as it is now, its holes as holes. Nobody may write to it meanwhile. */
  copy(replica: string): Promise<Result<FixUpDisk, string>>;
  /** Takes the copy away. One that is not there is gone already. */
  dropCopy(replica: string): Promise<Result<void, string>>;
  /** The folder for what a fix-up made before it is needed. */
  prepared(replica: string): string;
  /** The state of the guest that it was made of; undefined if nothing was. */
  preparedOf(replica: string): Promise<string | undefined>;
  /** An empty overlay to make it on, to be taken away after. Nobody may write to the replica meanwhile. */
  makeTrial(replica: string): Promise<Result<FixUpDisk, string>>;
  dropTrial(replica: string): Promise<void>;
  /** Takes all of that away. What is not there is gone already. */
  dropPrepared(replica: string): Promise<void>;
}
