import type { DiskId } from '#core/ids';
import type { ChangeMark, HypervisorError } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { KiB } from '#core/units';
import type { JsonObject } from '#replicator/qmp/message';
import type { Bitmap, BlockNode, KvmDisk } from './inventory.ts';
import { formatMarkName, parseMarkName, type MarkName } from './mark-name.ts';

/**
 * What to ask of QEMU so that the marks become what is wanted, given what they are. Pure: the world was looked at
 * before, and is changed after, in one transaction over all disks.
 *
 * A mark on one disk is absent, recording or frozen, and only ever goes from left to right. Any other sight means that
 * somebody else touched it or that QEMU lost it: then the mark is lost, and never guessed at.
 */
export type TransactionAction = { readonly type: string; readonly data: JsonObject };

/** How finely writes are recorded: QEMU's own default, and the grain the replicator sends. */
export const granularity = 64 * KiB;

/** What is seen of one mark on one disk. */
type Sight =
  | { readonly type: 'absent' }
  | { readonly type: 'recording'; readonly bitmap: Bitmap }
  | { readonly type: 'frozen'; readonly bitmap: Bitmap }
  | { readonly type: 'lost'; readonly why: string };

type Planned = Result<readonly TransactionAction[], HypervisorError>;

/** Begins a mark on all disks; nothing to do where it records already. */
export function planBegin(disks: readonly KvmDisk[], mark: ChangeMark): Planned {
  const actions: TransactionAction[] = [];
  for (const disk of disks) {
    const sight = look(disk, mark, disks.length);
    if (sight.type === 'lost') return lost(disk.id, sight.why);
    if (sight.type === 'frozen')
      return refused(
        'beginMark',
        `mark ${mark.number} was frozen already on disk ${disk.id}; begin one with another number`,
      );
    if (sight.type === 'absent') actions.push(add(disk, mark, disks.length));
  }
  return ok(actions);
}

/** Freezes `from` and begins `to`. */
export function planAdvance(disks: readonly KvmDisk[], from: ChangeMark, to: ChangeMark): Planned {
  if (from.owner !== to.owner || to.number <= from.number)
    return refused('advanceMark', `mark ${to.number} does not come after mark ${from.number} of the same owner`);
  const begin: TransactionAction[] = [];
  const freeze: TransactionAction[] = [];
  for (const disk of disks) {
    const old = look(disk, from, disks.length);
    const next = look(disk, to, disks.length);
    if (old.type === 'lost') return lost(disk.id, old.why);
    if (next.type === 'lost') return lost(disk.id, next.why);
    if (old.type === 'absent')
      return lost(disk.id, `mark ${from.number} is not there: QEMU was restarted, the disk was exchanged or it is new`);
    if (next.type === 'frozen') return lost(disk.id, `mark ${to.number} does not record any more`);
    if (old.type === 'frozen' && next.type === 'absent')
      return lost(disk.id, `mark ${from.number} stopped recording before mark ${to.number} was begun`);
    if (next.type === 'absent') begin.push(add(disk, to, disks.length));
    if (old.type === 'recording') freeze.push(disable(disk, old.bitmap));
  }
  // Begun first: a write between the two is in both marks, and so in two rounds. The other way round it is in none.
  return ok([...begin, ...freeze]);
}

/** The bitmap that holds a mark on one disk, recording or frozen. */
export function findMark(
  disks: readonly KvmDisk[],
  disk: KvmDisk,
  mark: ChangeMark,
): Result<MarkFound, HypervisorError> {
  const sight = look(disk, mark, disks.length);
  if (sight.type === 'absent')
    return lost(disk.id, `mark ${mark.number} is not there: QEMU was restarted, the disk was exchanged or it is new`);
  if (sight.type === 'lost') return lost(disk.id, sight.why);
  return ok({ bitmap: sight.bitmap, isFrozen: sight.type === 'frozen' });
}

/** A mark that is there. */
export interface MarkFound {
  readonly bitmap: Bitmap;
  readonly isFrozen: boolean;
}

/** Removes every bitmap whose mark is chosen, on nodes of disks and on nodes no guest uses any more alike. */
export const planRemoval = (
  nodes: readonly BlockNode[],
  isChosen: (mark: MarkName) => boolean,
): readonly TransactionAction[] =>
  nodes.flatMap(({ node, bitmaps }) =>
    bitmaps.flatMap(({ name }) => {
      const mark = parseMarkName(name);
      return mark !== undefined && isChosen(mark) ? [{ type: 'block-dirty-bitmap-remove', data: { node, name } }] : [];
    }),
  );

/** Whether two marks are the same. */
export const isSameMark = (one: ChangeMark, other: ChangeMark): boolean =>
  one.owner === other.owner && one.number === other.number;

function look(disk: KvmDisk, mark: ChangeMark, disks: number): Sight {
  const held = disk.bitmaps.flatMap((bitmap) => {
    const name = parseMarkName(bitmap.name);
    return name !== undefined && isSameMark(name, mark) ? [{ bitmap, name }] : [];
  });
  const [only, another] = held;
  if (only === undefined) return { type: 'absent' };
  const { bitmap, name } = only;
  if (another !== undefined) return { type: 'lost', why: `mark ${mark.number} is there twice` };
  if (name.size !== disk.size)
    return {
      type: 'lost',
      why: `the disk had ${name.size} bytes when mark ${mark.number} was begun and now has ${disk.size}`,
    };
  if (name.disks !== disks)
    return {
      type: 'lost',
      why: `the VM had ${name.disks} disk(s) when mark ${mark.number} was begun and now has ${disks}`,
    };
  if (bitmap.inconsistent) return { type: 'lost', why: `QEMU calls the bitmap of mark ${mark.number} inconsistent` };
  return { type: bitmap.recording ? 'recording' : 'frozen', bitmap };
}

const add = ({ node, size }: KvmDisk, mark: ChangeMark, disks: number): TransactionAction => ({
  type: 'block-dirty-bitmap-add',
  data: { node, name: formatMarkName({ ...mark, size, disks }), granularity, persistent: false },
});
const disable = ({ node }: KvmDisk, { name }: Bitmap): TransactionAction => ({
  type: 'block-dirty-bitmap-disable',
  data: { node, name },
});

const lost = (disk: DiskId, detail: string) => err({ type: 'TrackingLost', disk, detail } satisfies HypervisorError);
const refused = (operation: string, detail: string) =>
  err({ type: 'Refused', operation, detail } satisfies HypervisorError);
