import { randomBytes, randomUUID, X509Certificate } from 'node:crypto';
import { issueSentinel, type Issuer } from '#replicator/certificates/certificate';
import type { Credentials } from '#replicator/protocol/credentials';
import { pinOf } from '#replicator/protocol/tls-guest-network';
import { fingerprintOf, isProven } from '#replicator/sentinel/identity/proof';
import { urisOfSentinel } from '#replicator/sentinel/identity/sentinel-names';
import type { GuestAuthority } from './guest-authority.ts';

const tokenLength = 32;

/** Admits sentinels with real certificates: those of the gateway itself, and the authority that is for sentinels alone. */
export const certificateAuthority = (
  { ca, cert }: Pick<Credentials, 'ca' | 'cert'>,
  authority: Issuer,
): GuestAuthority => ({
  ca,
  pins: [pinOf(new X509Certificate(cert))],
  issue: async (sentinel, publicKey, validity) => {
    const subject = { name: `sealift sentinel ${sentinel}`, uris: urisOfSentinel(sentinel), publicKey };
    const text = await issueSentinel(authority, subject, validity);
    return { text, fingerprint: fingerprintOf(new X509Certificate(text).raw) };
  },
  isProven,
  newToken: () => randomBytes(tokenLength).toString('base64url'),
  newName: () => `guest-${randomBytes(4).toString('hex')}`,
  newFactId: () => randomUUID(),
});
