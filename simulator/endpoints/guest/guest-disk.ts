import { invariant } from '#core/invariant';
import { bytes, type Bytes } from '#core/units';

/** What a guest writes at once, in bytes. */
export const sectorSize = 4096;

/** A disk as a guest uses it: whatever its content is kept in. Addresses and lengths are in bytes, and inside the disk. */
export interface GuestDisk {
  readonly size: Bytes;
  /** The content now, as bytes of the caller's own. */
  read(at: number, length: number): Uint8Array;
  /** The content now, into the memory of who asks. */
  readInto(at: number, into: Uint8Array): void;
  /** Durable once a later `flush` returns. */
  write(at: number, data: Uint8Array): void;
  /** Overwrites whole sectors with content that means nothing, and that was never there before. */
  scribble(sector: number, count: number): void;
  flush(): void;
  /** Tells of every write, in sectors, until what is returned is called. */
  onWrite(seen: (sector: number, count: number) => void): () => void;
}

/** A disk in memory, which loses what was not flushed when its machine loses power. */
export interface MemoryDisk extends GuestDisk {
  /** Takes back every write since the last flush. */
  lose(): void;
}

/** A disk in memory; it begins as zeroes, or as what is given. */
export function memoryDisk(size: number, content?: Uint8Array): MemoryDisk {
  invariant(size % sectorSize === 0, `a disk of ${size} bytes is not one of whole sectors`);
  const data = new Uint8Array(size);
  if (content) data.set(content);
  const unflushed = new Map<number, Uint8Array>();
  const watching = new Set<(sector: number, count: number) => void>();
  let version = 0;
  const write = (at: number, from: Uint8Array): void => {
    invariant(at >= 0 && at + from.length <= size, `a write of ${from.length} bytes at ${at} is not on the disk`);
    const first = Math.floor(at / sectorSize);
    const count = Math.ceil((at + from.length) / sectorSize) - first;
    for (let sector = first; sector < first + count; sector += 1)
      if (!unflushed.has(sector)) unflushed.set(sector, data.slice(sector * sectorSize, (sector + 1) * sectorSize));
    data.set(from, at);
    for (const seen of watching) seen(first, count);
  };
  return {
    size: bytes(size),
    read: (at, length) => data.slice(at, at + length),
    readInto: (at, into) => into.set(data.subarray(at, at + into.length)),
    write,
    scribble: (sector, count) => {
      version += 1;
      write(sector * sectorSize, scribbled(sector, count, version));
    },
    flush: () => unflushed.clear(),
    onWrite: (seen) => {
      watching.add(seen);
      return () => void watching.delete(seen);
    },
    lose: () => {
      for (const [sector, former] of unflushed) data.set(former, sector * sectorSize);
      unflushed.clear();
    },
  };
}

/** Sectors of content that is told apart from any other version of the same sectors. */
export function scribbled(sector: number, count: number, version: number): Uint8Array {
  const words = new Uint32Array((count * sectorSize) / 4);
  let state = (Math.imul(sector + 1, 0x9e3779b1) ^ Math.imul(version, 0x85ebca77)) | 1;
  for (let i = 0; i < words.length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer);
}
