import type { X509Certificate } from 'node:crypto';
import type { SentinelCertificate } from '#replicator/protocol/guest-network';
import { fingerprintOf } from './proof.ts';
import { sentinelIn } from './sentinel-names.ts';

/** What a certificate says, if it is one of a sentinel. */
export const sentinelCertificate = (certificate: X509Certificate): SentinelCertificate => ({
  fingerprint: fingerprintOf(certificate.raw),
  sentinel: sentinelIn(certificate),
  fromMs: Date.parse(certificate.validFrom),
  untilMs: Date.parse(certificate.validTo),
});
