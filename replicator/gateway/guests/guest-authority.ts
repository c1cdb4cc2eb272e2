import type { SentinelId } from '#core/ids';
import type { ConnectionSecret } from '#replicator/protocol/guest-network';
import type { ProofPurpose } from '#replicator/sentinel/identity/identities';

/** A certificate that was issued. */
export interface IssuedCertificate {
  /** What its guest keeps. */
  readonly text: string;
  /** SHA-256 in hex. */
  readonly fingerprint: string;
}

/**
 * What a gateway admits sentinels with: who signs for them, what is checked, and what is drawn by chance. Over the certificates
 * folder it is `certificateAuthority`; a simulated world has its own.
 */
export interface GuestAuthority {
  /** What bundles have of this gateway: its authority, and fingerprints of the keys it may have. */
  readonly ca: string;
  readonly pins: readonly string[];
  /** Issues a certificate for a key whose other half is in the guest. Milliseconds since 1970, counted in seconds. */
  issue(
    sentinel: SentinelId,
    publicKey: Uint8Array,
    validity: { readonly fromMs: number; readonly untilMs: number },
  ): Promise<IssuedCertificate>;
  /** Whether the other end of a connection has the private half of a key. Never throws. */
  isProven(secret: ConnectionSecret, purpose: ProofPurpose, publicKey: Uint8Array, proof: Uint8Array): boolean;
  /** A token that nobody can guess. */
  newToken(): string;
  /** A name for a sentinel that was given none. */
  newName(): string;
  /** A UUID for a fact. */
  newFactId(): string;
}
