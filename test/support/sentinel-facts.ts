import type { SentinelFact } from '#core/sentinel/facts';
import { instant } from '#core/units';

const identity = { publicKey: 'key', certificate: 'certificate', validUntil: instant(1_000) };
const next = { publicKey: 'next key', certificate: 'next certificate', validUntil: instant(2_000) };
const connected = { version: '1.0.0', bootId: 'boot', from: '10.0.0.7' };

/** Facts of every type, with connections and certificates that follow one another and that do not. */
export const sampleSentinelFacts: readonly SentinelFact[] = [
  {
    type: 'BundleMade',
    data: { os: 'linux', standalone: false, tokenHash: 'hash', tokenValidUntil: instant(100), by: 'ada' },
  },
  { type: 'SentinelEnrolled', data: { identity, hostname: 'web01', from: '10.0.0.7' } },
  { type: 'CertificateRotated', data: { identity: next } },
  { type: 'SentinelConnected', data: { ...connected, connection: 1, certificate: 'certificate' } },
  { type: 'SentinelConnected', data: { ...connected, connection: 2, certificate: 'next certificate' } },
  { type: 'SentinelLost', data: { connection: 1, why: 'silent' } },
  { type: 'SentinelLost', data: { connection: 2, why: 'closed' } },
  { type: 'SentinelRefused', data: { what: 'token', why: 'replayed', from: '10.0.0.8' } },
  { type: 'SentinelRevoked', data: { reason: 'stolen', by: 'ada' } },
  { type: 'SentinelUpgraded', data: { from: '1.0.0', to: '1.1.0', by: 'ada' } },
  { type: 'UninstallRequested', data: { connection: 2, by: 'ada' } },
  { type: 'UninstallRefused', data: { connection: 2, why: 'at rest' } },
  { type: 'UninstallUnconfirmed', data: { connection: 2, why: 'it never answered' } },
  { type: 'SentinelUninstalled', data: { by: 'ada' } },
];
