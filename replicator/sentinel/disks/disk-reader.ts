import type { DeviceError } from '#core/disk/block-device';
import { err, ok, type Result } from '#core/result';
import { bytes, offset, type Bytes } from '#core/units';
import { deviceError } from '#replicator/disk/device-error';
import type { SystemError } from '#replicator/disk/files';
import type { AlignedMemory } from './aligned-memory.ts';
import type { Devices, OpenDevice } from './devices.ts';
import type { WholeDisk } from './guest-disks.ts';
import type { ReadPace } from './read-pace.ts';

/*
 * Reading a disk that is in use.
 *
 * The cache of a disk knows nothing of what file systems on its partitions write: each partition, and each device above,
 * has a cache of its own. So reads go past it (O_DIRECT), and see every write that was completed before they began.
 * Where a device refuses that, its cache is dropped before each read, and `how` says so.
 */

/** What was read, in memory that is lent: give it back by `release`, once. */
export interface DiskPiece {
  readonly bytes: Buffer;
  release(): void;
}

/** A disk of the guest, open for reading. */
export interface DiskReader {
  /** As of opening. */
  readonly size: Bytes;
  /** The grain of addresses and lengths: the logical block. Divides the size. */
  readonly blockSize: Bytes;
  /** Whether the cache is passed by, and if not, why. */
  readonly how: { readonly type: 'direct' } | { readonly type: 'flushed'; readonly why: string };
  /** Reads whole blocks, no more than a piece of the memory holds. Waits for memory and for its turn. */
  read(at: number, length: number): Promise<Result<DiskPiece, DeviceError>>;
  close(): Promise<void>;
}

/** What a reader needs. */
export interface DiskReaderOptions {
  readonly devices: Devices;
  readonly memory: AlignedMemory;
  readonly pace: ReadPace;
  /** Drops what the kernel keeps of a device: `blockdev --flushbufs`. Answers whether it did. */
  readonly flushCache: (path: string) => Promise<boolean>;
}

/** Opens a disk for reading past the cache; nothing is ever written to it. */
export async function openDiskReader(
  disk: Pick<WholeDisk, 'path' | 'size' | 'logicalBlockSize'>,
  options: DiskReaderOptions,
): Promise<Result<DiskReader, DeviceError>> {
  const { devices, memory } = options;
  const direct = await devices.open(disk.path, 'direct');
  if (!direct.ok && direct.error.code !== 'EINVAL') return err(deviceError(direct.error, 0, 0));
  const tried = direct.ok ? await tryDirect(direct.value, disk, memory) : direct.error;
  if (direct.ok && tried === undefined) return ok(readerOver(disk, { device: direct.value }, options));
  if (direct.ok) await direct.value.close();
  // EINVAL is how a device says that it does not do this; anything else is trouble of another kind.
  if (tried?.code !== 'EINVAL') return err(deviceError(tried ?? new Error('it cannot be read'), 0, 0));
  const cached = await devices.open(disk.path, 'cached');
  if (!cached.ok) return err(deviceError(cached.error, 0, 0));
  return ok(readerOver(disk, { device: cached.value, why: `it refuses direct reads: ${tried.message}` }, options));
}

async function tryDirect(
  device: OpenDevice,
  { size, logicalBlockSize }: Pick<WholeDisk, 'size' | 'logicalBlockSize'>,
  memory: AlignedMemory,
): Promise<SystemError | undefined> {
  if (size < logicalBlockSize) return undefined;
  const piece = await memory.take();
  const failed = await readFully(device, piece.subarray(0, logicalBlockSize), 0);
  memory.give(piece);
  return failed;
}

/** The way into one disk. `why` it is not the direct one. */
interface Way {
  readonly device: OpenDevice;
  readonly why?: string;
}

function readerOver(
  { path, size, logicalBlockSize: blockSize }: Pick<WholeDisk, 'path' | 'size' | 'logicalBlockSize'>,
  { device, why }: Way,
  { memory, pace, flushCache }: DiskReaderOptions,
): DiskReader {
  const flushed = flushGate(() => flushCache(path));
  let closing: Promise<void> | undefined;
  let inFlight = 0;
  let settled: (() => void) | undefined;

  const refusal = (at: number, length: number): DeviceError | undefined => {
    if (closing) return { type: 'Closed' };
    const fits = at % blockSize === 0 && length % blockSize === 0 && length <= memory.length && at + length <= size;
    if (fits) return undefined;
    const detail = `${path} has ${size} bytes in blocks of ${blockSize}, and at most ${memory.length} are read at a time`;
    return { type: 'InvalidRange', at: offset(at), length: bytes(length), detail };
  };
  const fill = async (into: Buffer, at: number): Promise<SystemError | undefined> => {
    if (why !== undefined && !(await flushed()))
      return new Error('the cache of the disk could not be dropped, and may be stale');
    return readFully(device, into, at);
  };
  const readPiece = async (at: number, length: number): Promise<Result<DiskPiece, DeviceError>> => {
    const piece = await memory.take();
    await pace.turn(length);
    const content = piece.subarray(0, length);
    const failed = closing ? closed : await fill(content, at);
    if (failed === undefined) return ok({ bytes: content, release: () => memory.give(piece) });
    memory.give(piece);
    return err(failed === closed ? { type: 'Closed' } : deviceError(failed, at, length));
  };
  return {
    size,
    blockSize,
    how: why === undefined ? { type: 'direct' } : { type: 'flushed', why },
    read: async (at, length) => {
      const refused = refusal(at, length);
      if (refused) return err(refused);
      inFlight += 1;
      const outcome = await readPiece(at, length);
      inFlight -= 1;
      if (inFlight === 0) settled?.();
      return outcome;
    },
    close: () => {
      closing ??= (async () => {
        if (inFlight > 0) await new Promise<void>((resolve) => (settled = resolve));
        await device.close();
      })();
      return closing;
    },
  };
}

const closed: SystemError = new Error('closed');

/** Everyone who asks gets a flush that began after they asked: one that was under way may have passed their range. */
function flushGate(flush: () => Promise<boolean>): () => Promise<boolean> {
  let running: Promise<boolean> | undefined;
  let next: Promise<boolean> | undefined;
  const begin = (): Promise<boolean> => {
    next = undefined;
    running = flush().finally(() => (running = undefined));
    return running;
  };
  return () => {
    if (running === undefined) return begin();
    next ??= running.then(begin);
    return next;
  };
}

async function readFully(device: OpenDevice, into: Uint8Array, at: number): Promise<SystemError | undefined> {
  for (let filled = 0; filled < into.length;) {
    const read = await device.read(into.subarray(filled), at + filled);
    if (!read.ok) return read.error;
    if (read.value === 0) return new Error('the disk ended early: it was made smaller while in use');
    filled += read.value;
  }
  return undefined;
}
