/*
 * What an NTFS volume says of itself, from its first sector and one record of its file table: whether Windows wants it
 * checked. No program of the appliance tells that.
 */

/** Where on the volume the record of the file `$Volume` is, in bytes; undefined for what is no NTFS. */
export function volumeRecordAt(bootSector: Uint8Array): { readonly offset: number; readonly size: number } | undefined {
  if (bootSector.length < 512) return undefined;
  const sector = Buffer.from(bootSector.buffer, bootSector.byteOffset, bootSector.byteLength);
  if (sector.toString('latin1', 3, 11) !== 'NTFS    ') return undefined;
  const clusterBytes = sector.readUInt16LE(0x0b) * clustersOrPower(sector.readUInt8(0x0d));
  const perRecord = sector.readInt8(0x40);
  // Below zero it is the power of two of a record's size: records are mostly smaller than clusters.
  const size = perRecord < 0 ? 2 ** -perRecord : perRecord * clusterBytes;
  const offset = Number(sector.readBigUInt64LE(0x30)) * clusterBytes + volumeRecord * size;
  return Number.isSafeInteger(offset) && size >= 256 && size <= 65_536 ? { offset, size } : undefined;
}

/** Whether the record of `$Volume` has the mark that Windows wants the volume checked; undefined for another record. */
export function isMarkedDirty(record: Uint8Array): boolean | undefined {
  const file = asWritten(record);
  if (file === undefined) return undefined;
  const bytesInUse = Math.min(file.readUInt32LE(0x18), file.length);
  for (let at = file.readUInt16LE(0x14); at + 24 <= bytesInUse;) {
    const length = file.readUInt32LE(at + 4);
    const flagsAt = at + file.readUInt16LE(at + 0x14) + 10;
    if (file.readUInt32LE(at) === volumeInformation)
      return flagsAt + 2 <= bytesInUse ? (file.readUInt16LE(flagsAt) & dirtyFlag) !== 0 : undefined;
    if (length < 16) return undefined;
    at += length;
  }
  return undefined;
}

/**
 * A record without what protects it: the last two bytes of each of its sectors are a mark that tells a torn write, and
 * what belongs there stands at its begin.
 */
function asWritten(record: Uint8Array): Buffer | undefined {
  const file = Buffer.from(record);
  if (file.length < 48 || file.toString('latin1', 0, 4) !== 'FILE') return undefined;
  const [at, count] = [file.readUInt16LE(4), file.readUInt16LE(6)];
  for (let sector = 1; sector < count; sector += 1) {
    const end = sector * sectorBytes;
    if (end > file.length || at + 2 * sector + 2 > file.length) return undefined;
    if (file.readUInt16LE(end - 2) !== file.readUInt16LE(at)) return undefined;
    file.copyWithin(end - 2, at + 2 * sector, at + 2 * sector + 2);
  }
  return file;
}

/** Whether a hibernation file, by how it begins, holds a session that would go on. */
export const holdsSession = (begin: Uint8Array): boolean =>
  /^(hibr|rstr)/i.test(Buffer.from(begin.buffer, begin.byteOffset, begin.byteLength).toString('latin1', 0, 4));

const sectorBytes = 512;
// Files of the file table with fixed numbers, and parts of a record.
const volumeRecord = 3;
const volumeInformation = 0x70;
const dirtyFlag = 0x0001;

const clustersOrPower = (perCluster: number): number => (perCluster > 128 ? 2 ** (256 - perCluster) : perCluster);
