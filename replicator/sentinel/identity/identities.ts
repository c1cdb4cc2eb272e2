import type { ConnectionSecret, SentinelCertificate } from '#replicator/protocol/guest-network';

/** A key of a sentinel. It is made in the guest and never leaves it. */
export interface SentinelKey {
  /** What its file has. */
  readonly text: string;
  /** Its public half, as it is sent: SPKI in DER, where keys are real. */
  readonly publicKey: Uint8Array;
}

/** What a proof is for. One made for the one is none for the other. */
export type ProofPurpose = 'enrol' | 'rotate';

/** The identities of sentinels, as a guest deals with them. `nodeIdentities` has real keys; a simulated world has its own. */
export interface Identities {
  /** A key that nobody had before. */
  newKey(): SentinelKey;
  /** Undefined if this is no key. */
  readKey(text: string): SentinelKey | undefined;
  /** Undefined if this is no certificate. */
  readCertificate(text: string): SentinelCertificate | undefined;
  /** Whether a certificate is for this key. */
  isFor(certificate: string, key: SentinelKey): boolean;
  /** Proves to the other end of a connection that we have a key. Throws once the connection is gone. */
  prove(secret: ConnectionSecret, purpose: ProofPurpose, key: SentinelKey): Uint8Array;
}
