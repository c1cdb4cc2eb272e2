import { extent, extentEnd, type Extent, type MappedExtent } from '#core/disk/extent';
import { bytes, type Bytes, type Ratio } from '#core/units';
import { blocksIn, digestBlockWith, grain } from '#replicator/pipeline/digest';
import { digestsPerPage, hashPage, rootOver } from '#replicator/pipeline/merkle';
import { fillSector, mixed, sectorLength } from './sector-content.ts';
import { fillWritten, isTrimmed, type UnwrittenSector, type WrittenSector } from './written-sector.ts';

/** What a disk holds: now, or at the instant a snapshot was taken. */
export interface DiskContent {
  readonly size: Bytes;
  /** Which write made each sector what it is; 0 if none did. Grows with every write to the disk, so no two are alike. */
  readonly versions: Uint32Array;
  /** Fills `into` with what is at `at`. Anywhere, any length within the disk. */
  read(at: number, into: Uint8Array): void;
  /** What is in `range`, neighbours merged. */
  extents(range: Extent): readonly MappedExtent[];
  /** The root the pipeline computes of such a disk (digests of `xxh64`), hex. */
  root(): string;
}

/** What the content of a disk is made from, and the disk shares with its snapshots. */
export interface Substance {
  readonly seed: number;
  /** How many of the sectors that nobody has written hold something. */
  readonly filled: Ratio;
  /** What was written as bytes, by version. */
  readonly explicit: Map<number, WrittenSector>;
}

/** The sectors of a disk, and the digests of those blocks that are known. */
export interface Sectors {
  readonly size: Bytes;
  readonly versions: Uint32Array;
  readonly digests: (bigint | undefined)[];
}

const digestBlock = digestBlockWith('xxh64');
const block = new Uint8Array(grain);

/** How many sectors a size has, the short last one counted. */
export const sectorsIn = (size: number): number => Math.ceil(size / sectorLength);

/** The content that sectors have, whichever `sectors` answers at the time. */
export function contentOf(substance: Substance, sectors: () => Sectors): DiskContent {
  return {
    get size() {
      return sectors().size;
    },
    get versions() {
      return sectors().versions;
    },
    read: (at, into) => readSectors(substance, sectors(), at, into),
    extents: (range) => extentsIn(substance, sectors(), range),
    root: () => rootOf(substance, sectors()),
  };
}

/** Which whole grains differ between two contents of one disk, neighbours merged. Where one is shorter, the rest differs. */
export function changedBetween(before: DiskContent, now: DiskContent, granularity: number = grain): readonly Extent[] {
  const found: Extent[] = [];
  const perGrain = granularity / sectorLength;
  const [old, next] = [before.versions, now.versions];
  for (let first = 0; first * sectorLength < now.size; first += perGrain) {
    let differs = false;
    for (let sector = first; sector < Math.min(first + perGrain, next.length) && !differs; sector += 1)
      differs = old[sector] !== next[sector];
    if (!differs) continue;
    const start = first * sectorLength;
    addMerged(found, extent(start, Math.min(granularity, now.size - start)));
  }
  return found;
}

/** Adds an extent to ordered ones, as one with the last if it follows at once. */
export function addMerged(found: Extent[], next: Extent): void {
  const last = found.at(-1);
  if (last !== undefined && extentEnd(last) === next.start)
    found[found.length - 1] = { start: last.start, length: bytes(last.length + next.length) };
  else found.push(next);
}

/** What a version of a sector was made by. */
export const sectorOf = ({ explicit }: Substance, version: number): WrittenSector | UnwrittenSector =>
  explicit.get(version) ?? { type: 'unwritten', version };

function readSectors(substance: Substance, { versions }: Sectors, at: number, into: Uint8Array): void {
  for (let done = 0; done < into.length;) {
    const sector = Math.floor((at + done) / sectorLength);
    const inSector = (at + done) % sectorLength;
    const run = Math.min(into.length - done, sectorLength - inSector);
    const part = into.subarray(done, done + run);
    if (inSector === 0) fill(substance, part, sector, versions[sector] ?? 0);
    else {
      const whole = new Uint8Array(inSector + run);
      fill(substance, whole, sector, versions[sector] ?? 0);
      part.set(whole.subarray(inSector));
    }
    done += run;
  }
}

function fill(substance: Substance, into: Uint8Array, sector: number, version: number): void {
  const written = substance.explicit.get(version);
  if (written) fillWritten(into, written, (part, former) => fillUnwritten(substance, part, sector, former));
  else fillUnwritten(substance, into, sector, version);
}

function fillUnwritten(substance: Substance, into: Uint8Array, sector: number, version: number): void {
  if (isZeroSector(substance, sector, version)) into.fill(0);
  else fillSector(into, substance.seed, sector, version);
}

function isZeroSector({ seed, filled, explicit }: Substance, sector: number, version: number): boolean {
  if (version !== 0) return isTrimmed(explicit.get(version));
  return mixed(seed, sector) % filled.denominator >= filled.numerator;
}

function extentsIn(substance: Substance, { versions }: Sectors, range: Extent): readonly MappedExtent[] {
  const found: MappedExtent[] = [];
  for (let at: number = range.start; at < extentEnd(range);) {
    const sector = Math.floor(at / sectorLength);
    const end = Math.min(extentEnd(range), (sector + 1) * sectorLength);
    const kind = isZeroSector(substance, sector, versions[sector] ?? 0) ? 'zero' : 'data';
    const last = found.at(-1);
    if (last?.kind === kind) found[found.length - 1] = { start: last.start, length: bytes(end - last.start), kind };
    else found.push({ kind, ...extent(at, end - at) });
    at = end;
  }
  return found;
}

function rootOf(substance: Substance, sectors: Sectors): string {
  const blocks = blocksIn(sectors.size);
  const pages: Uint8Array[] = [];
  for (let first = 0; first < blocks; first += digestsPerPage) {
    const page = new BigUint64Array(digestsPerPage);
    for (let at = first; at < Math.min(blocks, first + digestsPerPage); at += 1)
      page[at - first] = sectors.digests[at] ??= digestAt(substance, sectors, at);
    pages.push(hashPage(page));
  }
  return rootOver(pages, sectors.size);
}

function digestAt(substance: Substance, sectors: Sectors, at: number): bigint {
  const content = block.subarray(0, Math.min(grain, sectors.size - at * grain));
  readSectors(substance, sectors, at * grain, content);
  return digestBlock(content);
}
