import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describeFixUpError, type FixUpDisk } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { detailOf } from '#replicator/disk/durable-file';
import { makeOverlays, overlayOf, removeOverlays } from '#replicator/fixup/overlays';

/*
 * A replica is never changed by what comes after replication. Fix-up and the target write to an overlay on top of it:
 *
 *     vda.raw  <--  vda.raw.fixup.qcow2  <--  the target VM
 *
 * The replica itself is the restore point: giving up drops the overlay, and the next try needs a delta only.
 */

const run = promisify(execFile);

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
  dropCopy(replica: string): Promise<void>;
}

const raw = (path: string): FixUpDisk => ({ path, format: 'raw' });
const copyOf = (replica: string): string => `${replica}.test`;

/** Overlays as qcow2 files beside their replicas, made by qemu-img. */
export function qcow2Overlays(): Overlays {
  const drop = async (replica: string): Promise<Result<void, string>> => {
    const removed = await removeOverlays([raw(replica)]);
    return removed.ok ? ok(undefined) : err(describeFixUpError(removed.error));
  };
  const dropCopy = (replica: string): Promise<void> => rm(copyOf(replica), { force: true });
  return {
    of: (replica) => overlayOf(raw(replica)).path,
    drop,
    dropCopy,
    make: async (replica) => {
      const dropped = await drop(replica);
      if (!dropped.ok) return dropped;
      const made = await makeOverlays([raw(replica)]);
      if (!made.ok) return err(describeFixUpError(made.error));
      return ok(made.value[0] ?? overlayOf(raw(replica)));
    },
    copy: async (replica) => {
      try {
        await dropCopy(replica);
        await run('cp', ['--sparse=always', '--reflink=auto', '--', replica, copyOf(replica)]);
        return ok(raw(copyOf(replica)));
      } catch (error) {
        return err(`${replica} could not be copied: ${detailOf(error)}`);
      }
    },
  };
}
