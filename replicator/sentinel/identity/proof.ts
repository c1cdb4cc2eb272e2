import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { ConnectionSecret } from '#replicator/protocol/guest-network';
import type { ProofPurpose } from './identities.ts';
import { proofStatement } from './proof-statement.ts';

/* Real proofs: ECDSA on P-256 with SHA-256. */

/** The public half of a key, SPKI in DER. */
export const publicKeyOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

/** Proves to the other end of a connection that we have `key`. */
export const prove = (secret: ConnectionSecret, purpose: ProofPurpose, key: KeyObject): Buffer =>
  sign('sha256', proofStatement(secret, purpose, publicKeyOf(key)), key);

/** Whether the other end of a connection has the private half of `publicKey`, which must be on P-256. Never throws. */
export function isProven(
  secret: ConnectionSecret,
  purpose: ProofPurpose,
  publicKey: Uint8Array,
  proof: Uint8Array,
): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' });
    if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return false;
    return verify('sha256', proofStatement(secret, purpose, publicKey), key, proof);
  } catch {
    // Bytes that are no key have proven nothing.
    return false;
  }
}

/** SHA-256 in hex: what keys, certificates and tokens are known by. */
export const fingerprintOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
