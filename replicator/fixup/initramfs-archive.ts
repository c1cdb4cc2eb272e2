import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { FixUpError } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';

/*
 * An initramfs is a row of cpio archives ("newc"), each followed by zeroes. Those in front are not compressed (early
 * microcode); what follows the last of them is one compressed stream with archives in it.
 *
 *   | cpio microcode | 0 0 0 | zstd( cpio modules, init, ... ) |
 *
 * It is read as a stream and only names are kept: unpacked it may be hundreds of megabytes.
 */

const headerLength = 110;
const trailer = 'TRAILER!!!';
const nameLengthMax = 4096;

/** The paths in an initramfs, in the order they are packed. Nothing of their content is kept. */
export async function initramfsPaths(file: string): Promise<Result<readonly string[], FixUpError>> {
  const paths: string[] = [];
  const plain = reader(createReadStream(file));
  try {
    const end = await readArchives(plain, paths);
    if (end === 'end') return ok(paths);
    const magic = await magicAt(file, end);
    const packer = packers.find((one) => one.magics.some((start) => magic.startsWith(start)));
    if (packer === undefined) return damaged(file, `nothing known begins with ${magic} at byte ${end}`);
    const unpacked = await unpack(() => createReadStream(file, { start: end }), packer);
    if (!unpacked.ok) return unpacked;
    const inner = reader(unpacked.value);
    // Tools add more archives behind the first one; what follows the last may be padding of the packer.
    await readArchives(inner, paths);
    inner.close();
    return paths.length === 0 ? damaged(file, 'it is empty') : ok(paths);
  } catch (cause) {
    return damaged(file, cause instanceof Error ? cause.message : String(cause));
  } finally {
    plain.close();
  }
}

const damaged = (file: string, detail: string): Result<never, FixUpError> =>
  err({ type: 'ToolFailed', step: `read the initramfs ${file}`, detail });

interface Packer {
  readonly program: 'gzip' | 'xz' | 'zstd' | 'lz4' | 'bzip2';
  readonly args: readonly string[];
  readonly package: string;
  readonly magics: readonly string[];
}
const packers: readonly Packer[] = [
  { program: 'gzip', args: [], package: '', magics: ['1f8b'] },
  { program: 'xz', args: ['-dc'], package: 'xz-utils', magics: ['fd377a585a00'] },
  { program: 'xz', args: ['-dc', '--format=lzma'], package: 'xz-utils', magics: ['5d0000'] },
  { program: 'zstd', args: ['-dc'], package: 'zstd', magics: ['28b52ffd'] },
  // The kernel wants the old frame format of lz4, and the program reads both.
  { program: 'lz4', args: ['-dc'], package: 'lz4', magics: ['02214c18', '04224d18'] },
  { program: 'bzip2', args: ['-dc'], package: 'bzip2', magics: ['425a68'] },
];

async function magicAt(file: string, at: number): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(6), 0, 6, at);
    return buffer.subarray(0, bytesRead).toString('hex');
  } finally {
    await handle.close();
  }
}

/** The unpacked stream. A packed one that is damaged makes it fail; one that is read no further is closed. */
function unpack(from: () => Readable, packer: Packer): Promise<Result<Readable, FixUpError>> {
  // What goes wrong on the way is told by the stream that comes out.
  const told = (): void => {};
  if (packer.program === 'gzip') return Promise.resolve(ok(pipeline(from(), createGunzip(), told)));
  return new Promise((resolve) => {
    const child = spawn(packer.program, packer.args, { stdio: ['pipe', 'pipe', 'ignore'] });
    child.once('error', () => {
      const remedy = `sudo apt-get install --yes --no-install-recommends ${packer.package}`;
      resolve(err({ type: 'ToolMissing', program: packer.program, remedy }));
    });
    child.once('spawn', () => {
      pipeline(from(), child.stdin, told);
      resolve(ok(child.stdout));
    });
  });
}

interface ByteReader {
  /** So many bytes, or undefined if the stream ends before. */
  take(count: number): Promise<Buffer | undefined>;
  skip(count: number): Promise<void>;
  /** Skips zeroes and returns where the first other byte is, or undefined at the end. */
  skipZeroes(): Promise<number | undefined>;
  close(): void;
}

function reader(stream: Readable): ByteReader {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let held: Buffer = Buffer.alloc(0);
  let at = 0;
  const more = async (): Promise<boolean> => {
    const next = await chunks.next();
    if (next.done === true) return false;
    held = held.length === 0 ? next.value : Buffer.concat([held, next.value]);
    return true;
  };
  const drop = (count: number): void => {
    held = held.subarray(count);
    at += count;
  };
  return {
    async take(count) {
      while (held.length < count) if (!(await more())) return undefined;
      const taken = held.subarray(0, count);
      drop(count);
      return taken;
    },
    async skip(count) {
      let left = count;
      while (left > held.length) {
        left -= held.length;
        drop(held.length);
        if (!(await more())) return;
      }
      drop(left);
    },
    async skipZeroes() {
      for (;;) {
        const other = held.findIndex((byte) => byte !== 0);
        if (other >= 0) {
          drop(other);
          return at;
        }
        drop(held.length);
        if (!(await more())) return undefined;
      }
    },
    close: () => void stream.destroy(),
  };
}

/** Reads archives until the stream ends, or until something that is none: then says where that begins. */
async function readArchives(from: ByteReader, paths: string[]): Promise<'end' | number> {
  for (;;) {
    const start = await from.skipZeroes();
    if (start === undefined) return 'end';
    if ((await readArchive(from, paths)) === 'other') return start;
  }
}

async function readArchive(from: ByteReader, paths: string[]): Promise<'read' | 'other'> {
  for (let first = true; ; first = false) {
    const header = (await from.take(headerLength))?.toString('latin1');
    if (header === undefined || !/^07070[12][0-9a-fA-F]{104}$/.test(header)) {
      if (first) return 'other';
      throw new Error('an archive in it ends in the middle');
    }
    const field = (index: number): number => Number.parseInt(header.slice(6 + index * 8, 14 + index * 8), 16);
    const [size, nameLength] = [field(6), field(11)];
    if (nameLength < 1 || nameLength > nameLengthMax) throw new Error(`a name of ${nameLength} bytes is no name`);
    const name = (await from.take(nameLength))?.toString('utf8').replace(/\0$/, '');
    if (name === undefined) throw new Error('an archive in it ends in the middle');
    await from.skip((4 - ((headerLength + nameLength) % 4)) % 4);
    if (name === trailer) return 'read';
    paths.push(name);
    await from.skip(size + ((4 - (size % 4)) % 4));
  }
}

/** Names of the kernel modules among paths, without folder and suffix, dashes written as the kernel does. */
export const modulesAmong = (paths: readonly string[]): readonly string[] =>
  paths.flatMap((path) => {
    const name = /(?:^|\/)lib\/modules\/.*\/([^/]+)\.ko(?:\.(?:gz|xz|zst))?$/.exec(path)?.[1];
    return name === undefined ? [] : [moduleName(name)];
  });

/** A module's name as the kernel writes it. */
export const moduleName = (name: string): string => name.replaceAll('-', '_');

const rootPrograms = /(?:^|\/)s?bin\/(lvm|cryptsetup|mdadm|btrfs|systemd-cryptsetup)$/;

/** Which of the programs that find a root are among paths. */
export const rootProgramsAmong = (paths: readonly string[]): readonly string[] => [
  ...new Set(paths.flatMap((path) => rootPrograms.exec(path)?.[1] ?? [])),
];
