import type { DiskId } from '#core/ids';
import { err, ok } from '#core/result';
import { bytes } from '#core/units';
import type { AlignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import type { OpenDisks } from '#replicator/sentinel/data-connection/open-disks';
import { blockBitmap, type BlockBitmap } from '#replicator/sentinel/tracking/block-bitmap';

/** A guest whose disk is a buffer: what a data connection serves, without a machine to serve it. */
export interface MemoryGuest extends OpenDisks {
  readonly content: Buffer;
  /** What mark `number` recorded. */
  readonly marks: Map<number, BlockBitmap>;
  /** Reads that fail, by the address they begin at. */
  readonly broken: Set<number>;
}

/** A guest with one disk, read in pieces of `memory`. */
export function memoryGuest(disk: DiskId, content: Buffer, memory: AlignedMemory): MemoryGuest {
  const marks = new Map<number, BlockBitmap>();
  const broken = new Set<number>();
  return {
    content,
    marks,
    broken,
    open: async (id) =>
      id === disk
        ? ok({ size: bytes(content.length), blockSize: bytes(512), how: { type: 'direct' } })
        : err({ type: 'DiskNotFound', disk: id }),
    read: async (id, at, length) => {
      if (id !== disk) return err({ type: 'Refused', operation: 'read', detail: `disk ${id} is not open` });
      const where = { at: at as never, length: bytes(length), detail: 'the medium is broken' };
      if (broken.has(at)) return err({ type: 'IoError', ...where });
      const piece = await memory.take();
      content.copy(piece, 0, at, at + length);
      return ok({ bytes: piece.subarray(0, length), release: () => memory.give(piece) });
    },
    changes: async ({ number }, id, range, max) => {
      const bitmap = marks.get(number);
      return bitmap
        ? ok(bitmap.extents(range, max))
        : err({ type: 'TrackingLost', disk: id, detail: `mark ${number} is not there` });
    },
    closeAll: async () => undefined,
  };
}

/** A bitmap of a disk of `size` bytes in which the grains at `starts` are dirty. */
export function dirtyAt(size: number, starts: readonly number[]): BlockBitmap {
  const bitmap = blockBitmap(bytes(size));
  for (const start of starts) bitmap.add(start, 1);
  return bitmap;
}
