import { invariant, InvariantError } from '#core/invariant';
import type { FixUpDisk } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { bytes } from '#core/units';
import type { Overlays } from '#replicator/live/launch/overlays';
import { memoryDisk, scribbled, sectorSize, type GuestDisk } from '#simulator/endpoints/guest/guest-disk';
import type { InstalledKernel } from '#simulator/endpoints/guest/installed-system';
import type { Call } from './call.ts';

/** Replicas as whoever is on their machine reads them. Nothing is written through it. */
export interface ReplicaBytes {
  /** Bytes of a file; what is beyond its end is zeroes. */
  read(path: string, offset: number, length: number): Uint8Array;
  /** In bytes. */
  size(path: string): number;
  exists(path: string): boolean;
}

/** What a fix-up made before it was needed. */
export interface PreparedFiles {
  /** The state of the guest it was made of. */
  readonly of: string;
  /** All that went into it, as a text. */
  readonly madeFrom: string;
  readonly initramfs: Readonly<Record<string, NonNullable<InstalledKernel['initramfs']>>>;
}

/** Overlays over replicas and copies of them, on the machine where the replicas are. They outlive whoever asked for them. */
export interface OverlayStore {
  /** The port; each call may be lost. */
  readonly overlays: Overlays;
  /** The overlay or copy at a path as a disk; undefined if there is none. */
  disk(path: string): GuestDisk | undefined;
  has(path: string): boolean;
  /** Paths of all that is there. */
  paths(): readonly string[];
  /** What was made before it was needed, by folder. */
  readonly prepared: Map<string, PreparedFiles>;
}

interface OverlayStoreOptions {
  readonly replicas: ReplicaBytes;
  readonly call: Call;
  /** Why no file can be made just now, such as a volume that is full. */
  readonly fails?: (operation: 'make' | 'copy' | 'trial', replica: string) => string | undefined;
}

const overlayOf = (replica: string): string => `${replica}.fixup.qcow2`;
const copyOf = (replica: string): string => `${replica}.test`;
const trialOf = (replica: string): string => `${replica}.fixup-trial.qcow2`;
const preparedOf = (replica: string): string => `${replica}.fixup-prepared`;

/**
 * Makes the place where overlays are kept.
 * @differs An overlay or a copy is durable as it is written, takes no room on its volume, and is made in no time.
 */
export function overlayStore({ replicas, call, fails = () => undefined }: OverlayStoreOptions): OverlayStore {
  const images = new Map<string, GuestDisk>();
  const prepared = new Map<string, PreparedFiles>();
  const asked = <T>(operation: string, act: () => Result<T, string>): Promise<Result<T, string>> =>
    call(operation, act, (detail) => detail);
  // What was only prepared is taken away without an answer: if that was lost, it is asked for again by the next.
  const drop = async (operation: string, act: () => void): Promise<void> => {
    await asked(operation, () => ok(act()));
  };
  const put = (
    operation: 'make' | 'copy' | 'trial',
    replica: string,
    { path, format }: FixUpDisk,
    make: () => GuestDisk,
  ): Result<FixUpDisk, string> => {
    const why = replicas.exists(replica) ? fails(operation, replica) : `${replica} is not there`;
    if (why !== undefined) return err(why);
    images.set(path, make());
    return ok({ path, format });
  };
  const overlays: Overlays = {
    of: overlayOf,
    make: (replica) =>
      asked('make overlay', () =>
        put('make', replica, { path: overlayOf(replica), format: 'qcow2' }, () => overlayDisk(replicas, replica)),
      ),
    drop: (replica) => asked('drop overlay', () => ok(void images.delete(overlayOf(replica)))),
    copy: (replica) =>
      asked('copy replica', () =>
        put('copy', replica, { path: copyOf(replica), format: 'raw' }, () => {
          const size = replicas.size(replica);
          return memoryDisk(size, replicas.read(replica, 0, size));
        }),
      ),
    dropCopy: (replica) => asked('drop copy', () => ok(void images.delete(copyOf(replica)))),
    prepared: preparedOf,
    preparedOf: async (replica) => {
      const found = await asked('look for what was prepared', () => ok(prepared.get(preparedOf(replica))?.of));
      return found.ok ? found.value : undefined;
    },
    makeTrial: (replica) =>
      asked('make trial', () =>
        put('trial', replica, { path: trialOf(replica), format: 'qcow2' }, () => overlayDisk(replicas, replica)),
      ),
    dropTrial: (replica) => drop('drop trial', () => void images.delete(trialOf(replica))),
    dropPrepared: (replica) =>
      drop('drop what was prepared', () => {
        images.delete(trialOf(replica));
        prepared.delete(preparedOf(replica));
      }),
  };
  return {
    ...{ overlays, prepared },
    disk: (path) => images.get(path),
    has: (path) => images.has(path),
    paths: () => [...images.keys()],
  };
}

/** Content that means nothing, from a sector on. It is made when somebody reads it, which hardly anybody does. */
interface Scribble {
  readonly first: number;
  readonly version: number;
}

/** A disk that keeps what is written to it, and has the rest from a replica as it is now. */
function overlayDisk(replicas: ReplicaBytes, path: string): GuestDisk {
  const size = replicas.size(path);
  invariant(size % sectorSize === 0, `${path} is no disk of whole sectors: ${size} bytes`);
  const written = new Map<number, Uint8Array | Scribble>();
  const watching = new Set<(sector: number, count: number) => void>();
  let version = 0;
  const checkRange = (at: number, length: number): void => {
    if (at < 0 || at + length > size) throw new InvariantError(`a write of ${length} bytes at ${at} is not on ${path}`);
  };
  /** What was written to a sector, as bytes that are its own. */
  const own = (sector: number): Uint8Array | undefined => {
    const found = written.get(sector);
    if (found === undefined || found instanceof Uint8Array) return found;
    const made = scribbled(found.first, sector - found.first + 1, found.version).slice(-sectorSize);
    written.set(sector, made);
    return made;
  };
  const write = (at: number, data: Uint8Array): void => {
    checkRange(at, data.length);
    const first = Math.floor(at / sectorSize);
    const end = Math.ceil((at + data.length) / sectorSize);
    for (let sector = first; sector < end; sector += 1) {
      const start = sector * sectorSize;
      const whole = own(sector) ?? replicas.read(path, start, sectorSize).slice();
      const from = Math.max(at, start);
      whole.set(data.subarray(from - at, Math.min(at + data.length, start + sectorSize) - at), from - start);
      written.set(sector, whole);
    }
    for (const seen of watching) seen(first, end - first);
  };
  const readInto = (at: number, data: Uint8Array): void => {
    const { length } = data;
    data.set(replicas.read(path, at, length));
    for (let sector = Math.floor(at / sectorSize); sector * sectorSize < at + length; sector += 1) {
      const whole = own(sector);
      if (!whole) continue;
      const start = sector * sectorSize;
      const from = Math.max(at, start);
      data.set(whole.subarray(from - start, Math.min(at + length, start + sectorSize) - start), from - at);
    }
  };
  return {
    size: bytes(size),
    read: (at, length) => {
      const data = new Uint8Array(length);
      readInto(at, data);
      return data;
    },
    readInto,
    write,
    scribble: (sector, count) => {
      version += 1;
      checkRange(sector * sectorSize, count * sectorSize);
      const scribble: Scribble = { first: sector, version };
      for (let at = sector; at < sector + count; at += 1) written.set(at, scribble);
      for (const seen of watching) seen(sector, count);
    },
    flush: () => undefined,
    onWrite: (seen) => {
      watching.add(seen);
      return () => void watching.delete(seen);
    },
  };
}
