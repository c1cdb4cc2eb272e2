import { xxh3 } from '@node-rs/xxhash';
import { digestLength, isZero } from './digest.ts';

/*
 * One hash for a whole disk, over the digests of its blocks.
 *
 * A page is 1,024 digests (8 KiB, standing for 64 MiB of disk). One hash is over each page, and so on upwards with a
 * fan-out of 1,024, until one is left.
 *
 *     root = H(size, top) --- H(1024 hashes) --- H(1024 digests) --- digest of 64 KiB
 */

/** Digests in one page. */
export const digestsPerPage = 1_024;
/** Bytes of one page. */
export const pageLength = digestsPerPage * digestLength;
const hashLength = 16;

/** Digests as the bytes they are in memory, files and hashes: little-endian. */
export const bytesOf = (digests: BigUint64Array): Uint8Array =>
  new Uint8Array(digests.buffer, digests.byteOffset, digests.byteLength);

/** The hash of one page, which has `digestsPerPage` digests: 0 where the disk ends before the page does. */
export function hashPage(page: BigUint64Array): Uint8Array {
  const content = bytesOf(page);
  return isZero(content) ? zeroPageHash : hash(content);
}

/** The root over the pages of a disk of `size` bytes, hex. */
export function rootOver(pages: readonly Uint8Array[], size: number): string {
  let level = pages;
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let first = 0; first < level.length; first += digestsPerPage)
      above.push(hash(Buffer.concat(level.slice(first, first + digestsPerPage))));
    level = above;
  }
  // The size is part of the root: two disks of zeroes that differ in length are not equal.
  const top = Buffer.alloc(8 + hashLength);
  top.writeBigUInt64BE(BigInt(size), 0);
  top.set(level[0] ?? new Uint8Array(hashLength), 8);
  return Buffer.from(hash(top)).toString('hex');
}

function hash(data: Uint8Array): Uint8Array {
  const value = xxh3.xxh128(data);
  const out = new Uint8Array(hashLength);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, value >> 64n);
  view.setBigUint64(8, value & 0xffff_ffff_ffff_ffffn);
  return out;
}

const zeroPageHash = hash(new Uint8Array(pageLength));
