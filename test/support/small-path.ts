import type { Clock } from '#core/clock';
import type { DiskId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { elapsed, bytes, millis, round, type Instant } from '#core/units';
import type {
  Comparison,
  ReplicaProgress,
  ReplicationError,
  ReplicationJob,
  ReplicationPath,
  RoundMode,
  RoundReport,
  RunOptions,
} from '#replicator/pipeline/replication';
import { blockLength, exported, type SmallSource, type Step } from './small-source.ts';

/** What stands where replicas are kept. It outlives those who write to it. */
export interface SmallTarget {
  readonly replicas: Map<string, SmallReplica>;
  /** Called before a block is settled; an error ends the round there. */
  fault: ((block: number) => ReplicationError | undefined) | undefined;
}

/** One replica with what its journal knows. */
export interface SmallReplica {
  readonly session: string;
  readonly disk: DiskId;
  readonly blocks: number[];
  complete: number | undefined;
  open:
    | { readonly round: number; readonly mode: RoundMode; readonly settled: Set<number>; readonly at: Instant }
    | undefined;
}

/** A place without replicas. */
export const smallTarget = (): SmallTarget => ({ replicas: new Map(), fault: undefined });

/**
 * A way from a small source to a small target, with the rules of the real one: a round is continued and not begun anew, a
 * round that is complete answers at once, and a delta follows the round before it. A block takes a millisecond.
 */
export function smallPath(
  source: SmallSource,
  target: SmallTarget,
  clock: Clock,
  step: Step = () => Promise.resolve(),
): ReplicationPath {
  const closed = new AbortController();
  return {
    run: (job, options = {}) => run({ source, target, clock, step, closed: closed.signal }, job, options),
    compare: (job) => compare({ source, target, clock, step, closed: closed.signal }, job),
    inspect: async ({ session, target: name }) => {
      await step('inspect replica');
      const replica = target.replicas.get(name);
      if (!replica) return ok(undefined);
      if (replica.session !== session) return err({ type: 'TargetForeign', target: name, owner: replica.session });
      return ok(progressOf(replica));
    },
    close: async () => closed.abort(),
  };
}

const progressOf = ({ blocks, complete, open }: SmallReplica): ReplicaProgress => ({
  size: bytes(blocks.length * blockLength),
  complete: complete === undefined ? undefined : { round: round(complete), root: rootOf(blocks) },
  open: open && { round: round(open.round), mode: open.mode },
});

const rootOf = (blocks: readonly number[]): string => blocks.join('.');

interface Way {
  readonly source: SmallSource;
  readonly target: SmallTarget;
  readonly clock: Clock;
  readonly step: Step;
  readonly closed: AbortSignal;
}

async function run(
  way: Way,
  job: ReplicationJob,
  { onProgress, signal }: RunOptions,
): Promise<Result<RoundReport, ReplicationError>> {
  const { source, target, clock, step, closed } = way;
  const startedAt = clock.now();
  const { epoch } = source;
  const found = open(way, job);
  if (!found.ok) return found;
  const replica = found.value;
  const started = begin(replica, job, startedAt);
  if (!started.ok) return started;
  let sent = 0;
  const resumed = started.value === 'complete' ? replica.blocks.length : started.value.settled.size;
  if (started.value !== 'complete') {
    const opened = started.value;
    const wanted = blocksOf(way, job);
    if (!wanted.ok) return wanted;
    const total = bytes(wanted.value.length * blockLength);
    const tell = (left: number): void =>
      onProgress?.({
        done: bytes((wanted.value.length - left) * blockLength),
        total,
        read: total,
        sent: bytes(sent * blockLength),
      });
    for (const [index, block] of wanted.value.entries()) {
      if (opened.settled.has(block)) continue;
      if (signal?.aborted || closed.aborted) return err({ type: 'Cancelled' });
      await clock.wait(millis(1));
      const side = exported(source, sourceUri(job));
      if (!side || source.epoch !== epoch) return err(sourceGone(job));
      const value = side.blocks[block] ?? 0;
      await step(`block ${block} read`);
      const fault = target.fault?.(block);
      if (fault) return err(fault);
      if (replica.blocks[block] !== value) sent += 1;
      replica.blocks[block] = value;
      opened.settled.add(block);
      await step(`block ${block} settled`);
      tell(wanted.value.length - index - 1 || 1);
    }
    replica.complete = job.round;
    replica.open = undefined;
    tell(0);
    await step('round complete');
  }
  return ok(reportOf(job, replica, { sent, resumed, startedAt, endedAt: clock.now() }));
}

function open({ target }: Way, job: ReplicationJob): Result<SmallReplica, ReplicationError> {
  const there = target.replicas.get(job.target);
  if (there) {
    return there.session === job.session
      ? ok(there)
      : err({ type: 'TargetForeign', target: job.target, owner: there.session });
  }
  const made: SmallReplica = { ...job, blocks: [], complete: undefined, open: undefined };
  target.replicas.set(job.target, made);
  return ok(made);
}

function begin(
  replica: SmallReplica,
  { round: number, mode }: ReplicationJob,
  at: Instant,
): Result<'complete' | NonNullable<SmallReplica['open']>, ReplicationError> {
  const { complete, open: opened } = replica;
  if (!opened && complete === number) return ok('complete');
  if (opened?.round === number && opened.mode === mode) return ok(opened);
  const last = opened?.round ?? complete;
  const follows = mode === 'changes' ? !opened && complete === number - 1 : true;
  if (!follows || (last !== undefined && number < last))
    return err({ type: 'RoundOutOfOrder', asked: number, last: last ?? -1, lastIsComplete: !opened });
  replica.open = { round: number, mode, settled: new Set(), at };
  return ok(replica.open);
}

function blocksOf({ source }: Way, job: ReplicationJob): Result<readonly number[], ReplicationError> {
  const side = exported(source, sourceUri(job));
  if (!side) return err(sourceGone(job));
  if (job.mode !== 'changes') return ok([...side.blocks.keys()]);
  if (!side.dirty) return err({ type: 'ChangesUnknown', source: sourceUri(job), detail: 'no such mark' });
  return ok([...side.dirty].sort((a, b) => a - b));
}

const sourceUri = ({ source }: Pick<ReplicationJob, 'source'>): string =>
  source.type === 'nbd' ? source.uri : source.type === 'file' ? source.path : source.disk;
const sourceGone = (job: Pick<ReplicationJob, 'source'>): ReplicationError => ({
  type: 'SourceFailed',
  source: sourceUri(job),
  error: { type: 'ConnectionLost', detail: 'the export is gone' },
});

function reportOf(
  { session, disk, round: number, mode }: ReplicationJob,
  { blocks }: SmallReplica,
  did: { readonly sent: number; readonly resumed: number; readonly startedAt: Instant; readonly endedAt: Instant },
): RoundReport {
  const sent = bytes(did.sent * blockLength);
  return {
    ...{ session, disk, round: number, mode },
    size: bytes(blocks.length * blockLength),
    bytesRead: sent,
    bytesSent: sent,
    bytesOnWire: sent,
    bytesZeroed: bytes(0),
    bytesSame: bytes(0),
    bytesResumed: bytes(did.resumed * blockLength),
    root: rootOf(blocks),
    openedAt: did.startedAt,
    duration: elapsed(did.startedAt, did.endedAt),
  };
}

async function compare(
  { source, target, clock, step }: Way,
  job: Pick<ReplicationJob, 'source' | 'target'>,
): Promise<Result<Comparison, ReplicationError>> {
  const { epoch } = source;
  await clock.wait(millis(1));
  await step('compare');
  const replica = target.replicas.get(job.target);
  const side = exported(source, sourceUri(job));
  if (!replica) return err({ type: 'TargetMissing', target: job.target });
  if (!side || source.epoch !== epoch) return err(sourceGone(job));
  const size = bytes(side.blocks.length * blockLength);
  const at = side.blocks.findIndex((value, block) => value !== (replica.blocks[block] ?? 0));
  if (at < 0) return ok({ equal: true, root: rootOf(replica.blocks), size });
  return ok({ equal: false, firstDifference: { start: (at * blockLength) as never, length: bytes(blockLength) } });
}
