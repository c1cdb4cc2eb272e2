import { describe, expect, it } from 'vitest';
import { holdsSession, isMarkedDirty, volumeRecordAt } from './ntfs.ts';

const bootSector = (perCluster: number, perRecord: number): Buffer => {
  const sector = Buffer.alloc(512);
  sector.write('NTFS    ', 3, 'latin1');
  sector.writeUInt16LE(512, 0x0b);
  sector.writeUInt8(perCluster, 0x0d);
  sector.writeBigUInt64LE(786_432n, 0x30);
  sector.writeInt8(perRecord, 0x40);
  return sector;
};

/** The record of `$Volume`: a name, then what it says of itself, from `informationAt` on. */
function volumeRecord(flags: number, informationAt = 0x150): Buffer {
  const record = Buffer.alloc(1024);
  record.write('FILE', 0, 'latin1');
  record.writeUInt16LE(0x30, 4);
  record.writeUInt16LE(3, 6);
  record.writeUInt16LE(0x38, 0x14);
  record.writeUInt32LE(informationAt + 0x28 + 8, 0x18);
  record.writeUInt32LE(0x10, 0x38);
  record.writeUInt32LE(informationAt - 0x38, 0x3c);
  record.writeUInt32LE(0x70, informationAt);
  record.writeUInt32LE(0x28, informationAt + 4);
  record.writeUInt16LE(0x18, informationAt + 0x14);
  record.writeUInt16LE(flags, informationAt + 0x18 + 10);
  record.writeUInt32LE(0xffffffff, informationAt + 0x28);
  // The ends of both sectors stand at the begin, and a mark in their places.
  const mark = 0x0007;
  record.writeUInt16LE(mark, 0x30);
  for (const sector of [1, 2]) {
    record.copy(record, 0x30 + 2 * sector, sector * 512 - 2, sector * 512);
    record.writeUInt16LE(mark, sector * 512 - 2);
  }
  return record;
}

describe('NTFS', () => {
  it('says where its volume record is, for small and for large clusters', () => {
    expect(volumeRecordAt(bootSector(8, -10))).toEqual({ offset: 786_432 * 4096 + 3 * 1024, size: 1024 });
    expect(volumeRecordAt(bootSector(1, 2))).toEqual({ offset: 786_432 * 512 + 3 * 1024, size: 1024 });
    // Above 128 the number of sectors in a cluster is a power of two: here 2^9 sectors.
    expect(volumeRecordAt(bootSector(247, -12))).toEqual({ offset: 786_432 * 512 * 512 + 3 * 4096, size: 4096 });
  });

  it('is no NTFS without its signature', () => {
    expect(volumeRecordAt(new Uint8Array(512))).toBeUndefined();
    expect(volumeRecordAt(bootSector(8, -10).subarray(0, 100))).toBeUndefined();
  });

  it('says whether it is to be checked, whatever else is marked', () => {
    expect(isMarkedDirty(volumeRecord(0x0000))).toBe(false);
    expect(isMarkedDirty(volumeRecord(0x4000))).toBe(false);
    expect(isMarkedDirty(volumeRecord(0x4001))).toBe(true);
  });

  it('puts back what a sector end hides', () => {
    // The flags are the last two bytes of the first sector.
    const at = 512 - 2 - 0x18 - 10;
    expect(isMarkedDirty(volumeRecord(0x0001, at))).toBe(true);
    expect(isMarkedDirty(volumeRecord(0x0000, at))).toBe(false);
  });

  it('does not judge a record that is torn, or another one', () => {
    const torn = volumeRecord(0);
    torn.writeUInt16LE(0x0006, 510);
    expect(isMarkedDirty(torn)).toBeUndefined();
    expect(isMarkedDirty(new Uint8Array(1024))).toBeUndefined();
    const other = volumeRecord(0);
    other.writeUInt32LE(0x80, 0x150);
    expect(isMarkedDirty(other)).toBeUndefined();
    const endless = volumeRecord(0);
    endless.writeUInt32LE(0, 0x3c);
    expect(isMarkedDirty(endless)).toBeUndefined();
  });

  it('knows a hibernation file that holds a session', () => {
    const begin = (text: string): Uint8Array => Buffer.from(text, 'latin1');
    expect(['hibr', 'HIBR', 'RSTR'].map((text) => holdsSession(begin(text)))).toEqual([true, true, true]);
    expect(['wake', '\0\0\0\0', ''].map((text) => holdsSession(begin(text)))).toEqual([false, false, false]);
  });
});
