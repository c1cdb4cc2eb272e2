import { sectorSize, type GuestDisk } from './guest-disk.ts';
import { headLength } from './installed-system.ts';

/*
 * Numbered records that a guest promises to keep. Record n is on disk n modulo their count, and is acknowledged once it was
 * flushed; so of two disks that were copied at different moments one lacks records that the other has. The first record's
 * place on the boot disk is the ledger's own: up to where it is whole for certain, written now and then and at every stop.
 */

const recordLength = 16;
const regionStart = headLength;
const regionSectorsMax = 16;
const recordMagic = 0x5245_4344;
const closeMagic = 0x434c_4f53;
// How often the ledger notes how far it is.
const noteEvery = 16;

/** Records of one guest on its disks. */
export interface Ledger {
  /** The number of the last record that was acknowledged; 0 if none was. */
  acknowledged(): number;
  /** Writes the next record, flushes it and acknowledges it. */
  append(): void;
  /** Notes how far it is, as a service does that is stopped in order. */
  close(): void;
}

/** What was found of a ledger on disks. */
export interface LedgerFound {
  /** The highest number there. */
  readonly last: number;
  /** Numbers that must be there, up to the last one or to what the ledger noted, and are not. */
  readonly missing: readonly number[];
}

/** Takes up the ledger that is on the disks, or begins one. */
export function openLedger(disks: readonly GuestDisk[], identity: number): Ledger {
  const places = placesOf(disks);
  let last = lookAtLedger(disks, identity).last;
  const note = (): void => put(disks[0], 0, closeMagic, last, identity);
  return {
    acknowledged: () => last,
    append: () => {
      const number = last + 1;
      const disk = disks[number % disks.length];
      put(disk, slotOf(number, places, disks.length), recordMagic, number, identity);
      disk?.flush();
      last = number;
      if (number % noteEvery === 0) note();
    },
    close: () => {
      note();
      disks[0]?.flush();
    },
  };
}

/** Looks for the records of a guest. `atLeast`: the last number somebody outside was promised. */
export function lookAtLedger(disks: readonly GuestDisk[], identity: number, atLeast = 0): LedgerFound {
  const places = placesOf(disks);
  const found = new Set<number>();
  for (const [index, disk] of disks.entries()) {
    const region = disk.read(regionStart, (places[index] ?? 0) * recordLength);
    const view = new DataView(region.buffer, region.byteOffset);
    for (let slot = 0; slot < (places[index] ?? 0); slot += 1) {
      const number = numberAt(view, slot, recordMagic, identity);
      if (number !== undefined && number % disks.length === index) found.add(number);
    }
  }
  const noted =
    disks[0] && numberAt(new DataView(disks[0].read(regionStart, recordLength).buffer), 0, closeMagic, identity);
  const last = [...found].reduce((most, number) => Math.max(most, number), 0);
  const until = Math.max(last, noted ?? 0, atLeast);
  // Places are used again: what is older than the oldest place is not there any more.
  const kept = Math.min(...places.map((count) => count - 1)) * disks.length;
  const missing: number[] = [];
  for (let number = Math.max(1, until - kept + 1); number <= until; number += 1)
    if (!found.has(number)) missing.push(number);
  return { last, missing };
}

/** How many records there is room for on each disk. */
const placesOf = (disks: readonly GuestDisk[]): readonly number[] =>
  disks.map(({ size }) => {
    const sectors = Math.min(regionSectorsMax, Math.max(0, (size - regionStart) / sectorSize));
    return (Math.floor(sectors) * sectorSize) / recordLength;
  });

/** The first sector that no record is in. */
export const firstFreeSector = ({ size }: GuestDisk): number =>
  Math.min(size / sectorSize, regionStart / sectorSize + regionSectorsMax);

// The first place is the ledger's own note.
const slotOf = (number: number, places: readonly number[], disks: number): number =>
  1 + (Math.floor(number / disks) % (Math.min(...places) - 1));

// One for all: disks take a copy of what is written to them.
const record = new DataView(new ArrayBuffer(recordLength));
const recordBytes = new Uint8Array(record.buffer);

function put(disk: GuestDisk | undefined, slot: number, kind: number, number: number, identity: number): void {
  record.setUint32(0, kind);
  record.setUint32(4, number);
  record.setUint32(8, identity);
  record.setUint32(12, sealOf(kind, number, identity));
  disk?.write(regionStart + slot * recordLength, recordBytes);
}

function numberAt(view: DataView, slot: number, kind: number, identity: number): number | undefined {
  const at = slot * recordLength;
  const number = view.getUint32(at + 4);
  const isWhole =
    view.getUint32(at) === kind &&
    view.getUint32(at + 8) === identity >>> 0 &&
    view.getUint32(at + 12) === sealOf(kind, number, identity);
  return isWhole ? number : undefined;
}

const sealOf = (kind: number, number: number, identity: number): number =>
  (Math.imul(number ^ kind, 0x9e3779b1) ^ Math.imul(identity, 0x85ebca77)) >>> 0;
