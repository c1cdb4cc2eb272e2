import type { Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import { blocksIn, digestBlockWith, grain } from '#replicator/pipeline/digest';
import type { ProceduralDisk } from '#simulator/block/disk/procedural-disk';

/** Counts what happens, so that of any two things it is known which came first: many share one instant of virtual time. */
export interface Order {
  /** The moment now, after all that were given out before. */
  next(): number;
}

/** What the disks of a source have held, block by block, as a judge knows it who watches every write. */
export interface BlockTruth {
  /** Whether a block held a content at a moment or at any time after it. */
  held(disk: DiskId, block: number, digest: bigint, since: number): boolean;
  /** The blocks that were written after one moment and up to another. */
  written(disk: DiskId, after: number, upTo: number): ReadonlySet<number>;
  /** Looks at everything again: after what changes a disk without a write, such as the loss of its power. */
  look(): void;
  /** The digest of a block of a replica, to be asked for. */
  readonly digest: (content: Uint8Array) => bigint;
}

const digest = digestBlockWith('xxh64');

interface Held {
  readonly since: number;
  readonly digest: bigint;
}

/** Watches disks from now on. */
export function blockTruth(disks: readonly ProceduralDisk[], order: Order): BlockTruth {
  const all = new Map(disks.map((disk) => [disk.id, diskTruth(disk, order)]));
  return {
    digest,
    held: (disk, block, content, since) => all.get(disk)?.held(block, content, since) ?? false,
    written: (disk, after, upTo) => all.get(disk)?.written(after, upTo) ?? new Set(),
    look: () => {
      for (const one of all.values()) one.look();
    },
  };
}

function diskTruth(disk: ProceduralDisk, order: Order) {
  const planned = disk.size;
  const lengthOf = (block: number): number => Math.min(grain, planned - block * grain);
  const contentOf = (block: number): bigint => {
    const content = new Uint8Array(lengthOf(block));
    disk.read(block * grain, content);
    return digest(content);
  };
  const history: Held[][] = Array.from({ length: blocksIn(planned) }, (_, block) => [
    { since: 0, digest: contentOf(block) },
  ]);
  const writes: { readonly block: number; readonly at: number }[] = [];
  const note = (block: number, at: number): void => {
    const now = contentOf(block);
    const held = history[block];
    if (held && held.at(-1)?.digest !== now) held.push({ since: at, digest: now });
  };
  disk.onWrite(({ start, length }: Extent) => {
    const at = order.next();
    const last = Math.min(history.length - 1, Math.floor((start + length - 1) / grain));
    for (let block = Math.floor(start / grain); block <= last; block += 1) {
      writes.push({ block, at });
      note(block, at);
    }
  });
  return {
    held: (block: number, content: bigint, since: number): boolean =>
      (history[block] ?? []).some(
        (held, index, list) => held.digest === content && (list[index + 1]?.since ?? Infinity) > since,
      ),
    written: (after: number, upTo: number): ReadonlySet<number> =>
      new Set(writes.filter(({ at }) => at > after && at <= upTo).map(({ block }) => block)),
    look: () => {
      const at = order.next();
      for (let block = 0; block < history.length; block += 1) note(block, at);
    },
  };
}
