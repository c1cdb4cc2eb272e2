import { headerChecksum } from '#replicator/fixup/windows/hive-header';

/*
 * A hive of the registry with nothing in it but its root: what `hivexregedit --merge` needs to write keys into. Two pages,
 * a header and one bin, with three cells: the root key, who may read it, and what is free.
 */

const pageBytes = 4096;
const headerBytes = 32;
const none = 0xffffffff;
const rootAt = headerBytes;
const rootBytes = 88;
const securityAt = rootAt + rootBytes;
/** Owner and group are the administrators; no list, so that everybody may do everything. */
const administrators = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];

/** How the header of a hive is made. */
export interface SmallHiveOptions {
  /** Whether all that Windows wrote is in it. */
  readonly isClean?: boolean;
}

/** An empty hive. */
export function smallHive({ isClean = true }: SmallHiveOptions = {}): Uint8Array {
  const file = Buffer.alloc(2 * pageBytes);
  const header = file.subarray(0, pageBytes);
  header.write('regf', 0, 'latin1');
  header.writeUInt32LE(isClean ? 1 : 2, 4);
  header.writeUInt32LE(1, 8);
  // Version 1.3, a file and no log, in memory form; then where the root is, and how long the bins are.
  for (const [at, value] of [
    [20, 1],
    [24, 3],
    [28, 0],
    [32, 1],
    [36, rootAt],
    [40, pageBytes],
    [44, 1],
  ] as const)
    header.writeUInt32LE(value, at);
  header.writeUInt32LE(headerChecksum(header), 508);

  const bin = file.subarray(pageBytes);
  bin.write('hbin', 0, 'latin1');
  bin.writeUInt32LE(pageBytes, 8);
  rootKey(bin.subarray(rootAt));
  const used = securityAt + security(bin.subarray(securityAt));
  // A cell's size is negative while it is used.
  bin.writeInt32LE(pageBytes - used, used);
  return file;
}

function rootKey(cell: Buffer): void {
  const name = 'ROOT';
  cell.writeInt32LE(-rootBytes, 0);
  const key = cell.subarray(4);
  key.write('nk', 0, 'latin1');
  // A root, that cannot be deleted, with a name in ASCII.
  key.writeUInt16LE(0x2c, 2);
  key.writeUInt32LE(none, 16);
  for (const at of [28, 32, 40, 48]) key.writeUInt32LE(none, at);
  key.writeUInt32LE(securityAt, 44);
  key.writeUInt16LE(name.length, 72);
  key.write(name, 76, 'latin1');
}

function security(cell: Buffer): number {
  const descriptorBytes = 20 + 2 * administrators.length;
  const size = Math.ceil((24 + descriptorBytes) / 8) * 8;
  cell.writeInt32LE(-size, 0);
  const record = cell.subarray(4);
  record.write('sk', 0, 'latin1');
  for (const at of [4, 8]) record.writeUInt32LE(securityAt, at);
  record.writeUInt32LE(1, 12);
  record.writeUInt32LE(descriptorBytes, 16);
  const descriptor = record.subarray(20);
  descriptor.writeUInt8(1, 0);
  descriptor.writeUInt16LE(0x8000, 2);
  descriptor.writeUInt32LE(20, 4);
  descriptor.writeUInt32LE(20 + administrators.length, 8);
  for (const [index, byte] of [...administrators, ...administrators].entries()) descriptor.writeUInt8(byte, 20 + index);
  return size;
}
