import type { ChangeMark, HypervisorError } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { KiB } from '#core/units';
import type { DirtyBitmap } from '#simulator/endpoints/kvm/dirty-bitmap';
import type { BlockNode, TransactionAction } from '#simulator/endpoints/kvm/qemu';
import { refused } from './connector.ts';
import { bitmapName, parseBitmapName } from './names.ts';

/*
 * Marks as dirty bitmaps, one on each node, as the real connector keeps them: absent, recording or frozen, and only ever
 * from left to right. Size and number of disks are part of a name, because a bitmap survives what breaks it.
 */

/** How finely writes are recorded. */
export const granularity = 64 * KiB;

/** The VM as its monitor shows it. */
export interface KvmDisks {
  readonly nodes: readonly BlockNode[];
  /** All disks of the VM, those that QEMU does not serve included. */
  readonly count: number;
}

type Sight =
  | { readonly type: 'absent' }
  | { readonly type: 'recording' | 'frozen'; readonly bitmap: DirtyBitmap }
  | { readonly type: 'lost'; readonly why: string };
type Planned = Result<readonly TransactionAction[], HypervisorError>;

/** Begins a mark on all disks; nothing to do where it records already. */
export function planBegin(disks: KvmDisks, mark: ChangeMark): Planned {
  const actions: TransactionAction[] = [];
  for (const node of disks.nodes) {
    const sight = look(disks, node, mark);
    if (sight.type === 'lost') return lost(node, sight.why);
    if (sight.type === 'frozen') return refused('beginMark', `mark ${mark.number} was frozen already`);
    if (sight.type === 'absent') actions.push(add(disks, node, mark));
  }
  return ok(actions);
}

/** Freezes `from` and begins `to`: begun first, so that a write between the two is in both. */
export function planAdvance(disks: KvmDisks, from: ChangeMark, to: ChangeMark): Planned {
  const begin: TransactionAction[] = [];
  const freeze: TransactionAction[] = [];
  for (const node of disks.nodes) {
    const old = look(disks, node, from);
    const next = look(disks, node, to);
    if (old.type === 'lost') return lost(node, old.why);
    if (next.type === 'lost') return lost(node, next.why);
    if (old.type === 'absent') return lost(node, `mark ${from.number} is not there`);
    if (next.type === 'frozen') return lost(node, `mark ${to.number} does not record any more`);
    if (old.type === 'frozen' && next.type === 'absent')
      return lost(node, `mark ${from.number} stopped recording before mark ${to.number} was begun`);
    if (next.type === 'absent') begin.push(add(disks, node, to));
    if (old.type === 'recording')
      freeze.push({ type: 'block-dirty-bitmap-disable', node: node.nodeName, name: old.bitmap.name });
  }
  return ok([...begin, ...freeze]);
}

/** The bitmap that holds a mark on one disk. */
export function findMark(
  disks: KvmDisks,
  node: BlockNode,
  mark: ChangeMark,
): Result<{ readonly bitmap: DirtyBitmap; readonly isFrozen: boolean }, HypervisorError> {
  const sight = look(disks, node, mark);
  if (sight.type === 'absent') return lost(node, `mark ${mark.number} is not there`);
  if (sight.type === 'lost') return lost(node, sight.why);
  return ok({ bitmap: sight.bitmap, isFrozen: sight.type === 'frozen' });
}

/** Removes every bitmap whose mark is chosen. */
export const planRemoval = (
  nodes: readonly BlockNode[],
  isChosen: (mark: ChangeMark) => boolean,
): readonly TransactionAction[] =>
  nodes.flatMap(({ nodeName, dirtyBitmaps }) =>
    [...dirtyBitmaps.keys()].flatMap((name) => {
      const mark = parseBitmapName(name);
      return mark !== undefined && isChosen(mark)
        ? [{ type: 'block-dirty-bitmap-remove' as const, node: nodeName, name }]
        : [];
    }),
  );

/** The highest mark of each owner that records, and can be trusted, on all disks. */
export function recordingMarks(disks: KvmDisks): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const name of disks.nodes[0]?.dirtyBitmaps.keys() ?? []) {
    const mark = parseBitmapName(name);
    if (mark === undefined || (found.get(mark.owner) ?? -1) >= mark.number) continue;
    if (disks.nodes.every((node) => look(disks, node, mark).type === 'recording')) found.set(mark.owner, mark.number);
  }
  return found;
}

function look({ count }: KvmDisks, { disk, dirtyBitmaps }: BlockNode, mark: ChangeMark): Sight {
  for (const bitmap of dirtyBitmaps.values()) {
    const name = parseBitmapName(bitmap.name);
    if (name?.owner !== mark.owner || name.number !== mark.number) continue;
    if (name.size !== disk.size)
      return { type: 'lost', why: `the disk had ${name.size} bytes when mark ${mark.number} was begun` };
    if (name.disks !== count)
      return { type: 'lost', why: `the VM had ${name.disks} disk(s) when mark ${mark.number} was begun` };
    if (bitmap.inconsistent) return { type: 'lost', why: `the bitmap of mark ${mark.number} is inconsistent` };
    return { type: bitmap.recording ? 'recording' : 'frozen', bitmap };
  }
  return { type: 'absent' };
}

const add = ({ count }: KvmDisks, { nodeName, disk }: BlockNode, mark: ChangeMark): TransactionAction => ({
  type: 'block-dirty-bitmap-add',
  node: nodeName,
  name: bitmapName({ ...mark, size: disk.size, disks: count }),
  granularity,
  persistent: false,
});

const lost = ({ disk }: BlockNode, detail: string): Result<never, HypervisorError> =>
  err({ type: 'TrackingLost', disk: disk.id, detail });
