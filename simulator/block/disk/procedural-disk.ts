import { extent, type Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import { invariant, InvariantError } from '#core/invariant';
import type { Rng } from '#core/rng';
import { bytes, ratio, type Bytes, type Ratio } from '#core/units';
import { grain } from '#replicator/pipeline/digest';
import { contentOf, sectorOf, sectorsIn, type DiskContent, type Sectors, type Substance } from './disk-content.ts';
import { sectorLength } from './sector-content.ts';
import { isTrimmed, patchedSector, trimmedSector, wholeSector } from './written-sector.ts';

/**
 * A disk of a simulated VM. It holds no bytes: what a sector holds follows from the disk's seed, the sector and the write
 * that was there last, and is made when somebody reads it. What was written and what would survive a power loss are kept
 * apart, as in any disk with a cache.
 */
export interface ProceduralDisk extends DiskContent {
  readonly id: DiskId;
  /** Writes new content to `count` sectors from `first`. */
  write(first: number, count: number): void;
  /** Writes these very bytes from the start of a sector on; the rest of the last sector becomes zeroes. */
  bytes(first: number, data: Uint8Array): void;
  /** Writes a few bytes at an address within one sector; what else is in it stays. False, and nothing done, if they are not few. */
  patch(at: number, data: Uint8Array): boolean;
  /** Makes sectors read as zeroes, as a guest does that trims. */
  trim(first: number, count: number): void;
  /** Everything written so far survives a power loss. */
  flush(): void;
  /** Power is lost: each write since the last flush is there, not there, or there up to one of its sectors. */
  lose(rng: Rng): PowerLoss;
  /** Tells of every write, when it happens and before anybody can ask. Returns how to stop. */
  onWrite(listener: (range: Extent) => void): () => void;
  /** What the disk holds at this instant, whatever is written later. */
  snapshot(): DiskContent;
  /** Becomes longer; what is new is zeroes. A size is a multiple of 512. */
  grow(size: Bytes): void;
}

/** What became of the writes that were not flushed. */
export interface PowerLoss {
  readonly kept: number;
  readonly lost: number;
  readonly torn: number;
}

/** How a disk begins. */
export interface ProceduralDiskOptions {
  readonly id: DiskId;
  /** 32 bits. Disks of different seeds have nothing in common but their zeroes. */
  readonly seed: number;
  readonly size: Bytes;
  /** How many sectors hold something before anybody has written. Default: a quarter. */
  readonly filled?: Ratio;
}

interface Write {
  readonly first: number;
  readonly count: number;
  /** The version of all its sectors, or of the first if each has its own. */
  readonly version: number;
  readonly step: 0 | 1;
}

interface State {
  readonly substance: Substance;
  sectors: Sectors;
  durable: Uint32Array;
  unflushed: Write[];
  /** Never taken back, also not by a power loss: a write that was lost and one that came later are never the same. */
  lastVersion: number;
}

/** Makes a disk. */
export function proceduralDisk({ id, seed, size, filled = ratio(1, 4) }: ProceduralDiskOptions): ProceduralDisk {
  const substance: Substance = { seed, filled, explicit: new Map() };
  const sectors = blank(size);
  const state: State = { substance, sectors, durable: sectors.versions.slice(), unflushed: [], lastVersion: 0 };
  const listeners = new Set<(range: Extent) => void>();
  const tell = (first: number, count: number): void => {
    const start = first * sectorLength;
    const range = extent(start, Math.min(count * sectorLength, state.sectors.size - start));
    for (const listener of listeners) listener(range);
  };
  const { read, extents, root } = contentOf(substance, () => state.sectors);
  return {
    id,
    get size() {
      return state.sectors.size;
    },
    get versions() {
      return state.sectors.versions;
    },
    read,
    extents,
    root,
    write(first, count) {
      put(state, first, count, 0);
      tell(first, count);
    },
    bytes(first, data) {
      const count = sectorsIn(data.length);
      const version = put(state, first, count, 1);
      for (let at = 0; at < count; at += 1)
        substance.explicit.set(version + at, wholeSector(data.subarray(at * sectorLength, (at + 1) * sectorLength)));
      tell(first, count);
    },
    patch(at, data) {
      const sector = Math.floor(at / sectorLength);
      const inSector = at % sectorLength;
      if (inSector + data.length > sectorLength) return false;
      const over = sectorOf(substance, state.sectors.versions[sector] ?? 0);
      const patched = patchedSector(over, inSector, data);
      if (!patched) return false;
      substance.explicit.set(put(state, sector, 1, 1), patched);
      tell(sector, 1);
      return true;
    },
    trim(first, count) {
      substance.explicit.set(put(state, first, count, 0), trimmedSector);
      tell(first, count);
    },
    flush() {
      for (const write of state.unflushed) harden(state, write);
      state.unflushed = [];
    },
    lose: (rng) => lose(state, rng),
    onWrite(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    snapshot() {
      const { size: length, versions, digests } = state.sectors;
      const frozen: Sectors = { size: length, versions: versions.slice(), digests: digests.slice() };
      const explicit = heldBy(frozen.versions, substance.explicit);
      return contentOf({ ...substance, explicit }, () => frozen);
    },
    grow: (longer) => grow(state, longer),
  };
}

/** Writes to sectors, each of which gets a version of its own if `step` is 1. Returns the version of the first. */
function put(state: State, first: number, count: number, step: 0 | 1): number {
  const { versions } = state.sectors;
  if (!(first >= 0 && count > 0 && first + count <= versions.length))
    throw new InvariantError(`a disk of ${versions.length} sectors has no ${count} at ${first}`);
  const version = state.lastVersion + 1;
  state.lastVersion += step === 0 ? 1 : count;
  const write = { first, count, version, step };
  apply(versions, write, count);
  forgetDigests(state.sectors, first, count);
  state.unflushed.push(write);
  return version;
}

/** Makes a write durable. Bytes that it wrote over are nowhere any more but in snapshots, which have them by themselves. */
function harden({ durable, substance: { explicit } }: State, { first, count, version, step }: Write): void {
  for (let at = 0; at < count; at += 1) {
    const former = durable[first + at] ?? 0;
    const next = version + step * at;
    durable[first + at] = next;
    // Zeroes are of all sectors that were trimmed at once.
    if (former !== next && !isTrimmed(explicit.get(former))) explicit.delete(former);
  }
}

function heldBy(versions: Uint32Array, explicit: Substance['explicit']): Substance['explicit'] {
  const held: Substance['explicit'] = new Map();
  for (const version of versions) {
    const bytesOf = explicit.get(version);
    if (bytesOf) held.set(version, bytesOf);
  }
  return held;
}

function lose(state: State, rng: Rng): PowerLoss {
  const outcome = { kept: 0, lost: 0, torn: 0 };
  for (const write of state.unflushed) apply(state.durable, write, surviving(rng, write, outcome));
  state.unflushed = [];
  state.sectors.versions.set(state.durable);
  state.sectors.digests.fill(undefined);
  return outcome;
}

function grow(state: State, longer: Bytes): void {
  const { size, versions } = state.sectors;
  invariant(longer >= size && longer % 512 === 0, `a disk of ${size} cannot become ${longer}`);
  const before = sectorsIn(size);
  const grown = blank(longer);
  const durable = grown.versions.slice();
  grown.versions.set(versions);
  durable.set(state.durable);
  // What nobody has written holds something on a new disk, and nothing where a disk has grown.
  if (sectorsIn(longer) > before) {
    state.lastVersion += 1;
    state.substance.explicit.set(state.lastVersion, trimmedSector);
    grown.versions.fill(state.lastVersion, before);
    durable.fill(state.lastVersion, before);
  }
  state.sectors = grown;
  state.durable = durable;
}

const blank = (size: Bytes): Sectors => {
  invariant(size > 0 && size % 512 === 0, `a disk has a multiple of 512 bytes, got ${size}`);
  return { size: bytes(size), versions: new Uint32Array(sectorsIn(size)), digests: [] };
};

function apply(versions: Uint32Array, { first, version, step }: Write, count: number): void {
  for (let at = 0; at < count; at += 1) versions[first + at] = version + step * at;
}

function forgetDigests({ digests }: Sectors, first: number, count: number): void {
  const last = Math.floor(((first + count - 1) * sectorLength) / grain);
  for (let at = Math.floor((first * sectorLength) / grain); at <= last; at += 1) digests[at] = undefined;
}

/** How many sectors of a write survive. */
function surviving(rng: Rng, { count }: Write, outcome: { kept: number; lost: number; torn: number }): number {
  const fate = rng.pick(['kept', 'lost', 'torn'] as const);
  if (fate === 'torn' && count > 1) {
    outcome.torn += 1;
    return rng.between(1, count - 1);
  }
  outcome[fate === 'kept' ? 'kept' : 'lost'] += 1;
  return fate === 'kept' ? count : 0;
}
