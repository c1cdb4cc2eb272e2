import { abortedWith, calledOff } from '#core/called-off';
import type { DiskId } from '#core/ids';
import type { RoundProgress, RoundReport } from '#core/migration/facts';
import { disksNamed, type DiskLocator, type SourceDisk, type SourceInventory } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { sometimes } from '#core/sometimes';
import { bytes, bytesPerSecond, elapsed, millis, round as roundNumber, type Instant, type Round } from '#core/units';
import type { ReplicationError, RoundReport as DiskRound, RoundMode } from '#replicator/pipeline/replication';
import { describeDiskDifference, diskDifferences } from './disk-differences.ts';
import { advanceMarks, changesSince, findMark, numberOf, rescanMark, type MarkOrder } from './marks.ts';
import { markOf, replicaOf, type Parts } from './parts.ts';
import { roundProgress } from './round-progress.ts';
import { reasonOf, troubleAtSource, troubleOnPath, type Trouble } from './trouble.ts';

/** One round over all disks of a migration. */
export interface RoundOrder {
  readonly round: Round;
  readonly kind: RoundReport['kind'];
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RoundProgress) => void;
}

const modes = {
  full: 'full',
  delta: 'changes',
  rescan: 'rescan',
  final: 'changes',
} as const satisfies Record<RoundReport['kind'], RoundMode>;

/**
 * Runs one round, or what is left of it. Nothing is lost whenever it is interrupted: marks freeze before they are read,
 * and the replica's journal knows what is durable.
 */
export async function runRound(parts: Parts, order: RoundOrder): Promise<Result<RoundReport, Trouble>> {
  const begunAt = parts.clock.now();
  const memory = await parts.memory();
  const marks: MarkOrder = { parts, memory, number: numberOf(order.round, memory) };
  const disks = await plannedDisks(parts, order);
  if (!disks.ok) return disks;
  // A process that died in a round left its exports, and an export keeps the mark it shows from being dropped.
  const clean = await parts.source.ask((source) => source.closeDisks(), order.signal);
  if (!clean.ok) return err(troubleAtSource(clean.error));
  const marked = await prepareMarks(marks, order);
  if (!marked.ok) return marked;
  if (order.signal.aborted) return err({ type: 'Abandoned' });
  const moved = await parts.replicas.alone(() => moveDisks(marks, order, disks.value));
  await parts.source.ask((source) => source.closeDisks(), order.signal);
  if (!moved.ok) return moved;
  // Also the proof that nothing was lost while the round ran: a mark that is gone by now answers TrackingLost.
  const changes = await changesSince(marks, order.signal);
  if (!changes.ok) {
    sometimes('round: all blocks had arrived and then the marks were gone');
    return err(troubleAtSource(changes.error));
  }
  return ok(reportOf(order, moved.value, changes.value, { begunAt, endedAt: parts.clock.now() }));
}

/** The disks of the plan as the source has them, if they are still what was planned and the source does what it should. */
async function plannedDisks(
  parts: Parts,
  { kind, signal }: RoundOrder,
): Promise<Result<readonly SourceDisk[], Trouble>> {
  const inventory = await parts.source.look((source) => source.inspect(), signal);
  if (!inventory.ok) return err(troubleAtSource(inventory.error));
  const named = disksNamed(inventory.value);
  if (!named.ok) {
    sometimes('round: the guest that names its disks was off');
    return err(kind === 'final' ? sourceOff : troubleAtSource(named.error));
  }
  const differences = diskDifferences(parts.plan, named.value, parts.otherDisks);
  if (differences.length > 0) {
    sometimes('round: the disks of the source had changed');
    const detail = `${differences.map(describeDiskDifference).join('; ')}; undo it and resume, or cancel and plan anew`;
    return err({ type: 'Stalled', reason: reasonOf('DisksChanged', detail), retryable: false });
  }
  if (kind === 'final' && !isAtRest(inventory.value)) {
    sometimes('round: the source ran in its final sync');
    return err(sourceRuns);
  }
  const planned = new Set<DiskId>(parts.plan.disks.map(({ id }) => id));
  return ok(named.value.filter(({ id }) => planned.has(id)));
}

/** Whether the guest writes nothing, as its hypervisor sees it. */
export const isAtRest = ({ power }: Pick<SourceInventory, 'power'>): boolean => power !== 'running';

const sourceRuns: Trouble = {
  type: 'Stalled',
  reason: reasonOf('SourceRuns', 'the source runs although it was quiesced: somebody or something started it again'),
  retryable: false,
};

/** In a round before it somebody may start the guest meanwhile, and it goes on. A guest that was started is at rest no more. */
const sourceOff: Trouble = {
  type: 'Stalled',
  reason: reasonOf(
    'SourceOff',
    'the source is switched off, and only its guest could say what it wrote last; start it, then start the cutover again',
  ),
  retryable: false,
};

async function prepareMarks(marks: MarkOrder, { kind, signal }: RoundOrder): Promise<Result<void, Trouble>> {
  if (kind === 'rescan') {
    sometimes('round: compared everything because tracking was lost');
    return rescanMark(marks, signal);
  }
  const ready = await (kind === 'full' ? findMark(marks, signal) : advanceMarks(marks, signal));
  return ready.ok ? ready : err(troubleAtSource(ready.error));
}

interface MovedDisk {
  readonly disk: SourceDisk;
  readonly mode: RoundMode;
  readonly total: number;
  readonly report: DiskRound;
}

async function moveDisks(
  marks: MarkOrder,
  order: RoundOrder,
  disks: readonly SourceDisk[],
): Promise<Result<readonly MovedDisk[], Trouble>> {
  const { parts } = marks;
  const opened: { readonly disk: SourceDisk; readonly mode: RoundMode; readonly source: DiskLocator }[] = [];
  for (const disk of disks) {
    // Without tracking nobody knows what changed, so every round compares all of such a disk.
    const mode = modes[order.kind] === 'changes' && !disk.tracking.possible ? 'rescan' : modes[order.kind];
    const since = mode === 'changes' ? markOf(parts, marks.number - 1) : undefined;
    const source = await parts.source.ask((hypervisor) => hypervisor.openDisk(disk.id, since), order.signal);
    if (!source.ok) return err(troubleAtSource(source.error));
    opened.push({ disk, mode, source: source.value });
  }
  if (order.signal.aborted) return err({ type: 'Abandoned' });

  // All disks at once: a round is done when its slowest disk is, and the path bounds what each may take.
  const { controller: over, letGo } = abortedWith(order.signal);
  const { signal } = over;
  const progress = roundProgress(
    { round: order.round, disks: disks.map(({ id }) => id), clock: parts.clock, said: marks.memory.progress },
    order.onProgress,
  );
  let first: { readonly error: ReplicationError; readonly disk: DiskId } | undefined;
  const moved: MovedDisk[] = [];
  await Promise.all(
    opened.map(async ({ disk, mode, source }) => {
      let total: number | undefined;
      const job = { ...replicaOf(parts, marks.memory, disk.id), round: roundNumber(marks.number), source, mode };
      const ran = await parts.path.run(job, {
        signal,
        ...(parts.throttle && order.kind !== 'final' && { throttle: parts.throttle }),
        onProgress: (now) => {
          total = now.total;
          progress.take(disk.id, now);
        },
      });
      if (ran.ok) moved.push({ disk, mode, report: ran.value, total: total ?? handled(ran.value) });
      else {
        sometimes('round: a disk failed and stopped the others');
        first ??= { error: ran.error, disk: disk.id };
        over.abort(calledOff);
      }
    }),
  );
  letGo();
  if (order.signal.aborted) return err({ type: 'Abandoned' });
  return first ? err(pathTrouble(first.error, first.disk, order)) : ok(moved);
}

const handled = ({ bytesSent, bytesZeroed, bytesSame, bytesResumed }: DiskRound): number =>
  bytesSent + bytesZeroed + bytesSame + bytesResumed;

function pathTrouble(error: ReplicationError, disk: DiskId, { kind }: RoundOrder): Trouble {
  // Cancelled, but not by us: the path was closed under our feet. It may be there again.
  if (error.type === 'Cancelled')
    return {
      type: 'Stalled',
      reason: reasonOf('PathClosed', `disk ${disk}: the way to it was closed`),
      retryable: true,
    };
  return troubleOnPath(error, disk, kind !== 'rescan');
}

function reportOf(
  { round, kind }: RoundOrder,
  moved: readonly MovedDisk[],
  changes: ReadonlyMap<DiskId, number>,
  { begunAt, endedAt }: { readonly begunAt: Instant; readonly endedAt: Instant },
): RoundReport {
  const sum = (of: (disk: MovedDisk) => number): number => moved.reduce((total, disk) => total + of(disk), 0);
  // Of a disk that cannot be tracked the best guess at the next round's work is this round's.
  const guessOf = ({ mode, disk, report }: MovedDisk): number =>
    kind !== 'final' && mode === 'rescan' && !disk.tracking.possible ? report.bytesSent + report.bytesZeroed : 0;
  const sent = sum(({ report }) => report.bytesSent);
  const duration = elapsed(begunAt, endedAt);
  return {
    round,
    kind,
    planned: bytes(sum(({ total }) => total)),
    sent: bytes(sent),
    zeroed: bytes(sum(({ report }) => report.bytesZeroed)),
    resumed: bytes(sum(({ report }) => report.bytesResumed)),
    duration,
    rate: bytesPerSecond(Math.round((sent * 1000) / Math.max(1, duration))),
    dirty: bytes(sum(guessOf) + [...changes.values()].reduce((total, dirty) => total + dirty, 0)),
    disks: moved.map((one) => ({
      disk: one.disk.id,
      sent: one.report.bytesSent,
      zeroed: one.report.bytesZeroed,
      root: one.report.root,
      dirty: bytes(guessOf(one) + (changes.get(one.disk.id) ?? 0)),
    })),
  };
}

/** A report as if the round had begun earlier: what was tried before it counts into its duration. */
export const sinceFirstTry = (report: RoundReport, begunAt: Instant, endedAt: Instant): RoundReport => ({
  ...report,
  duration: millis(Math.max(report.duration, elapsed(begunAt, endedAt))),
});
