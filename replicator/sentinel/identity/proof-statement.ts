import type { ConnectionSecret } from '#replicator/protocol/guest-network';
import type { ProofPurpose } from './identities.ts';

/*
 * Proof that who sends a public key has the private one.
 *
 * What is signed is the key itself and a value that only the two ends of this very TLS connection have (RFC 8446,
 * exporters). So a proof that was overheard, or that a man in the middle was given, proves nothing on another connection,
 * and no challenge has to be asked for.
 */

const exporterLength = 32;

/** What is signed to prove a key on one connection. Throws once the connection is gone. */
export function proofStatement(secret: ConnectionSecret, purpose: ProofPurpose, publicKey: Uint8Array): Buffer {
  const bound = secret.exportKeyingMaterial(exporterLength, `EXPORTER-sealift-${purpose}`, Buffer.alloc(0));
  return Buffer.concat([Buffer.from(`sealift ${purpose} 1\n`), bound, publicKey]);
}
