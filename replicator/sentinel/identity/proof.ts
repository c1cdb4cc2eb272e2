import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/*
 * Proof that who sends a public key has the private one.
 *
 * What is signed is the key itself and a value that only the two ends of this very TLS connection have (RFC 8446,
 * exporters). So a proof that was overheard, or that a man in the middle was given, proves nothing on another connection,
 * and no challenge has to be asked for.
 */

/** What a proof is for. One made for the one is none for the other. */
export type ProofPurpose = 'enrol' | 'rotate';

const exporterLength = 32;

function statement(socket: TLSSocket, purpose: ProofPurpose, publicKey: Uint8Array): Buffer {
  const bound = socket.exportKeyingMaterial(exporterLength, `EXPORTER-sealift-${purpose}`, Buffer.alloc(0));
  return Buffer.concat([Buffer.from(`sealift ${purpose} 1\n`), bound, publicKey]);
}

/** The public half of a key, SPKI in DER. */
export const publicKeyOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

/** Proves to the other end of `socket` that we have `key`. */
export const prove = (socket: TLSSocket, purpose: ProofPurpose, key: KeyObject): Buffer =>
  sign('sha256', statement(socket, purpose, publicKeyOf(key)), key);

/** Whether the other end of `socket` has the private half of `publicKey`, which must be on P-256. Never throws. */
export function isProven(socket: TLSSocket, purpose: ProofPurpose, publicKey: Uint8Array, proof: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' });
    if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return false;
    return verify('sha256', statement(socket, purpose, publicKey), key, proof);
  } catch {
    // Bytes that are no key have proven nothing.
    return false;
  }
}

/** SHA-256 in hex: what keys, certificates and tokens are known by. */
export const fingerprintOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
