import { close, fdatasync, ftruncate, open, read, stat, type Stats } from 'node:fs';
import { err, ok, type Result } from '#core/result';
import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import { bytes, KiB, offset, type Bytes, type Offset } from '#core/units';
import { deviceError } from './device-error.ts';
import { fileWriter, type WriteFile } from './file-writer.ts';

/*
 * A disk in a raw file.
 *
 * Node has neither SEEK_HOLE nor fallocate, and this package links nothing native for them. So a file calls all of
 * itself `data`, and its holes are found by content, at memory speed and without disk I/O. The count of allocated blocks
 * is no help: file systems that allocate late or keep small files elsewhere report none for a file that has content.
 * `zero` reads first and writes only what is not zero yet, which leaves holes what they are.
 */

/** Why a file did not become a disk. `code` is the system's (`ENOENT`, `EACCES`...). */
export type FileError =
  | { readonly type: 'Exists'; readonly path: string }
  | { readonly type: 'Missing'; readonly path: string }
  | { readonly type: 'NotAFile'; readonly path: string; readonly detail: string }
  | { readonly type: 'FileFailed'; readonly path: string; readonly code: string; readonly detail: string };

/** A disk in a file, with what only a file can do. */
export interface FileDevice extends BlockDevice {
  readonly path: string;
  /** Identity of the file on this machine: two paths with the same identity are the same disk. */
  readonly identity: string;
  /** Milliseconds since 1970 at which the content last changed, as of opening. */
  readonly modifiedMs: number;
  /**
   * Makes everything from `from` on a hole, without writing it. Nobody may read or write there meanwhile. Dying in the
   * middle leaves the file shorter, so the caller must know its size from elsewhere.
   */
  dropFrom(from: Offset): Promise<Result<void, DeviceError>>;
}

/** Opens a file that is there. Its length is the size of the disk. */
export async function openFileDevice(
  path: string,
  { writable = false }: { readonly writable?: boolean } = {},
): Promise<Result<FileDevice, FileError>> {
  return opened(path, await openHandle(path, writable ? 'r+' : 'r'), undefined, writable);
}

/** Makes a file of `size` bytes, all holes. Never touches one that exists: `Exists`. */
export async function createFileDevice(path: string, size: Bytes): Promise<Result<FileDevice, FileError>> {
  return opened(path, await openHandle(path, 'wx+'), size, true);
}

/** Opens a file for writing and sets its length, growing it by a hole or cutting its end off. */
export async function openFileDeviceAt(path: string, size: Bytes): Promise<Result<FileDevice, FileError>> {
  return opened(path, await openHandle(path, 'r+'), size, true);
}

/** One sentence for a person. */
export function describeFileError(error: FileError): string {
  switch (error.type) {
    case 'Exists':
      return `${error.path} exists already`;
    case 'Missing':
      return `${error.path} is not there`;
    case 'NotAFile':
      return `${error.path} is ${error.detail}, and only regular files can hold a disk; serve it over NBD instead`;
    case 'FileFailed':
      return `${error.path}: ${error.detail}`;
  }
}

const errorOf = (path: string, cause: NodeJS.ErrnoException): FileError => {
  if (cause.code === 'EEXIST') return { type: 'Exists', path };
  if (cause.code === 'ENOENT') return { type: 'Missing', path };
  if (cause.code === 'EISDIR') return { type: 'NotAFile', path, detail: 'a directory' };
  return { type: 'FileFailed', path, code: cause.code ?? 'UNKNOWN', detail: cause.message };
};

function openHandle(path: string, flags: string): Promise<Result<number, FileError>> {
  return new Promise((resolve) => {
    open(path, flags, 0o600, (cause, handle) => resolve(cause ? err(errorOf(path, cause)) : ok(handle)));
  });
}

async function opened(
  path: string,
  handle: Result<number, FileError>,
  size: Bytes | undefined,
  writable: boolean,
): Promise<Result<FileDevice, FileError>> {
  if (!handle.ok) return handle;
  const fail = async (error: FileError): Promise<Result<FileDevice, FileError>> => {
    await new Promise((resolve) => close(handle.value, resolve));
    return err(error);
  };
  const kind = await statOf(path);
  if (!kind.ok) return fail(kind.error);
  // A block or character device has no length to stat; a fifo has no addresses.
  if (!kind.value.isFile()) return fail({ type: 'NotAFile', path, detail: 'not a regular file' });
  if (size !== undefined && kind.value.size !== size) {
    const resized = await truncate(handle.value, size);
    if (resized) return fail(errorOf(path, resized));
  }
  return ok(fileDevice(path, handle.value, kind.value, size ?? bytes(kind.value.size), writable));
}

function statOf(path: string): Promise<Result<Stats, FileError>> {
  return new Promise((resolve) => {
    stat(path, (cause, found) => resolve(cause ? err(errorOf(path, cause)) : ok(found)));
  });
}

const truncate = (handle: number, length: number): Promise<NodeJS.ErrnoException | null> =>
  new Promise((resolve) => ftruncate(handle, length, resolve));

// What `zero` looks at in one step: large enough to amortise the calls, small enough to be no matter for memory.
const zeroStep = 256 * KiB;
// What is not zero is overwritten in pieces of this, so that holes around it stay.
const zeroGrain = 16 * KiB;
const zeroes = Buffer.alloc(zeroGrain);
function fileDevice(path: string, handle: number, found: Stats, size: Bytes, writable: boolean): FileDevice {
  const writeFile = fileWriter(handle);
  let closing: Promise<void> | undefined;
  let inFlight = 0;
  let settled: (() => void) | undefined;
  const blockSize = bytes(size % 512 === 0 ? 512 : 1);

  const refusal = (at: number, length: number, writing: boolean): DeviceError | undefined => {
    if (closing) return { type: 'Closed' };
    if (writing && !writable) return { type: 'ReadOnly', detail: `${path} was opened for reading` };
    if (at % blockSize === 0 && length % blockSize === 0 && at + length <= size) return undefined;
    const detail = `${path} has ${size} bytes in blocks of ${blockSize}`;
    return { type: 'InvalidRange', at: offset(at), length: bytes(length), detail };
  };
  const during = async <T>(work: () => Promise<T>): Promise<T> => {
    inFlight += 1;
    try {
      return await work();
    } finally {
      inFlight -= 1;
      if (inFlight === 0) settled?.();
    }
  };
  const io = async (
    at: number,
    length: number,
    writing: boolean,
    work: () => Promise<Result<void, DeviceError>>,
  ): Promise<Result<void, DeviceError>> => {
    const refused = refusal(at, length, writing);
    return refused ? err(refused) : during(work);
  };

  return {
    path,
    identity: `${found.dev}:${found.ino}`,
    modifiedMs: found.mtimeMs,
    blockSize,
    size,
    can: { write: writable, zero: writable, extents: false },
    read: (at, into) => io(at, into.length, false, () => readFully(handle, at, into)),
    write: (at, data) => io(at, data.length, true, () => writeFile(at, data)),
    zero: (at, length) => io(at, length, true, () => zeroOut(handle, writeFile, at, length)),
    dropFrom: (from) => io(from, size - from, true, () => drop(handle, from, size)),
    flush: () =>
      io(0, 0, false, async () => {
        const cause = await new Promise<NodeJS.ErrnoException | null>((resolve) => fdatasync(handle, resolve));
        return cause ? err(deviceError(cause, 0, 0)) : ok(undefined);
      }),
    extents: async (range) => {
      const refused = refusal(range.start, range.length, false);
      return refused ? err(refused) : ok(range.length === 0 ? [] : [{ ...range, kind: 'data' }]);
    },
    close: () => {
      closing ??= (async () => {
        if (inFlight > 0) await new Promise<void>((resolve) => (settled = resolve));
        await new Promise((resolve) => close(handle, resolve));
      })();
      return closing;
    },
  };
}

// Callbacks, not `FileHandle`: its promises cost a third of the throughput at 256 KiB per call.
function readFully(handle: number, at: number, into: Uint8Array): Promise<Result<void, DeviceError>> {
  return new Promise((resolve) => {
    const step = (filled: number): void => {
      if (filled === into.length) return resolve(ok(undefined));
      read(handle, into, filled, into.length - filled, at + filled, (cause, count) => {
        if (cause) return resolve(err(deviceError(cause, at, into.length)));
        if (count > 0) return step(filled + count);
        const detail = 'the file ended early: it was cut while in use';
        resolve(err({ type: 'IoError', at: offset(at), length: bytes(into.length), detail }));
      });
    };
    step(0);
  });
}

async function zeroOut(
  handle: number,
  writeFile: WriteFile,
  at: Offset,
  length: Bytes,
): Promise<Result<void, DeviceError>> {
  const buffer = Buffer.allocUnsafe(Math.min(zeroStep, length));
  for (let done = 0; done < length; done += zeroStep) {
    const piece = buffer.subarray(0, Math.min(zeroStep, length - done));
    const was = await readFully(handle, at + done, piece);
    if (!was.ok) return was;
    for (let part = 0; part < piece.length; part += zeroGrain) {
      const seen = piece.subarray(part, part + zeroGrain);
      if (seen.equals(zeroes.subarray(0, seen.length))) continue;
      const now = await writeFile(at + done + part, zeroes.subarray(0, seen.length));
      if (!now.ok) return now;
    }
  }
  return ok(undefined);
}

async function drop(handle: number, from: number, size: number): Promise<Result<void, DeviceError>> {
  for (const length of [from, size]) {
    const cause = await truncate(handle, length);
    if (cause) return err(deviceError(cause, from, size - from));
  }
  return ok(undefined);
}
