import { totalLength, type Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import {
  disksNamed,
  type ChangeMark,
  type Changes,
  type DiskLocator,
  type SourceHypervisor,
  type SourceInventory,
} from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { refused, sourceConnector, stillRecords, type Outcome } from './connector.ts';
import { exportName, parseExportName, parseSnapshotName, snapshotName } from './names.ts';

/*
 * Marks as snapshots of a VM, for vendors that tell what changed from one to another.
 *
 *     mark 0 begun    mark 1 begun    mark 2 begun
 *         |--- 0 --------|--- 1 ---------|--- 2 ...  records
 *
 * A mark is a snapshot of its name, and what it recorded is what differs from the next one, which froze it: so there is one
 * instant over all disks between two marks. A frozen mark is read from the snapshot that froze it, as the disks were then.
 */

/** A snapshot as its vendor lists it. */
export interface Snapshot {
  readonly name: string;
  /** It holds the disks as they were, so that what was recorded before it can be read. */
  readonly holdsContent: boolean;
  /** The disks in it, with their sizes where the vendor knows. */
  readonly disks: ReadonlyMap<DiskId, number | undefined>;
}

/** What is asked of a vendor. Each is one request or several, and waits for what they begin. */
export interface SnapshotVendor {
  /** Of the VM as it is: untracked disks are in no snapshot. */
  inspect(operation: string): Outcome<SourceInventory>;
  /** Once nothing is under way any more. */
  snapshots(operation: string): Outcome<readonly Snapshot[]>;
  create(operation: string, name: string, holdsContent: boolean): Outcome<void>;
  remove(operation: string, snapshot: Snapshot): Outcome<void>;
  /** Gives up the content of a snapshot, for vendors with whom it costs something to keep it. */
  giveUpContent(operation: string, snapshot: Snapshot): Outcome<void>;
  /** What changed from a snapshot to another, or to now. `undefined`: the vendor does not know any more. */
  changed(
    operation: string,
    disk: DiskId,
    from: Snapshot,
    to: Snapshot | undefined,
  ): Outcome<readonly Extent[] | undefined>;
  /** Whether changes up to now can be asked for, without a snapshot to end at. */
  readonly knowsNow: boolean;
  show(operation: string, request: ShowRequest): Outcome<DiskLocator>;
  /** The names under which disks are shown. */
  shown(operation: string): Outcome<readonly string[]>;
  hide(operation: string, name: string): Outcome<void>;
  pause(): Outcome<void>;
  resume(): Outcome<void>;
}

/** Which disk to show, as it was or as it is, and what changed of it. */
export interface ShowRequest {
  readonly name: string;
  readonly disk: DiskId;
  readonly at: Snapshot | undefined;
  readonly changes: readonly Extent[] | undefined;
}

/** A connector of such a vendor. */
export function snapshotConnector(vendor: SnapshotVendor, owner: string): SourceHypervisor {
  return sourceConnector({
    inspect: () => vendor.inspect('inspect'),
    beginMark: (mark) => beginMark(vendor, mark),
    advanceMark: (from, to) => advanceMark(vendor, from, to),
    changes: (mark) => changes(vendor, mark),
    dropMark: (mark) => dropMark(vendor, mark),
    openDisk: (disk, since) => openDisk(vendor, owner, disk, since),
    async closeDisks() {
      const hidden = await hide(vendor, 'closeDisks', (name) => name.owner === owner);
      if (!hidden.ok) return hidden;
      return await removeAll(vendor, 'closeDisks', (of, purpose) => of === owner && typeof purpose !== 'number');
    },
    pause: () => vendor.pause(),
    resume: () => vendor.resume(),
    async release(of) {
      const hidden = await hide(vendor, 'release', (name) => name.owner === of);
      return hidden.ok ? await removeAll(vendor, 'release', (its) => its === of) : hidden;
    },
  });
}

/** The mark, if it is there and of the disks that the VM has. */
interface Sight {
  readonly mark: Snapshot | undefined;
  /** The snapshot that froze it, if one did. */
  readonly end: Snapshot | undefined;
  readonly all: readonly Snapshot[];
  readonly tracked: readonly { readonly id: DiskId; readonly size: number }[];
}

async function look(vendor: SnapshotVendor, operation: string, mark: ChangeMark): Outcome<Sight> {
  const all = await vendor.snapshots(operation);
  if (!all.ok) return all;
  const inventory = await vendor.inspect(operation);
  if (!inventory.ok) return inventory;
  const disks = disksNamed(inventory.value);
  if (!disks.ok) return disks;
  const tracked = disks.value.filter(({ tracking }) => tracking.possible);
  const found = all.value.find(({ name }) => name === snapshotName(mark.owner, mark.number));
  const why = found === undefined ? undefined : differenceOf(found, tracked);
  if (why !== undefined) return trackingLost(tracked, why);
  const end = ofOwner(all.value, mark.owner).find(({ number, holdsContent }) => holdsContent && number > mark.number);
  return ok({ mark: found, end, all: all.value, tracked });
}

/** What sets the disks of a mark apart from those that the VM has. */
function differenceOf({ name, disks }: Snapshot, tracked: Sight['tracked']): string | undefined {
  if (disks.size !== tracked.length) return `${name} is of ${disks.size} disk(s), and the VM has ${tracked.length}`;
  for (const { id, size } of tracked) {
    if (!disks.has(id)) return `disk ${id} is not in ${name}`;
    if ((disks.get(id) ?? size) !== size) return `disk ${id} had another size in ${name}`;
  }
  return undefined;
}

/** The marks of an owner, in their order. */
const ofOwner = (all: readonly Snapshot[], owner: string): readonly (Snapshot & { readonly number: number })[] =>
  all
    .flatMap((snapshot) => {
      const name = parseSnapshotName(snapshot.name);
      return name?.owner === owner && typeof name.purpose === 'number' ? [{ ...snapshot, number: name.purpose }] : [];
    })
    .toSorted((one, other) => one.number - other.number);

const trackingLost = (
  tracked: Sight['tracked'],
  detail: string,
): Result<never, { type: 'TrackingLost'; disk: DiskId; detail: string }> =>
  err({ type: 'TrackingLost', disk: tracked[0]?.id ?? ('none' as DiskId), detail });

/** What a mark has recorded, disk by disk; with proof that it can be trusted. */
async function recorded(
  vendor: SnapshotVendor,
  operation: string,
  { tracked }: Sight,
  from: Snapshot,
  to: Snapshot | undefined,
): Outcome<ReadonlyMap<DiskId, readonly Extent[]>> {
  const found = new Map<DiskId, readonly Extent[]>();
  for (const { id } of tracked) {
    const changed = await vendor.changed(operation, id, from, to);
    if (!changed.ok) return changed;
    if (changed.value === undefined)
      return err({ type: 'TrackingLost', disk: id, detail: `what changed since ${from.name} is not known any more` });
    found.set(id, changed.value);
  }
  return ok(found);
}

async function beginMark(vendor: SnapshotVendor, mark: ChangeMark): Outcome<void> {
  const operation = 'beginMark';
  const seen = await look(vendor, operation, mark);
  if (!seen.ok) return seen;
  if (seen.value.mark === undefined)
    return await vendor.create(operation, snapshotName(mark.owner, mark.number), false);
  return seen.value.end === undefined
    ? ok(undefined)
    : refused(operation, `mark ${mark.number} was frozen already; begin one with another number`);
}

async function advanceMark(vendor: SnapshotVendor, from: ChangeMark, to: ChangeMark): Outcome<void> {
  const operation = 'advanceMark';
  const old = await look(vendor, operation, from);
  if (!old.ok) return old;
  const next = await look(vendor, operation, to);
  if (!next.ok) return next;
  const { mark, end, tracked } = old.value;
  if (mark === undefined) return trackingLost(tracked, `mark ${from.number} is not there`);
  const toMark = { name: snapshotName(to.owner, to.number), holdsContent: true, disks: mark.disks };
  if (next.value.mark?.holdsContent === true) return await trusted(vendor, operation, old.value, mark, toMark);
  if (next.value.mark !== undefined || end !== undefined)
    return trackingLost(tracked, `mark ${from.number} was not frozen by mark ${to.number}`);
  // A vendor that only compares snapshots can say no earlier than with the second one whether it still knows the first.
  const before = vendor.knowsNow ? await trusted(vendor, operation, old.value, mark, undefined) : ok(undefined);
  if (!before.ok) return before;
  const made = await vendor.create(operation, toMark.name, true);
  return made.ok ? await trusted(vendor, operation, old.value, mark, toMark) : made;
}

/** Whether a vendor still knows what a mark recorded: it is asked for that. */
async function trusted(
  vendor: SnapshotVendor,
  operation: string,
  seen: Sight,
  from: Snapshot,
  to: Snapshot | undefined,
): Outcome<void> {
  const told = await recorded(vendor, operation, seen, from, to);
  return told.ok ? ok(undefined) : told;
}

async function changes(vendor: SnapshotVendor, mark: ChangeMark): Outcome<readonly Changes[]> {
  const operation = 'changes';
  const seen = await look(vendor, operation, mark);
  if (!seen.ok) return seen;
  const { mark: from, end, tracked } = seen.value;
  if (from === undefined) return trackingLost(tracked, `mark ${mark.number} is not there`);
  const told = await (end !== undefined || vendor.knowsNow
    ? recorded(vendor, operation, seen.value, from, end)
    : recordedUpToNow(vendor, operation, seen.value, { from, owner: mark.owner }));
  return told.ok ? ok([...told.value].map(([disk, extents]) => ({ disk, dirty: totalLength(extents) }))) : told;
}

/** Asks a vendor that only compares snapshots: with one more, which is removed again. */
async function recordedUpToNow(
  vendor: SnapshotVendor,
  operation: string,
  seen: Sight,
  { from, owner }: { readonly from: Snapshot; readonly owner: string },
): Outcome<ReadonlyMap<DiskId, readonly Extent[]>> {
  const name = snapshotName(owner, 'probe');
  // One that a process left which died is of another moment.
  const old = await removeAll(vendor, operation, (of, purpose) => of === owner && purpose === 'probe');
  if (!old.ok) return old;
  const made = await vendor.create(operation, name, true);
  if (!made.ok) return made;
  const told = await recorded(vendor, operation, seen, from, { name, holdsContent: true, disks: from.disks });
  const removed = await removeAll(vendor, operation, (of, purpose) => of === owner && purpose === 'probe');
  return removed.ok ? told : removed;
}

async function dropMark(vendor: SnapshotVendor, mark: ChangeMark): Outcome<void> {
  const operation = 'dropMark';
  const hidden = await hide(vendor, operation, ({ owner, mark: of }) => owner === mark.owner && of === mark.number);
  if (!hidden.ok) return hidden;
  const removed = await removeAll(vendor, operation, (of, purpose) => of === mark.owner && purpose === mark.number);
  if (!removed.ok) return removed;
  const left = await vendor.snapshots(operation);
  if (!left.ok) return left;
  // Nothing is read any more from the one that froze it, unless it froze another one as well.
  const [oldest] = ofOwner(left.value, mark.owner);
  return oldest?.holdsContent === true ? await vendor.giveUpContent(operation, oldest) : ok(undefined);
}

async function openDisk(
  vendor: SnapshotVendor,
  owner: string,
  disk: DiskId,
  since: ChangeMark | undefined,
): Outcome<DiskLocator> {
  const operation = 'openDisk';
  const inventory = await vendor.inspect(operation);
  if (!inventory.ok) return inventory;
  const disks = disksNamed(inventory.value);
  if (!disks.ok) return disks;
  const found = disks.value.find(({ id }) => id === disk);
  if (found === undefined) return err({ type: 'DiskNotFound', disk });
  const { tracking } = found;
  const name = exportName(owner, disk, since);
  if (since !== undefined) {
    if (!tracking.possible) return err({ type: 'TrackingLost', disk, detail: tracking.why });
    return await openChanges(vendor, { name, disk, since });
  }
  // What is in no snapshot is read as it is.
  if (!tracking.possible) return await vendor.show(operation, { name, disk, at: undefined, changes: undefined });
  const at = await readingSnapshot(vendor, operation, owner);
  return at.ok ? await vendor.show(operation, { name, disk, at: at.value, changes: undefined }) : at;
}

/** A disk as it was when a mark was frozen, with what the mark recorded. */
async function openChanges(
  vendor: SnapshotVendor,
  { name, disk, since }: { readonly name: string; readonly disk: DiskId; readonly since: ChangeMark },
): Outcome<DiskLocator> {
  const operation = 'openDisk';
  const seen = await look(vendor, operation, since);
  if (!seen.ok) return seen;
  const { mark, end, tracked } = seen.value;
  if (mark === undefined) return trackingLost(tracked, `mark ${since.number} is not there`);
  if (end === undefined) {
    const known = vendor.knowsNow ? await trusted(vendor, operation, seen.value, mark, undefined) : ok(undefined);
    return known.ok ? stillRecords(since) : known;
  }
  const told = await recorded(vendor, operation, seen.value, mark, end);
  return told.ok ? await vendor.show(operation, { name, disk, at: end, changes: told.value.get(disk) ?? [] }) : told;
}

/** The snapshot that disks are read from which are read whole: taken when the first of them is opened. */
async function readingSnapshot(vendor: SnapshotVendor, operation: string, owner: string): Outcome<Snapshot> {
  const name = snapshotName(owner, 'read');
  const find = async (): Outcome<Snapshot | undefined> => {
    const all = await vendor.snapshots(operation);
    return all.ok ? ok(all.value.find((snapshot) => snapshot.name === name)) : all;
  };
  const there = await find();
  if (!there.ok) return there;
  if (there.value !== undefined) return ok(there.value);
  const made = await vendor.create(operation, name, true);
  if (!made.ok) return made;
  const found = await find();
  if (!found.ok) return found;
  return found.value === undefined ? refused(operation, `${name} was removed at once`) : ok(found.value);
}

async function hide(
  vendor: SnapshotVendor,
  operation: string,
  isChosen: (name: { readonly owner: string; readonly mark: number | undefined }) => boolean,
): Outcome<void> {
  const shown = await vendor.shown(operation);
  if (!shown.ok) return shown;
  for (const name of shown.value) {
    const parsed = parseExportName(name);
    if (parsed === undefined || !isChosen(parsed)) continue;
    const hidden = await vendor.hide(operation, name);
    if (!hidden.ok) return hidden;
  }
  return ok(undefined);
}

async function removeAll(
  vendor: SnapshotVendor,
  operation: string,
  isChosen: (owner: string, purpose: number | 'read' | 'probe') => boolean,
): Outcome<void> {
  const all = await vendor.snapshots(operation);
  if (!all.ok) return all;
  for (const snapshot of all.value) {
    const parsed = parseSnapshotName(snapshot.name);
    if (parsed === undefined || !isChosen(parsed.owner, parsed.purpose)) continue;
    const removed = await vendor.remove(operation, snapshot);
    if (!removed.ok) return removed;
  }
  return ok(undefined);
}
