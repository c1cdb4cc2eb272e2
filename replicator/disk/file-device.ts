import { err, ok, type Result } from '#core/result';
import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import { bytes, KiB, offset, type Bytes, type Offset } from '#core/units';
import { deviceError } from './device-error.ts';
import { fileWriter, type WriteFile } from './file-writer.ts';
import type { Files, FileStat, OpenFile, OpenWay, SystemError } from './files.ts';
import { nodeFiles } from './node-files.ts';

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
  { writable = false, files = nodeFiles }: { readonly writable?: boolean; readonly files?: Files } = {},
): Promise<Result<FileDevice, FileError>> {
  return opened(files, path, { way: writable ? 'update' : 'read', size: undefined });
}

/** Makes a file of `size` bytes, all holes. Never touches one that exists: `Exists`. */
export async function createFileDevice(
  path: string,
  size: Bytes,
  files: Files = nodeFiles,
): Promise<Result<FileDevice, FileError>> {
  return opened(files, path, { way: 'create', size });
}

/** Opens a file for writing and sets its length, growing it by a hole or cutting its end off. */
export async function openFileDeviceAt(
  path: string,
  size: Bytes,
  files: Files = nodeFiles,
): Promise<Result<FileDevice, FileError>> {
  return opened(files, path, { way: 'update', size });
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

const errorOf = (path: string, cause: SystemError): FileError => {
  if (cause.code === 'EEXIST') return { type: 'Exists', path };
  if (cause.code === 'ENOENT') return { type: 'Missing', path };
  if (cause.code === 'EISDIR') return { type: 'NotAFile', path, detail: 'a directory' };
  return { type: 'FileFailed', path, code: cause.code ?? 'UNKNOWN', detail: cause.message };
};

/** The value of a call, or its failure as a value. */
const tried = <T>(work: Promise<T>): Promise<Result<T, SystemError>> =>
  work.then(ok, (cause: SystemError) => err(cause));

async function opened(
  files: Files,
  path: string,
  { way, size }: { readonly way: OpenWay; readonly size: Bytes | undefined },
): Promise<Result<FileDevice, FileError>> {
  const file = await tried(files.open(path, way));
  if (!file.ok) return err(errorOf(path, file.error));
  const fail = async (error: FileError): Promise<Result<FileDevice, FileError>> => {
    await tried(file.value.close());
    return err(error);
  };
  const found = await tried(files.stat(path));
  if (!found.ok) return fail(errorOf(path, found.error));
  // A block or character device has no length to stat; a fifo has no addresses.
  if (found.value.kind !== 'file') return fail({ type: 'NotAFile', path, detail: 'not a regular file' });
  if (size !== undefined && found.value.size !== size) {
    const resized = await tried(file.value.truncate(size));
    if (!resized.ok) return fail(errorOf(path, resized.error));
  }
  const writable = way !== 'read';
  return ok(fileDevice(path, file.value, found.value, { size: size ?? bytes(found.value.size), writable }));
}

// What `zero` looks at in one step: large enough to amortise the calls, small enough to be no matter for memory.
const zeroStep = 256 * KiB;
// What is not zero is overwritten in pieces of this, so that holes around it stay.
const zeroGrain = 16 * KiB;
const zeroes = Buffer.alloc(zeroGrain);
function fileDevice(
  path: string,
  file: OpenFile,
  found: FileStat,
  { size, writable }: { readonly size: Bytes; readonly writable: boolean },
): FileDevice {
  const writeFile = fileWriter(file);
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
    identity: found.identity,
    modifiedMs: found.modifiedMs,
    blockSize,
    size,
    can: { write: writable, zero: writable, extents: false },
    read: (at, into) => io(at, into.length, false, () => readFully(file, at, into)),
    write: (at, data) => io(at, data.length, true, () => writeFile(at, data)),
    zero: (at, length) => io(at, length, true, () => zeroOut(file, writeFile, at, length)),
    dropFrom: (from) => io(from, size - from, true, () => drop(file, from, size)),
    flush: () =>
      io(0, 0, false, async () => {
        const synced = await tried(file.datasync());
        return synced.ok ? synced : err(deviceError(synced.error, 0, 0));
      }),
    extents: async (range) => {
      const refused = refusal(range.start, range.length, false);
      return refused ? err(refused) : ok(range.length === 0 ? [] : [{ ...range, kind: 'data' }]);
    },
    close: () => {
      closing ??= (async () => {
        if (inFlight > 0) await new Promise<void>((resolve) => (settled = resolve));
        await tried(file.close());
      })();
      return closing;
    },
  };
}

function readFully(file: OpenFile, at: number, into: Uint8Array): Promise<Result<void, DeviceError>> {
  return new Promise((resolve) => {
    const step = (filled: number): void => {
      if (filled === into.length) return resolve(ok(undefined));
      file.read(into, filled, at + filled, (cause, count) => {
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
  file: OpenFile,
  writeFile: WriteFile,
  at: Offset,
  length: Bytes,
): Promise<Result<void, DeviceError>> {
  const buffer = Buffer.allocUnsafe(Math.min(zeroStep, length));
  for (let done = 0; done < length; done += zeroStep) {
    const piece = buffer.subarray(0, Math.min(zeroStep, length - done));
    const was = await readFully(file, at + done, piece);
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

async function drop(file: OpenFile, from: number, size: number): Promise<Result<void, DeviceError>> {
  for (const length of [from, size]) {
    const cut = await tried(file.truncate(length));
    if (!cut.ok) return err(deviceError(cut.error, from, size - from));
  }
  return ok(undefined);
}
