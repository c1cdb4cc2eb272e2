import { diskId, type DiskId } from '#core/ids';
import type { ChangeMark, Changes, HypervisorError } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { sectorSize, type WholeDisk } from '#replicator/sentinel/disks/guest-disks';
import { describeDiskChange, diskChanges, type DiskSight } from '#replicator/sentinel/disks/watch-disks';
import { blockBitmap, type BlockBitmap } from './block-bitmap.ts';
import type { CompletedRequest } from './trace-page.ts';

/** Why a mark is not what was asked for. */
export type MarkError = Extract<HypervisorError, { type: 'TrackingLost' | 'Refused' }>;

/** A disk as marks need it. */
export type MarkableDisk = DiskSight & Pick<WholeDisk, 'dev' | 'scatteredDiscards'> & { readonly trackable: boolean };

/**
 * The marks of one guest and what they recorded. In memory only: with the process, or the guest, they are gone, and
 * whoever asks for one that is gone hears that it is lost. Nothing here waits.
 *
 * A mark is absent, recording or frozen, and only ever goes from left to right.
 */
export interface MarkBook {
  /** Whether any mark records: only then is there a need to trace. */
  readonly records: boolean;
  /** Bytes of memory for all that was recorded. */
  readonly memory: number;
  begin(mark: ChangeMark, disks: readonly MarkableDisk[]): Result<void, MarkError>;
  /** Freezes one and begins the next, at this instant. Done already: nothing to do. */
  advance(from: ChangeMark, to: ChangeMark, disks: readonly MarkableDisk[]): Result<void, MarkError>;
  changes(mark: ChangeMark, disks: readonly DiskSight[]): Result<readonly Changes[], MarkError>;
  /** What a frozen mark recorded on one disk. A disk that cannot be tracked has no bitmap: `TrackingLost`. */
  frozen(mark: ChangeMark, disk: DiskId, disks: readonly DiskSight[]): Result<BlockBitmap, MarkError>;
  drop(mark: ChangeMark): void;
  dropAllOf(owner: string): void;
  /** Adds a request to all marks that record. */
  note(request: CompletedRequest): void;
  /** From here on no mark that records can be trusted; those that are frozen can. */
  loseRecording(why: string): void;
}

interface MarkedDisk {
  readonly sight: MarkableDisk;
  readonly bitmap: BlockBitmap;
  lost: string | undefined;
}

interface Mark {
  /** All disks there were when it was begun. */
  readonly sights: readonly MarkableDisk[];
  /** Those that can be tracked. */
  readonly disks: ReadonlyMap<DiskId, MarkedDisk>;
  frozen: boolean;
}

interface Book {
  readonly marks: Map<string, Mark>;
  /** What has to be looked at for each request, by device. */
  recording: ReadonlyMap<number, readonly MarkedDisk[]>;
}

/** A book without marks. */
export function markBook(): MarkBook {
  const book: Book = { marks: new Map(), recording: new Map() };
  const { marks } = book;
  return {
    get records() {
      return [...marks.values()].some(({ frozen }) => !frozen);
    },
    get memory() {
      const disks = [...marks.values()].flatMap((mark) => [...mark.disks.values()]);
      return disks.reduce((sum, { bitmap }) => sum + bitmap.memory, 0);
    },
    begin: (mark, disks) => begin(book, mark, disks),
    advance: (from, to, disks) => advance(book, { from, to }, disks),
    changes: (mark, disks) => {
      const found = find(book, mark, disks);
      return found.ok ? ok([...found.value.disks].map(([disk, { bitmap }]) => ({ disk, dirty: bitmap.dirty }))) : found;
    },
    frozen: (mark, disk, disks) => {
      const found = find(book, mark, disks);
      if (!found.ok) return found;
      if (!found.value.frozen) return refused('openDisk', `mark ${mark.number} still records; advance it first`);
      const marked = found.value.disks.get(disk);
      return marked ? ok(marked.bitmap) : lost(disk, `mark ${mark.number} has no record of it`);
    },
    drop: (mark) => {
      marks.delete(keyOf(mark));
      index(book);
    },
    dropAllOf: (owner) => {
      for (const key of [...marks.keys()]) if (ownerIn(key) === owner) marks.delete(key);
      index(book);
    },
    note: (request) => note(book.recording.get(request.dev) ?? [], request),
    loseRecording: (why) => {
      for (const disks of book.recording.values()) for (const disk of disks) disk.lost ??= why;
    },
  };
}

function begin(book: Book, mark: ChangeMark, disks: readonly MarkableDisk[]): Result<void, MarkError> {
  const found = book.marks.get(keyOf(mark));
  if (found?.frozen)
    return refused('beginMark', `mark ${mark.number} was frozen already; begin one with another number`);
  if (found) return withoutValue(sound(found, mark, disks));
  add(book, mark, disks);
  index(book);
  return ok(undefined);
}

function advance(
  book: Book,
  { from, to }: { readonly from: ChangeMark; readonly to: ChangeMark },
  disks: readonly MarkableDisk[],
): Result<void, MarkError> {
  if (from.owner !== to.owner || to.number <= from.number)
    return refused('advanceMark', `mark ${to.number} does not come after mark ${from.number} of the same owner`);
  const old = find(book, from, disks);
  if (!old.ok) return old;
  const next = book.marks.get(keyOf(to));
  if (next?.frozen) return lost(disks[0]?.id, `mark ${to.number} does not record any more`);
  if (next === undefined && old.value.frozen)
    return lost(disks[0]?.id, `mark ${from.number} stopped recording before mark ${to.number} was begun`);
  const still = next && sound(next, to, disks);
  if (still && !still.ok) return still;
  if (next === undefined) add(book, to, disks);
  old.value.frozen = true;
  index(book);
  return ok(undefined);
}

function add(book: Book, mark: ChangeMark, sights: readonly MarkableDisk[]): void {
  const tracked = sights.filter(({ trackable }) => trackable);
  const marked = tracked.map((sight): MarkedDisk => ({ sight, bitmap: blockBitmap(sight.size), lost: undefined }));
  book.marks.set(keyOf(mark), { sights, disks: new Map(marked.map((disk) => [disk.sight.id, disk])), frozen: false });
}

function index(book: Book): void {
  const byDev = new Map<number, MarkedDisk[]>();
  for (const { disks, frozen } of book.marks.values())
    for (const disk of frozen ? [] : disks.values())
      byDev.set(disk.sight.dev, [...(byDev.get(disk.sight.dev) ?? []), disk]);
  book.recording = byDev;
}

function note(disks: readonly MarkedDisk[], { sector, sectors, isDiscard }: CompletedRequest): void {
  for (const disk of disks) {
    // Such a request may carry ranges that do not touch, and its record has the first place and the sum of lengths.
    if (isDiscard && disk.sight.scatteredDiscards)
      disk.lost ??= 'discards were merged, and where they were is not recorded';
    disk.bitmap.add(sector * sectorSize, sectors * sectorSize);
  }
}

function find(book: Book, mark: ChangeMark, now: readonly DiskSight[]): Result<Mark, MarkError> {
  const found = book.marks.get(keyOf(mark));
  if (found) return sound(found, mark, now);
  return lost(now[0]?.id, `mark ${mark.number} is not there: the sentinel or the guest was restarted`);
}

const keyOf = ({ owner, number }: ChangeMark): string => `${number}:${owner}`;
const ownerIn = (key: string): string => key.slice(key.indexOf(':') + 1);

/** A mark is worth something while all its disks are the ones it was begun on, and nothing of it was lost. */
function sound(found: Mark, { number }: ChangeMark, now: readonly DiskSight[]): Result<Mark, MarkError> {
  const [change] = diskChanges(found.sights, now);
  if (change) return lost(change.disk, `${describeDiskChange(change)}, since mark ${number} was begun`);
  for (const [id, disk] of found.disks) if (disk.lost !== undefined) return lost(id, disk.lost);
  return ok(found);
}

const withoutValue = (result: Result<unknown, MarkError>): Result<void, MarkError> =>
  result.ok ? ok(undefined) : result;

// A guest without any disk has no tracking to lose, and yet the error names one.
const lost = (disk: DiskId | undefined, detail: string) =>
  err({ type: 'TrackingLost', disk: disk ?? diskId('none'), detail } satisfies MarkError);
const refused = (operation: string, detail: string) => err({ type: 'Refused', operation, detail } satisfies MarkError);
