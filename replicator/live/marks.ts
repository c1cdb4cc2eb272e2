import type { DiskId } from '#core/ids';
import type { HypervisorError } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import type { Memory } from './memory.ts';
import { whileWanted } from './patience.ts';
import { markOf, replicaOf, type Parts } from './parts.ts';
import { reasonFor, troubleAtSource, troubleOnPath, type Trouble } from './trouble.ts';

/*
 * Which mark belongs to which round.
 *
 * Round n of the chart reads what mark n-1 recorded and begins mark n. That holds until tracking is lost: then whatever
 * was settled under the old marks is worth nothing, and neither a mark nor a round of the replica may be mistaken for one
 * from before. So both are numbered by round plus losses:
 *
 *     chart round     0  1  2 | lost |  2  3  4 | lost |  4  5
 *     losses          0  0  0 |      |  1  1  1 |      |  2  2
 *     number          0  1  2 |      |  3  4  5 |      |  6  7
 *
 * A mark is dropped when a later round begins, never when its own ends: only then is it certain that the log has the
 * round which read it. A process that dies in between finds the mark again.
 */

/** The number of a round's mark, and of the round at the replica. */
export const numberOf = (round: number, { losses }: Pick<Memory, 'losses'>): number => round + losses;

/** Whether the mark is there: asked before everything is read for nothing. */
export async function findMark(
  { parts, number }: MarkOrder,
  signal: AbortSignal,
): Promise<Result<void, HypervisorError>> {
  const changes = await parts.source.look((source) => source.changes(markOf(parts, number)), signal);
  return changes.ok ? ok(undefined) : changes;
}

/** What a step about marks works on. */
export interface MarkOrder {
  readonly parts: Parts;
  readonly memory: Memory;
  readonly number: number;
}

/** For a delta: freezes the mark of the round before and begins this one's. Doing it again changes nothing. */
export async function advanceMarks(
  { parts, number }: MarkOrder,
  signal: AbortSignal,
): Promise<Result<void, HypervisorError>> {
  if (number >= 2) {
    // What it recorded is at the target, and the log says so, or there were no round after it.
    const dropped = await parts.source.ask((source) => source.dropMark(markOf(parts, number - 2)), signal);
    if (!dropped.ok) return dropped;
  }
  return parts.source.ask((source) => source.advanceMark(markOf(parts, number - 1), markOf(parts, number)), signal);
}

/** For the start: nothing of ours is on the source but a mark that records from now on. */
export async function beginAnew({ parts, number }: Omit<MarkOrder, 'memory'>): Promise<Result<void, HypervisorError>> {
  // An earlier migration of the same name may have left frozen marks, which would record nothing.
  const released = await parts.source.ask((source) => source.release(parts.migration));
  if (!released.ok) return released;
  return parts.source.ask((source) => source.beginMark(markOf(parts, number)));
}

/**
 * For a rescan: its own mark, begun before the first block is compared.
 *
 * If the mark is there, an interrupted rescan goes on under it. If it is not, and the replica has blocks that were settled
 * under its number, then the mark was lost since, and those blocks may have been written unseen: one more loss.
 */
export async function rescanMark(order: MarkOrder, signal: AbortSignal): Promise<Result<void, Trouble>> {
  const found = await findMark(order, signal);
  if (found.ok) return found;
  if (found.error.type !== 'TrackingLost') return err(troubleAtSource(found.error));
  const settled = await hasSettled(order, signal);
  if (!settled.ok) return settled;
  if (settled.value) {
    const detail = `the mark under which the disks were being compared is gone: ${found.error.detail}`;
    return err({ type: 'TrackingLost', disk: found.error.disk, detail });
  }
  const begun = await beginAnew(order);
  return begun.ok ? begun : err(cannotTrack(troubleAtSource(begun.error)));
}

/** Whether a round of this number was begun at the replica of any disk. */
async function hasSettled(
  { parts, memory, number }: MarkOrder,
  signal: AbortSignal,
): Promise<Result<boolean, Trouble>> {
  for (const { id } of parts.plan.disks) {
    const looked = parts.path.inspect(replicaOf(parts, memory, id));
    const replica = await whileWanted(signal, looked, err({ type: 'Cancelled' }));
    if (!replica.ok) return err(troubleOnPath(replica.error, id, false));
    const { open, complete } = replica.value ?? {};
    if ((open?.round ?? -1) >= number || (complete?.round ?? -1) >= number) return ok(true);
  }
  return ok(false);
}

// A mark that cannot be begun would be lost again at once, for ever: a person has to look.
function cannotTrack(trouble: Trouble): Trouble {
  return trouble.type === 'TrackingLost' ? { type: 'Stalled', reason: reasonFor(trouble), retryable: false } : trouble;
}

/** How much a mark recorded on the planned disks, by disk. A disk that cannot be tracked is not among them. */
export async function changesSince(
  { parts, number }: Omit<MarkOrder, 'memory'>,
  signal: AbortSignal,
): Promise<Result<ReadonlyMap<DiskId, number>, HypervisorError>> {
  const changes = await parts.source.look((source) => source.changes(markOf(parts, number)), signal);
  if (!changes.ok) return changes;
  const planned = new Set(parts.plan.disks.map(({ id }) => id));
  return ok(new Map(changes.value.filter(({ disk }) => planned.has(disk)).map(({ disk, dirty }) => [disk, dirty])));
}
