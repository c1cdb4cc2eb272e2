import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describeFixUpError, type FixUpDisk } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { detailOf } from '#replicator/disk/durable-file';
import { dropPrepared, preparedOf } from '#replicator/fixup/prepared';
import { makeOverlays, overlayOf, removeOverlays } from '#replicator/fixup/overlays';
import { qemuImg } from '#replicator/fixup/restore-point';
import type { Overlays } from './overlays.ts';

const run = promisify(execFile);

const raw = (path: string): FixUpDisk => ({ path, format: 'raw' });
const copyOf = (replica: string): string => `${replica}.test`;
const trialOf = (replica: string): string => `${replica}.fixup-trial.qcow2`;
const preparedFolder = (replica: string): string => `${replica}.fixup-prepared`;

/** Overlays as qcow2 files beside their replicas, made by qemu-img. */
export function qcow2Overlays(): Overlays {
  const drop = async (replica: string): Promise<Result<void, string>> => {
    const removed = await removeOverlays([raw(replica)]);
    return removed.ok ? ok(undefined) : err(describeFixUpError(removed.error));
  };
  // With what says that somebody was editing it, or the next one would be taken for half-edited.
  const remove = async (image: string): Promise<void> => {
    for (const path of [image, `${image}.fixup-running`]) await rm(path, { force: true });
  };
  const dropCopy = async (replica: string): Promise<Result<void, string>> => {
    try {
      await remove(copyOf(replica));
      return ok(undefined);
    } catch (error) {
      return err(`${copyOf(replica)} could not be taken away: ${detailOf(error)}`);
    }
  };
  const dropTrial = (replica: string): Promise<void> => remove(trialOf(replica));
  return {
    of: (replica) => overlayOf(raw(replica)).path,
    drop,
    dropCopy,
    prepared: preparedFolder,
    preparedOf: (replica) => preparedOf(preparedFolder(replica)),
    makeTrial: async (replica) => {
      await dropTrial(replica);
      const trial = trialOf(replica);
      const words = ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', resolve(replica), trial];
      const made = await qemuImg(`make ${trial}`, ...words);
      return made.ok ? ok({ path: trial, format: 'qcow2' }) : err(describeFixUpError(made.error));
    },
    dropTrial,
    dropPrepared: async (replica) => {
      await dropTrial(replica);
      await dropPrepared(preparedFolder(replica));
    },
    make: async (replica) => {
      const dropped = await drop(replica);
      if (!dropped.ok) return dropped;
      const made = await makeOverlays([raw(replica)]);
      if (!made.ok) return err(describeFixUpError(made.error));
      return ok(made.value[0] ?? overlayOf(raw(replica)));
    },
    copy: async (replica) => {
      const dropped = await dropCopy(replica);
      if (!dropped.ok) return dropped;
      try {
        await run('cp', ['--sparse=always', '--reflink=auto', '--', replica, copyOf(replica)]);
        return ok(raw(copyOf(replica)));
      } catch (error) {
        return err(`${replica} could not be copied: ${detailOf(error)}`);
      }
    },
  };
}
