import { resolve } from 'node:path';
import { calledOff } from '#core/called-off';
import type { Clock } from '#core/clock';
import type { BlockDevice } from '#core/disk/block-device';
import { err, ok, type Result } from '#core/result';
import { bytes, round, type Instant } from '#core/units';
import { describeFileError, openFileDevice } from '#replicator/disk/file-device';
import type { Files } from '#replicator/disk/files';
import { nodeFiles } from '#replicator/disk/node-files';
import {
  isOfThisMachine,
  locatorOf,
  nameOfDisk,
  openDisk,
  type OpenDiskError,
  type OpenDiskOptions,
  type OpenedDisk,
} from '#replicator/disk/open-disk';
import { ownDisk } from '#replicator/disk/owner-lock';
import { connectNbd, type NbdConnectOptions } from '#replicator/nbd/client';
import { describeNbdError } from '#replicator/nbd/nbd-error';
import type { Replica } from '#replicator/receiver/replica';
import { refuseDoubtful } from '#replicator/receiver/doubt-record';
import { openReplicaAt, readReplicaState } from '#replicator/receiver/replica-place';
import { wallClock } from '#replicator/wall-clock';
import { compareDisks } from './compare-disks.ts';
import { digestAlgorithms } from './digest.ts';
import { replicaSink } from './replica-sink.ts';
import type {
  Comparison,
  ReplicaProgress,
  ReplicationError,
  ReplicationJob,
  ReplicationPath,
  RoundReport,
  RunOptions,
} from './replication.ts';
import { pipelineLimits, pipelineLimitsNear } from './pipeline-limits.ts';
import { emptyTally, reportOf } from './round-report.ts';
import { runPipeline } from './run-pipeline.ts';

/** What a direct path may be told. */
export interface DirectPathOptions {
  readonly clock?: Clock;
  /** Where sources, targets and records that are files are: on this machine unless told otherwise. */
  readonly files?: Files;
  /** How sources over NBD are opened. */
  readonly nbd?: Pick<NbdConnectOptions, 'connections' | 'tls'>;
  /** Opens disks of sentinels, where they connect to this process. */
  readonly ofSentinel?: OpenDiskOptions['ofSentinel'];
  /** Opens sources in place of the files and NBD servers of this machine's network. */
  readonly openSource?: OpenDiskOptions['openSource'];
  /** Where journal and digests of a target are kept; beside it unless told otherwise. A target over NBD has no beside. */
  readonly recordsOf?: (target: string) => string;
}

/** From sources to replicas within this process: a target is a file path or an NBD URI. */
export function directPath(options: DirectPathOptions = {}): ReplicationPath {
  const closed = new AbortController();
  const running = new Set<Promise<unknown>>();
  const { files = nodeFiles } = options;
  const path: Direct = {
    files,
    clock: options.clock ?? wallClock,
    sources: {
      ...options.nbd,
      files,
      ...(options.ofSentinel && { ofSentinel: options.ofSentinel }),
      ...(options.openSource && { openSource: options.openSource }),
    },
    recordsOf: options.recordsOf ?? ((target) => target),
  };
  const during = <T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    const done = work(signal ? AbortSignal.any([signal, closed.signal]) : closed.signal);
    running.add(done);
    void done.finally(() => running.delete(done));
    return done;
  };
  return {
    run: (job, run = {}) => during((signal) => runJob(path, job, { ...run, signal }), run.signal),
    compare: (job, run = {}) => during((signal) => compareJob(path, job, { ...run, signal }), run.signal),
    inspect: (job) => inspect(path, job),
    close: async () => {
      closed.abort(calledOff);
      await Promise.allSettled(running);
    },
  };
}

interface Direct {
  readonly files: Files;
  readonly clock: Clock;
  readonly sources: OpenDiskOptions;
  readonly recordsOf: (target: string) => string;
}

/** An error of opening, as one of replication. */
export const sourceUnavailable = (error: OpenDiskError): ReplicationError =>
  error.type === 'DiskOpeningCancelled'
    ? { type: 'Cancelled' }
    : { type: 'SourceUnavailable', source: error.disk, detail: error.detail };

async function runJob(
  path: Direct,
  job: ReplicationJob,
  options: RunOptions,
): Promise<Result<RoundReport, ReplicationError>> {
  const startedAt = path.clock.now();
  const { signal } = options;
  const source = await openDisk(job.source, { ...path.sources, ...(signal ? { signal } : {}) });
  if (!source.ok) return err(sourceUnavailable(source.error));
  try {
    const same = await sameDisk(path.files, source.value, job);
    if (same) return err({ type: 'SameDisk', source: nameOfDisk(job.source) });
    const replica = await openReplicaAt({
      target: job.target,
      records: path.recordsOf(job.target),
      session: job.session,
      disk: job.disk,
      size: source.value.device.size,
      digest: digestAlgorithms[0],
      overwrite: job.overwrite ?? false,
      files: path.files,
    });
    if (!replica.ok) return replica;
    try {
      return await runOn(path, job, source.value, replica.value, startedAt, options);
    } finally {
      await replica.value.close();
    }
  } finally {
    await source.value.device.close();
  }
}

async function runOn(
  { clock }: Direct,
  job: ReplicationJob,
  source: OpenedDisk,
  replica: Replica,
  startedAt: Instant,
  options: RunOptions,
): Promise<Result<RoundReport, ReplicationError>> {
  const started = await replica.begin(job.round, job.mode, startedAt);
  if (!started.ok) return started;
  const facts = { job, size: replica.size, startedAt };
  if (started.value.type === 'Complete') {
    const { root } = started.value;
    const resumed = { ...emptyTally, resumed: replica.size };
    return ok(reportOf({ ...facts, root, bytesOnWire: 0, openedAt: startedAt, endedAt: clock.now() }, resumed));
  }
  const sink = replicaSink(replica);
  const ran = await runPipeline(
    {
      mode: job.mode,
      source: source.device,
      sourceName: nameOfDisk(job.source),
      changes: source.changes,
      sink,
      digests: undefined,
      clock,
      limits: [job.source, locatorOf(job.target)].every(isOfThisMachine) ? pipelineLimitsNear : pipelineLimits,
    },
    options,
  );
  if (!ran.ok) return ran;
  const { root, tally } = ran.value;
  const { openedAt } = started.value;
  return ok(reportOf({ ...facts, root, bytesOnWire: sink.bytesOnWire, openedAt, endedAt: clock.now() }, tally));
}

/** Whether source and target are one file, under whatever names. Two exports of one disk cannot be told apart. */
async function sameDisk(files: Files, source: OpenedDisk, job: ReplicationJob): Promise<boolean> {
  if (job.source.type === 'nbd') return job.source.uri === job.target;
  // A disk of another machine is no file of this one.
  if (job.source.type === 'sentinel') return false;
  if (source.identity === undefined) return resolve(job.source.path) === resolve(job.target);
  const found = await files.stat(job.target).catch(() => undefined);
  return found !== undefined && found.identity === source.identity;
}

async function inspect(
  path: Direct,
  { session, disk, target }: Pick<ReplicationJob, 'session' | 'disk' | 'target'>,
): Promise<Result<ReplicaProgress | undefined, ReplicationError>> {
  const found = await readReplicaState(path.recordsOf(target), path.files);
  if (!found.ok || found.value === undefined) return found.ok ? ok(undefined) : found;
  const { header, closed, opened } = found.value;
  if (header.session !== session || header.disk !== disk) {
    return err({ type: 'TargetForeign', target, owner: `session ${header.session}, disk ${header.disk}` });
  }
  return ok({
    size: bytes(header.size),
    complete: closed && { round: round(closed.round), root: closed.root },
    open: opened && { round: round(opened.round), mode: opened.mode },
  });
}

async function compareJob(
  path: Direct,
  job: Pick<ReplicationJob, 'session' | 'disk' | 'source' | 'target'>,
  options: RunOptions,
): Promise<Result<Comparison, ReplicationError>> {
  const { target } = job;
  const state = await inspect(path, job);
  if (!state.ok) return state;
  if (!state.value) return err({ type: 'TargetMissing', target });
  const { size } = state.value;
  const doubtful = await refuseDoubtful({ records: path.recordsOf(target), target, size }, path.files);
  if (doubtful) return err(doubtful);
  const lock = await ownDisk(path.recordsOf(target), path.files);
  if (!lock.ok) {
    if (lock.error.type === 'Busy') return err({ type: 'TargetBusy', target, owner: lock.error.owner });
    return err({ type: 'TargetUnavailable', target, detail: lock.error.detail });
  }
  try {
    return await compareOpened(path, job, options);
  } finally {
    await lock.value.release();
  }
}

async function compareOpened(
  path: Direct,
  job: Pick<ReplicationJob, 'source' | 'target'>,
  options: RunOptions,
): Promise<Result<Comparison, ReplicationError>> {
  const source = await openDisk(job.source, path.sources);
  if (!source.ok) return err(sourceUnavailable(source.error));
  const target = await openTarget(job.target, path.files);
  const compared = target.ok
    ? await compareDisks(source.value.device, target.value, {
        ...options,
        sourceName: nameOfDisk(job.source),
        targetName: job.target,
      })
    : target;
  if (target.ok) await target.value.close();
  await source.value.device.close();
  return compared;
}

async function openTarget(target: string, files: Files): Promise<Result<BlockDevice, ReplicationError>> {
  if (/^nbds?(\+unix)?:/i.test(target)) {
    const opened = await connectNbd(target);
    return opened.ok ? opened : err({ type: 'TargetUnavailable', target, detail: describeNbdError(opened.error) });
  }
  const opened = await openFileDevice(target, { files });
  return opened.ok ? opened : err({ type: 'TargetUnavailable', target, detail: describeFileError(opened.error) });
}
