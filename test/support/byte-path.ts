import type { Clock } from '#core/clock';
import { extent, type Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { bytes, elapsed, millis, offset, round } from '#core/units';
import type {
  Comparison,
  ReplicaProgress,
  ReplicationError,
  ReplicationJob,
  ReplicationPath,
  RoundReport,
  RunOptions,
} from '#replicator/pipeline/replication';
import type { OpenSentinelDisk, SentinelDisk } from '#simulator/block/target/guest-agent';
import { checksum } from '#simulator/endpoints/guest/installed-system';

const grain = 65_536;

interface BytePathOptions {
  readonly open: (locator: SentinelDisk) => Result<OpenSentinelDisk, string>;
  readonly replicas: Map<string, Uint8Array>;
  readonly clock: Clock;
}

interface Progress {
  readonly session: string;
  readonly disk: DiskId;
  complete: number | undefined;
}

/**
 * A way from the disks of a sentinel to replicas in memory, where real bytes cross and nothing ever goes wrong but the
 * source. A grain takes a millisecond; a round that breaks off is done again whole.
 */
export function bytePath(options: BytePathOptions): ReplicationPath {
  const { replicas } = options;
  const known = new Map<string, Progress>();
  return {
    run: (job, given = {}) => run({ ...options, known }, job, given),
    compare: (job) => compare(options, job),
    inspect: async ({ session, target }): Promise<Result<ReplicaProgress | undefined, ReplicationError>> => {
      const there = known.get(target);
      if (!there) return ok(undefined);
      if (there.session !== session) return err({ type: 'TargetForeign', target, owner: there.session });
      const replica = replicas.get(target) ?? new Uint8Array();
      return ok({
        size: bytes(replica.length),
        complete: there.complete === undefined ? undefined : { round: round(there.complete), root: rootOf(replica) },
        open: undefined,
      });
    },
    close: async () => undefined,
  };
}

function opened(
  { open }: BytePathOptions,
  { source }: Pick<ReplicationJob, 'source'>,
): Result<OpenSentinelDisk, ReplicationError> {
  if (source.type !== 'sentinel') throw new Error('only sentinels are read here');
  const found = open(source);
  return found.ok ? found : err(sourceFailed(source, found.error));
}

async function run(
  options: BytePathOptions & { readonly known: Map<string, Progress> },
  job: ReplicationJob,
  { onProgress, signal }: RunOptions,
): Promise<Result<RoundReport, ReplicationError>> {
  const { replicas, clock, known } = options;
  const startedAt = clock.now();
  const there = known.get(job.target) ?? { session: job.session, disk: job.disk, complete: undefined };
  known.set(job.target, there);
  const report = (sent: number, length: number): RoundReport => ({
    ...{ session: job.session, disk: job.disk, round: job.round, mode: job.mode, size: bytes(length) },
    ...{ bytesRead: bytes(sent), bytesSent: bytes(sent), bytesOnWire: bytes(sent) },
    ...{ bytesZeroed: bytes(0), bytesSame: bytes(0), bytesResumed: bytes(0) },
    root: rootOf(replicas.get(job.target) ?? new Uint8Array()),
    ...{ openedAt: startedAt, duration: elapsed(startedAt, clock.now()) },
  });
  if (there.complete === job.round) return ok(report(0, replicas.get(job.target)?.length ?? 0));
  const disk = opened(options, job);
  if (!disk.ok) return disk;
  const { device, changes } = disk.value;
  const replica = replicas.get(job.target) ?? new Uint8Array(device.size);
  replicas.set(job.target, replica);
  const all = extent(0, device.size);
  const wanted = job.mode === 'changes' ? await changes?.(all) : ok<readonly Extent[]>([all]);
  if (!wanted?.ok) return err(sourceFailed(job.source, 'its changes are not known'));
  let sent = 0;
  for (const { start, length } of wanted.value.flatMap(grainsOf)) {
    if (signal?.aborted) return err({ type: 'Cancelled' });
    await clock.wait(millis(1));
    const read = await device.read(start, replica.subarray(start, start + length));
    if (!read.ok) return err({ type: 'SourceFailed', source: job.disk, error: read.error });
    sent += length;
    onProgress?.({ done: bytes(sent), total: bytes(sent + 1), read: bytes(sent), sent: bytes(sent) });
  }
  there.complete = job.round;
  return ok(report(sent, replica.length));
}

async function compare(
  options: BytePathOptions,
  job: Pick<ReplicationJob, 'source' | 'target'>,
): Promise<Result<Comparison, ReplicationError>> {
  const disk = opened(options, job);
  if (!disk.ok) return disk;
  const replica = options.replicas.get(job.target);
  if (!replica) return err({ type: 'TargetMissing', target: job.target });
  const content = new Uint8Array(disk.value.device.size);
  const read = await disk.value.device.read(offset(0), content);
  if (!read.ok) return err({ type: 'SourceFailed', source: 'sentinel', error: read.error });
  const at = content.findIndex((byte, index) => byte !== replica[index]);
  if (at < 0) return ok({ equal: true, root: rootOf(replica), size: bytes(replica.length) });
  return ok({ equal: false, firstDifference: extent(at - (at % grain), grain) });
}

const rootOf = (content: Uint8Array): string => checksum(content).toString(16);

const sourceFailed = (source: ReplicationJob['source'], detail: string): ReplicationError => ({
  type: 'SourceFailed',
  source: source.type,
  error: { type: 'ConnectionLost', detail },
});

/** A run as parts of at most a grain. */
function grainsOf({ start, length }: Extent): readonly Extent[] {
  return Array.from({ length: Math.ceil(length / grain) }, (_, index) =>
    extent(start + index * grain, Math.min(grain, length - index * grain)),
  );
}
