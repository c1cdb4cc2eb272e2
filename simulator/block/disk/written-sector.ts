/**
 * What somebody wrote as bytes to a sector: all of it, with zeroes behind the end; or a few bytes over what was there.
 *
 * Guests keep records of some bytes each. A sector that is kept whole for each of them would be most of what a world keeps.
 */
export type WrittenSector =
  | { readonly type: 'whole'; readonly bytes: Uint8Array }
  | {
      readonly type: 'patched';
      readonly over: WrittenSector | UnwrittenSector;
      readonly at: number;
      readonly bytes: Uint8Array;
      /** How many patches lie over each other, this one counted. */
      readonly depth: number;
    };

/** What follows from the version of a sector, and was never bytes. */
export interface UnwrittenSector {
  readonly type: 'unwritten';
  readonly version: number;
}

/** Patches that lie over each other. With more, reading their sector is not cheap any more. */
const depthMax = 32;
// V8 keeps an array of that length with its other objects, and a longer one in memory of its own.
const patchMax = 64;

/** A sector that was trimmed: not a byte of it is kept. */
export const trimmedSector: WrittenSector = { type: 'whole', bytes: new Uint8Array() };

export const isTrimmed = (written: WrittenSector | undefined): boolean => written === trimmedSector;

/** Takes a copy of the bytes. */
export const wholeSector = (bytes: Uint8Array): WrittenSector => ({ type: 'whole', bytes: new Uint8Array(bytes) });

/** Bytes over what is there, and a copy of them is kept. Undefined if they are too many, or lie over too many others. */
export function patchedSector(
  over: WrittenSector | UnwrittenSector,
  at: number,
  bytes: Uint8Array,
): WrittenSector | undefined {
  const depth = over.type === 'patched' ? over.depth + 1 : 1;
  if (bytes.length > patchMax || depth > depthMax) return undefined;
  return { type: 'patched', over, at, bytes: new Uint8Array(bytes), depth };
}

/** Fills `into` with the start of a sector. `make` fills it with what follows from a version. */
export function fillWritten(
  into: Uint8Array,
  sector: WrittenSector | UnwrittenSector,
  make: (into: Uint8Array, version: number) => void,
): void {
  if (sector.type === 'unwritten') return make(into, sector.version);
  const { bytes } = sector;
  if (sector.type === 'whole') {
    into.set(bytes.subarray(0, into.length));
    into.fill(0, bytes.length);
    return;
  }
  fillWritten(into, sector.over, make);
  if (sector.at < into.length) into.set(bytes.subarray(0, into.length - sector.at), sector.at);
}
