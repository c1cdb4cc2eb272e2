import type { Instant } from '#core/units';

/** The version of the shapes in this file. */
export const sentinelSchemaVersion = 1;

type Named<Type extends string, Data extends object = Record<never, never>> = {
  readonly type: Type;
  readonly data: Data;
};

/** What an identity is known by. Fingerprints are SHA-256 in hex, of what is public. */
export interface SentinelIdentity {
  readonly publicKey: string;
  readonly certificate: string;
  readonly validUntil: Instant;
}

/**
 * Why someone was not let in. `foreign`: not issued here. `unknown`: nothing here is known by it. `unproven`: the key it
 * names is not its own. `replayed`: a token that another key has used. `superseded`: a certificate that a newer one took
 * the place of. `uninstalled`: its sentinel was taken off its guest.
 */
export type RefusalReason =
  'foreign' | 'unknown' | 'unproven' | 'expired' | 'revoked' | 'replayed' | 'superseded' | 'uninstalled';

/** Everything that can happen to a sentinel, as its gateway sees it. No secret is in a fact: of a token, its hash. */
export type SentinelFact =
  /** A token was made. It enrols one sentinel, until it expires. `tokenHash` is SHA-256 in hex, of 32 random bytes. */
  | Named<
      'BundleMade',
      {
        readonly os: 'linux';
        readonly standalone: boolean;
        readonly tokenHash: string;
        readonly tokenValidUntil: Instant;
        readonly by: string;
      }
    >
  | Named<'SentinelEnrolled', { readonly identity: SentinelIdentity; readonly hostname: string; readonly from: string }>
  /** It has a second certificate. The first is of use until the second was. */
  | Named<'CertificateRotated', { readonly identity: SentinelIdentity }>
  /** `connection` counts, from 1, over the whole life of the sentinel. */
  | Named<
      'SentinelConnected',
      {
        readonly connection: number;
        readonly certificate: string;
        readonly version: string;
        readonly bootId: string;
        readonly from: string;
      }
    >
  | Named<'SentinelLost', { readonly connection: number; readonly why: string }>
  | Named<
      'SentinelRefused',
      { readonly what: 'token' | 'identity'; readonly why: RefusalReason; readonly from: string }
    >
  | Named<'SentinelRevoked', { readonly reason: string; readonly by: string }>
  | Named<'SentinelUpgraded', { readonly from: string; readonly to: string; readonly by: string }>
  /** It is about to be asked to take itself off its guest, over this connection. */
  | Named<'UninstallRequested', { readonly connection: number; readonly by: string }>
  /** It answered that it does not. */
  | Named<'UninstallRefused', { readonly connection: number; readonly why: string }>
  /** It never answered and never came again: it may be gone, and nobody knows. It is let in if it comes after all. */
  | Named<'UninstallUnconfirmed', { readonly connection: number; readonly why: string }>
  | Named<'SentinelUninstalled', { readonly by: string }>;

/** The name of a fact of a sentinel. */
export type SentinelFactType = SentinelFact['type'];
