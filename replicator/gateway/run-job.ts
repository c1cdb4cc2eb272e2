import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import { sometimes } from '#core/sometimes';
import { bytes, type Instant, type Millis } from '#core/units';
import type { Files } from '#replicator/disk/files';
import { nameOfDisk, openDisk, type OpenDiskOptions, type OpenedDisk } from '#replicator/disk/open-disk';
import { compareDigests, digestRangeOf, sourceFailed } from '#replicator/pipeline/compare-disks';
import { sourceUnavailable } from '#replicator/pipeline/direct-path';
import type { PipelineTally } from '#replicator/pipeline/pipeline';
import type {
  Comparison,
  ReplicaProgress,
  ReplicationError,
  ReplicationJob,
  RoundProgress,
  RoundReport,
  RunOptions,
} from '#replicator/pipeline/replication';
import { addTallies, emptyTally, reportOf } from '#replicator/pipeline/round-report';
import { runPipeline } from '#replicator/pipeline/run-pipeline';
import { connectPeer } from '#replicator/protocol/connect';
import type { Packing } from '#replicator/protocol/frame';
import type { Network } from '#replicator/protocol/network';
import { withReconnects, type Attempt } from '#replicator/protocol/reconnect';
import { remoteSink, type RemoteSink } from './remote-sink.ts';
import { openSenderDigests } from './sender-digests.ts';

/** What all jobs of a gateway that has a receiver share. */
export interface ForwardingSite {
  /** Shows a gateway. */
  readonly network: Network;
  /** Where its receiver is: `host:port`. */
  readonly receiver: string;
  /** Where it keeps its digests. */
  readonly state: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly sources: OpenDiskOptions;
  /** How long a lost receiver is tried again. */
  readonly patience: Millis;
  /** How data may be packed, best first; all that this process can where it is left out. */
  readonly packings?: readonly Packing[];
  readonly log: (line: string) => void;
}

/** A job is identified by what it replicates; its round is a detail. */
type ReplicaName = Pick<ReplicationJob, 'session' | 'disk' | 'target'>;

/** Runs one round from a source to the receiver, over as many connections as it takes. */
export async function runJob(
  site: ForwardingSite,
  job: ReplicationJob,
  options: RunOptions,
): Promise<Result<RoundReport, ReplicationError>> {
  const startedAt = site.clock.now();
  const { signal } = options;
  const source = await openDisk(job.source, { ...site.sources, ...(signal ? { signal } : {}) });
  if (!source.ok) return err(sourceUnavailable(source.error));
  const run: JobRun = {
    site,
    job,
    source: source.value,
    startedAt,
    tally: emptyTally,
    bytesOnWire: 0,
    overwrite: job.overwrite ?? false,
    shown: undefined,
  };
  const report = await withReconnects({ clock: site.clock, patience: site.patience, signal }, (attempt) =>
    tryRound(run, options, attempt),
  );
  await source.value.device.close();
  return report;
}

/** What the attempts at one round come to together. */
interface JobRun {
  readonly site: ForwardingSite;
  readonly job: ReplicationJob;
  readonly source: OpenedDisk;
  readonly startedAt: Instant;
  tally: PipelineTally;
  bytesOnWire: number;
  /** Still to be asked for: granted once, or the second attempt would lose what the first one did. */
  overwrite: boolean;
  shown: RoundProgress | undefined;
}

async function connected<T>(
  { network, clock, receiver, packings, log }: ForwardingSite,
  signal: AbortSignal | undefined,
  use: (sink: RemoteSink) => Promise<Result<T, ReplicationError>>,
): Promise<Result<T, ReplicationError>> {
  const connection = await connectPeer({
    address: receiver,
    peer: 'receiver',
    network,
    clock,
    ...(packings && { packings }),
    ...(signal ? { signal } : {}),
  });
  if (!connection.ok) {
    log(`no connection to the receiver: ${connection.error.type}`);
    return connection;
  }
  const sink = remoteSink(connection.value);
  // Whatever is being waited for, aborting ends it: a question without an answer has no other end.
  const abort = (): void => void sink.close();
  signal?.addEventListener('abort', abort);
  try {
    return await use(sink);
  } finally {
    signal?.removeEventListener('abort', abort);
    await sink.close();
  }
}

function tryRound(run: JobRun, options: RunOptions, attempt: Attempt): Promise<Result<RoundReport, ReplicationError>> {
  const { site, job, source } = run;
  if (run.shown) sometimes('gateway: went on with a round over a new connection');
  return connected(site, options.signal, async (sink) => {
    const opened = await sink.ask({
      type: 'OpenRound',
      session: job.session,
      disk: job.disk,
      target: job.target,
      size: source.device.size,
      round: job.round,
      mode: job.mode,
      overwrite: run.overwrite,
    });
    if (!opened.ok) return opened;
    if (opened.value.type !== 'RoundOpened') return unexpected(opened.value.type);
    const { start, digest } = opened.value;
    run.overwrite = false;
    sink.digestWith(digest);
    const facts = { job, size: source.device.size, startedAt: run.startedAt };
    if (start.type === 'Complete') {
      const complete = { ...facts, root: start.root, openedAt: run.startedAt, endedAt: site.clock.now() };
      const tally = run.shown ? run.tally : { ...emptyTally, resumed: source.device.size };
      return ok(reportOf({ ...complete, bytesOnWire: run.bytesOnWire + sink.bytesOnWire }, tally));
    }
    const digests = await openSenderDigests(
      { directory: site.state, files: site.files },
      job,
      source.device.size,
      start,
      sink,
    );
    if (!digests.ok) return digests;
    const ran = await runPipeline(
      {
        mode: job.mode,
        source: source.device,
        sourceName: nameOfDisk(job.source),
        changes: source.changes,
        sink,
        digests: digests.value.digests,
        clock: site.clock,
        onBroken: (tally) => {
          run.tally = addTallies(run.tally, tally);
        },
      },
      { ...options, onProgress: (progress) => show(run, progress, options, attempt) },
    );
    const sealed = ran.ok ? await digests.value.seal(ran.value.root) : ok(undefined);
    digests.value.close();
    run.bytesOnWire += sink.bytesOnWire;
    if (!ran.ok) return ran;
    if (!sealed.ok) return sealed;
    const { root, tally } = ran.value;
    const { openedAt } = start;
    const end = { root, openedAt, bytesOnWire: run.bytesOnWire, endedAt: site.clock.now() };
    return ok(reportOf({ ...facts, ...end }, addTallies(run.tally, tally)));
  });
}

const unexpected = (type: string): Result<never, ReplicationError> =>
  err({ type: 'ProtocolViolation', peer: 'receiver', detail: `it answers ${type}` });

/** Passes progress on so that nothing ever goes back: a new attempt counts from what the ones before it did. */
function show(run: JobRun, now: RoundProgress, { onProgress }: RunOptions, attempt: Attempt): void {
  const before = run.shown;
  const next: RoundProgress = {
    done: bytes(Math.max(before?.done ?? 0, now.done)),
    total: bytes(Math.max(before?.total ?? 0, now.total)),
    read: bytes(run.tally.read + now.read),
    sent: bytes(run.tally.sent + now.sent),
  };
  if (!before || next.done > before.done) attempt.progressed();
  run.shown = next;
  onProgress?.(next);
}

/** Reads the source and, at the receiver, the replica again and compares them. */
export async function compareJob(
  site: ForwardingSite,
  job: ReplicaName & Pick<ReplicationJob, 'source'>,
  options: RunOptions,
): Promise<Result<Comparison, ReplicationError>> {
  const source = await openDisk(job.source, site.sources);
  if (!source.ok) return err(sourceUnavailable(source.error));
  const { device } = source.value;
  const compared = await connected(site, options.signal, async (sink) => {
    const { session, disk, target } = job;
    const opened = await sink.ask({ type: 'OpenCompare', session, disk, target, size: device.size });
    if (!opened.ok) return opened;
    if (opened.value.type !== 'CompareOpened') return unexpected(opened.value.type);
    const ours = digestRangeOf(device, opened.value.digest, (error) => sourceFailed(nameOfDisk(job.source), error));
    return compareDigests(device.size, ours, (range) => sink.digests(range), options);
  });
  await device.close();
  return compared;
}

/** Asks the receiver how far a replica is. */
export function inspectJob(
  site: ForwardingSite,
  job: ReplicaName,
): Promise<Result<ReplicaProgress | undefined, ReplicationError>> {
  return connected<ReplicaProgress | undefined>(site, undefined, async (sink) => {
    const { session, disk, target } = job;
    const answer = await sink.ask({ type: 'Inspect', session, disk, target });
    if (!answer.ok) return answer;
    return answer.value.type === 'Inspected' ? ok(answer.value.progress) : unexpected(answer.value.type);
  });
}
