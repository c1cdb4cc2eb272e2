import { createCipheriv, createHash } from 'node:crypto';

/** Bytes no compressor can shorten, the same for the same seed and name on every machine. */
export function noise(seed: number, name: string, length: number): Uint8Array {
  // The key stream of AES in counter mode: as random as it needs to be, and gigabytes per second.
  const key = createHash('sha256').update(`${seed} ${name}`).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}
