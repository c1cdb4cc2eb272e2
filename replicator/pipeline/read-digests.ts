import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import { extentEnd, type Extent } from '#core/disk/extent';
import { ok, type Result } from '#core/result';
import { MiB, offset } from '#core/units';
import { blocksIn, digestsOf, grain, type DigestBlock } from './digest.ts';

// Pieces of this, this many at a time: 4 MiB of memory, and work enough for the queue of a disk.
const pieceLength = MiB;
const readsAtOnce = 4;

/**
 * Reads a range of whole blocks and digests them. Where the device knows that there are only zeroes it is not read, so
 * a disk that is mostly holes takes no time.
 */
export async function readDigests(
  device: BlockDevice,
  range: Extent,
  digestBlock: DigestBlock,
): Promise<Result<BigUint64Array, DeviceError>> {
  const digests = new BigUint64Array(blocksIn(range.length));
  const mapped = device.can.extents ? await device.extents(range) : ok([{ ...range, kind: 'data' as const }]);
  if (!mapped.ok) return mapped;
  const pieces = new Set<number>();
  for (const { start, length, kind } of mapped.value) {
    if (kind === 'zero') continue;
    const from = start - ((start - range.start) % pieceLength);
    for (let at = from; at < start + length; at += pieceLength) pieces.add(at);
  }
  const queue = [...pieces];
  const work = async (): Promise<Result<void, DeviceError>> => {
    const buffer = Buffer.allocUnsafe(Math.min(pieceLength, range.length));
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      const piece = buffer.subarray(0, Math.min(pieceLength, extentEnd(range) - at));
      const read = await device.read(offset(at), piece);
      if (!read.ok) return read;
      digests.set(digestsOf(piece, digestBlock), (at - range.start) / grain);
    }
    return ok(undefined);
  };
  const readers = Math.min(readsAtOnce, queue.length);
  for (const done of await Promise.all(Array.from({ length: readers }, work))) if (!done.ok) return done;
  return ok(digests);
}
