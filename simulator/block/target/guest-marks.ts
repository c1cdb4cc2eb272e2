import { diskId, type DiskId } from '#core/ids';
import type { GuestAgentError } from '#core/ports/guest-agent';
import type { ChangeMark, Changes } from '#core/ports/source-hypervisor';
import { extent, type Extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { bytes } from '#core/units';
import { sectorSize, type GuestDisk } from '#simulator/endpoints/guest/guest-disk';

/** What a sentinel has recorded, in the memory of one boot of its guest. */
export interface GuestMarks {
  begin(mark: ChangeMark): Result<void, GuestAgentError>;
  advance(from: ChangeMark, to: ChangeMark): Result<void, GuestAgentError>;
  changes(mark: ChangeMark): Result<readonly Changes[], GuestAgentError>;
  drop(isChosen: (mark: ChangeMark) => boolean): void;
  /** What a frozen mark recorded on a disk; undefined if it is not there, or not frozen. */
  recorded(mark: ChangeMark, disk: DiskId): readonly Extent[] | undefined;
  /** Events were overrun: what was recorded cannot be relied on, and is gone. */
  lose(): void;
  /** The guest is gone, and nothing is watched any more. */
  end(): void;
}

interface Recording {
  readonly mark: ChangeMark;
  isFrozen: boolean;
  readonly dirty: Map<DiskId, Set<number>>;
}

/** Watches the disks of a guest. Disks that are not named are not tracked. */
export function guestMarks(disks: ReadonlyMap<DiskId, GuestDisk>): GuestMarks {
  const marks = new Map<string, Recording>();
  const stops = [...disks].map(([id, disk]) =>
    disk.onWrite((sector, count) => {
      for (const { isFrozen, dirty } of marks.values())
        if (!isFrozen) for (let at = sector; at < sector + count; at += 1) dirty.get(id)?.add(at);
    }),
  );
  const [anyDisk] = disks.keys();
  // As the sentinel's own book of marks says it, also where no disk can be tracked.
  const lost = (): Result<never, GuestAgentError> =>
    err({ type: 'TrackingLost', disk: anyDisk ?? diskId('none'), detail: 'the mark is not there' });
  const add = (mark: ChangeMark): void => {
    const dirty = new Map([...disks.keys()].map((id) => [id, new Set<number>()]));
    marks.set(keyOf(mark), { mark, isFrozen: false, dirty });
  };
  return {
    begin: (mark) => {
      const there = marks.get(keyOf(mark));
      if (there?.isFrozen) return err({ type: 'Refused', operation: 'beginMark', detail: 'it was frozen already' });
      if (!there) add(mark);
      return ok(undefined);
    },
    advance: (from, to) => {
      const old = marks.get(keyOf(from));
      const next = marks.get(keyOf(to));
      if (!old || next?.isFrozen || (old.isFrozen && !next)) return lost();
      if (!next) add(to);
      old.isFrozen = true;
      return ok(undefined);
    },
    changes: (mark) => {
      const there = marks.get(keyOf(mark));
      if (!there) return lost();
      return ok([...there.dirty].map(([disk, sectors]) => ({ disk, dirty: bytes(sectors.size * sectorSize) })));
    },
    drop: (isChosen) => {
      for (const [key, { mark }] of marks) if (isChosen(mark)) marks.delete(key);
    },
    recorded: (mark, disk) => {
      const there = marks.get(keyOf(mark));
      return there?.isFrozen ? runsOf(there.dirty.get(disk) ?? new Set()) : undefined;
    },
    lose: () => marks.clear(),
    end: () => {
      for (const stop of stops) stop();
      marks.clear();
    },
  };
}

const keyOf = ({ owner, number }: ChangeMark): string => `${owner}/${number}`;

/** Sectors as runs, in order. */
function runsOf(sectors: ReadonlySet<number>): readonly Extent[] {
  const runs: { start: number; end: number }[] = [];
  for (const sector of [...sectors].toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last?.end === sector) last.end += 1;
    else runs.push({ start: sector, end: sector + 1 });
  }
  return runs.map(({ start, end }) => extent(start * sectorSize, (end - start) * sectorSize));
}
