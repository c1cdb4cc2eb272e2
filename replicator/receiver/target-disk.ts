import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import { extent, extentEnd, type Extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { sometimes } from '#core/sometimes';
import { MiB, offset, type Offset } from '#core/units';
import { blockSet, blocksOf } from '#replicator/pipeline/block-set';
import { digestsOf, grain, isZero, type DigestBlock } from '#replicator/pipeline/digest';
import { readDigests } from '#replicator/pipeline/read-digests';
import type { DoubtRecord } from './doubt-record.ts';

/*
 * The device under a replica, which may be read to have what it has not.
 *
 * When a flush fails, Linux takes the pages it could not write for clean. They are read as they were written until memory
 * is wanted or power fails, and a later flush that succeeds has not written them. PostgreSQL, which met this in 2018, gave
 * up trying again and writes everything anew from its log. Nor does reading past the cache help: it would say what is
 * on the disk and leave the cache, which every other reader is given, as it is. So what is in doubt is written again.
 *
 *     in doubt = written when a flush failed, and not flushed since          known exactly, and recorded beside the disk
 *              + read otherwise than the digest on record says               written, and whoever wrote it did not tell
 *
 * A digest goes on record only when its block is durable, so what is read as recorded is not in doubt, unless a record of
 * doubt says so: then it was written otherwise in between and back again.
 *
 * @source https://lwn.net/Articles/752063/ (PostgreSQL's fsync() surprise)
 * @source https://wiki.postgresql.org/wiki/Fsync_Errors
 */

/** A device whose failed flushes are not forgotten. Ranges are whole blocks. */
export interface TargetDisk {
  write(at: Offset, data: Uint8Array): Promise<Result<void, DeviceError>>;
  /** Makes a range zero, holes left as they are; `recorded` are the digests of its blocks that were durable. */
  zero(range: Extent, recorded: BigUint64Array): Promise<Result<void, DeviceError>>;
  /** Takes note that a range was made zero without writing it, as of a part that was cut off and grown again. */
  dropped(range: Extent): void;
  /** Reads a range and digests it. What is in doubt is written again as it was read, and durable with the next flush. */
  reread(
    range: Extent,
    recorded: BigUint64Array,
    digestBlock: DigestBlock,
  ): Promise<Result<BigUint64Array, DeviceError>>;
  flush(): Promise<Result<void, DeviceError>>;
  /** What a failed flush left in doubt and was not written and flushed since. */
  doubtful(): readonly Extent[];
  /** Closes the device, with what is in doubt on record. */
  close(): Promise<void>;
}

/** What a target disk is made of. */
export interface TargetDiskParts {
  readonly device: BlockDevice;
  /** Whether `device.zero` leaves alone what reads as zero: then that says nothing of what is on the disk. */
  readonly zeroReads: boolean;
  readonly doubts: DoubtRecord;
  /** What is in doubt from the start. */
  readonly doubtful: readonly Extent[];
}

// Zeroes are written in pieces of this.
const zeroesLength = MiB;

interface Written {
  readonly range: Extent;
  done: boolean;
}

/** What was written to a device and is not known to be on its disk. */
interface Doubts {
  /** Carries a write out. It is in doubt if a flush fails before one that came after it succeeded. */
  during(range: Extent, work: () => Promise<Result<void, DeviceError>>): Promise<Result<void, DeviceError>>;
  flush(): Promise<Result<void, DeviceError>>;
  within(range: Extent): readonly Extent[];
  /** Puts what is in doubt on record if that has changed. */
  keep(): Promise<void>;
}

function doubtsOf({ device, doubts, doubtful }: TargetDiskParts): Doubts {
  const inDoubt = blockSet(device.size);
  for (const range of doubtful) inDoubt.add(range);
  const unflushed = new Set<Written>();
  const whole = extent(0, device.size);
  let failed = false;
  let recorded = true;

  const doubt = (range: Extent): void => {
    inDoubt.add(range);
    recorded = false;
  };
  const keep = async (): Promise<void> => {
    if (recorded) return;
    recorded = true;
    await doubts.keep(inDoubt.within(whole));
  };
  const during = async (
    range: Extent,
    work: () => Promise<Result<void, DeviceError>>,
  ): Promise<Result<void, DeviceError>> => {
    const written: Written = { range, done: false };
    unflushed.add(written);
    // Nothing is flushed any more: whoever comes next has to know.
    if (failed) doubt(range);
    const outcome = await work();
    written.done = true;
    return outcome;
  };
  const flush = async (): Promise<Result<void, DeviceError>> => {
    const covered = [...unflushed].filter(({ done }) => done);
    const flushed = await device.flush();
    if (!flushed.ok) {
      failed = true;
      for (const { range } of unflushed) doubt(range);
      // Those under way as well: who knows which of them the flush met. The next one that succeeds proves none of these.
      unflushed.clear();
      await keep();
      return flushed;
    }
    for (const written of covered) {
      unflushed.delete(written);
      if (inDoubt.count === 0) continue;
      inDoubt.remove(written.range);
      // What is left on record until then is too much, which only costs writing it again.
      if (inDoubt.count === 0) recorded = false;
    }
    failed = false;
    await keep();
    return flushed;
  };
  return { during, flush, keep, within: (range) => inDoubt.within(range) };
}

/** The device of a replica, with its doubts. */
export function targetDisk(parts: TargetDiskParts): TargetDisk {
  const { device, zeroReads } = parts;
  const doubts = doubtsOf(parts);
  const { during } = doubts;
  const writeZeroes = async (range: Extent): Promise<Result<void, DeviceError>> => {
    if (!zeroReads && device.can.zero) return device.zero(range.start, range.length);
    return eachPiece(range, new Uint8Array(Math.min(zeroesLength, range.length)), (at, piece) =>
      device.write(at, piece),
    );
  };
  const isDoubted = doubtIn(device.size, (range) => doubts.within(range));

  return {
    write: (at, data) => during(extent(at, data.length), () => device.write(at, data)),
    dropped: (range) => void during(range, async () => ok(undefined)),
    zero: (range, digests) =>
      during(range, async () => {
        for (const part of runsOf(
          range,
          device.size,
          isDoubted(range, (block) => digests[block] !== 0n),
        )) {
          const zeroed =
            part.matches || !device.can.zero ? await writeZeroes(part) : await device.zero(part.start, part.length);
          if (!zeroed.ok) return zeroed;
        }
        return ok(undefined);
      }),
    reread: async (range, digests, digestBlock) => {
      const read = await readDigests(device, range, digestBlock);
      if (!read.ok) return read;
      const found = read.value;
      const doubted = isDoubted(range, (block) => found[block] !== digests[block]);
      const buffer = Buffer.allocUnsafe(Math.min(grain, range.length));
      for (const part of runsOf(range, device.size, doubted)) {
        if (!part.matches) continue;
        sometimes('receiver: wrote again what it could read and was not sure of');
        const again = await during(part, () =>
          eachPiece(part, buffer, async (at, piece) => {
            const seen = await device.read(at, piece);
            if (!seen.ok) return seen;
            // Of what is written again, since memory may have been wanted since the first look.
            found.set(digestsOf(piece, digestBlock), (at - range.start) / grain);
            return isZero(piece) ? writeZeroes(extent(at, piece.length)) : device.write(at, piece);
          }),
        );
        if (!again.ok) return again;
      }
      return read;
    },
    flush: doubts.flush,
    doubtful: () => doubts.within(extent(0, device.size)),
    close: async () => {
      await doubts.keep();
      await device.close();
    },
  };
}

/** Tells of the blocks of a range, counted from its start, whether they are in doubt, or for another reason `also`. */
const doubtIn =
  (size: number, within: (range: Extent) => readonly Extent[]) =>
  (range: Extent, also: (block: number) => boolean): ((block: number) => boolean) => {
    const { first } = blocksOf(range, size);
    const doubted = new Set<number>();
    for (const part of within(range)) {
      const blocks = blocksOf(part, size);
      for (let block = blocks.first; block < blocks.end; block += 1) doubted.add(block - first);
    }
    return (block) => doubted.has(block) || also(block);
  };

/** The runs of blocks of a range that match, and those that do not, in order. */
function runsOf(
  range: Extent,
  size: number,
  matches: (block: number) => boolean,
): readonly (Extent & { readonly matches: boolean })[] {
  const { first, end } = blocksOf(range, size);
  const runs: (Extent & { readonly matches: boolean })[] = [];
  let from = 0;
  for (let block = 1; block <= end - first; block += 1) {
    if (block < end - first && matches(block) === matches(from)) continue;
    const start = range.start + from * grain;
    const length = Math.min(extentEnd(range), range.start + block * grain) - start;
    runs.push({ ...extent(start, length), matches: matches(from) });
    from = block;
  }
  return runs;
}

async function eachPiece(
  range: Extent,
  buffer: Uint8Array,
  work: (at: Offset, piece: Uint8Array) => Promise<Result<void, DeviceError>>,
): Promise<Result<void, DeviceError>> {
  for (let at: number = range.start; at < extentEnd(range); at += buffer.length) {
    const done = await work(offset(at), buffer.subarray(0, Math.min(buffer.length, extentEnd(range) - at)));
    if (!done.ok) return err(done.error);
  }
  return ok(undefined);
}
