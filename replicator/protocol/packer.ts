import * as zlib from 'node:zlib';
import { compressSync, uncompressSync } from 'lz4-napi';
import { invariant } from '#core/invariant';
import { packings, type Packing } from './frame.ts';

/*
 * Packing the bytes of data frames, where it pays.
 *
 * Trying to pack what cannot be packed costs far more than sending it: LZ4 here takes in 0.2 GB/s of random bytes. So a
 * sample is looked at first, and a run of failures makes further attempts rarer.
 */

/** Packs and unpacks in one way. */
export interface Packer {
  readonly packing: Packing;
  /** Shorter bytes, or undefined where packing does not pay. */
  pack(data: Uint8Array): Uint8Array | undefined;
}

// Node has zstd from 22.15 on. Its types, which are for the oldest Node we support, do not know it.
interface Zstd {
  readonly zstdCompressSync: (data: Uint8Array) => Uint8Array;
  readonly zstdDecompressSync: (data: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array;
}
const zstd = 'zstdCompressSync' in zlib ? (zlib as unknown as Zstd) : undefined;

/** What this process can pack and unpack, best first. */
export const packingsHere: readonly Packing[] = zstd ? ['zstd', 'lz4', 'none'] : ['lz4', 'none'];

// LZ4 as packed by this library begins with the length of what it unpacks to.
const lz4Head = 4;
// Less than an eighth saved is not worth the unpacking.
const worthwhile = 7 / 8;
// After n failures in a row the next 2^n - 1 chunks are not tried: at most 31 of 32.
const restMax = 5;

/** A packer for one stream: it learns from what it has seen. */
export function packer(packing: Packing): Packer {
  let failures = 0;
  let rest = 0;
  return {
    packing,
    pack: (data) => {
      if (packing === 'none') return undefined;
      if (rest > 0) {
        rest -= 1;
        return undefined;
      }
      const packed = looksPackable(data) ? packWith(packing, data) : undefined;
      if (packed && packed.length < data.length * worthwhile) {
        failures = 0;
        return packed;
      }
      failures = Math.min(restMax, failures + 1);
      rest = 2 ** failures - 1;
      return undefined;
    },
  };
}

function packWith(packing: Exclude<Packing, 'none'>, data: Uint8Array): Uint8Array {
  if (packing === 'lz4') return compressSync(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  invariant(zstd, 'zstd is only agreed on where it is there');
  return zstd.zstdCompressSync(data);
}

const sampleSize = 2_048;
// Bits per byte above which bytes are as good as random. A sample of 2,048 random bytes shows about 7.9.
const entropyMax = 7.5;

/** Whether a sample, taken all over the data, is less than random. Costs about 10 us. */
export function looksPackable(data: Uint8Array): boolean {
  const counts = new Uint16Array(256);
  // An odd stride: no record length of a file system or database divides it.
  const stride = Math.max(1, Math.floor(data.length / sampleSize)) | 1;
  let taken = 0;
  for (let at = 0; at < data.length; at += stride) {
    const byte = data[at] ?? 0;
    counts[byte] = (counts[byte] ?? 0) + 1;
    taken += 1;
  }
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / taken) * Math.log2(count / taken);
  return bits < entropyMax;
}

/** Unpacks to exactly `length` bytes; undefined if that is not what is packed. Never takes more memory than `length`. */
export function unpack(packing: Packing, packed: Uint8Array, length: number): Uint8Array | undefined {
  if (packing === 'none') return packed.length === length ? packed : undefined;
  // Libraries throw at bytes that are not theirs. From a peer, that is an answer like any other.
  try {
    const unpacked = unpackWith(packing, packed, length);
    return unpacked?.length === length ? unpacked : undefined;
  } catch {
    return undefined;
  }
}

function unpackWith(packing: Exclude<Packing, 'none'>, packed: Uint8Array, length: number): Uint8Array | undefined {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  if (packing === 'zstd') return zstd?.zstdDecompressSync(bytes, { maxOutputLength: length });
  // The library would make room for whatever is claimed here.
  if (bytes.length < lz4Head || bytes.readUInt32LE(0) !== length) return undefined;
  return uncompressSync(bytes);
}

/** The first of `offered` that `here` has too. Both have `none`. */
export const agreedPacking = (offered: readonly string[], here: readonly Packing[]): Packing =>
  packings.find((packing) => packing === offered.find((name) => (here as readonly string[]).includes(name))) ?? 'none';
