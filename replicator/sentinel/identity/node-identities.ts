import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import type { Identities, SentinelKey } from './identities.ts';
import { prove, publicKeyOf } from './proof.ts';
import { sentinelCertificate } from './sentinel-certificate.ts';

/** Real keys, on P-256, and X.509 certificates. Files have them as PEM. */
export const nodeIdentities: Identities = {
  newKey: () => sentinelKey(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey),
  readKey: (text) => readOrNot(() => sentinelKey(createPrivateKey(text))),
  readCertificate: (text) => readOrNot(() => sentinelCertificate(new X509Certificate(text))),
  isFor: (certificate, { text }) => new X509Certificate(certificate).checkPrivateKey(createPrivateKey(text)),
  prove: (secret, purpose, { text }) => prove(secret, purpose, createPrivateKey(text)),
};

const sentinelKey = (key: KeyObject): SentinelKey => ({
  text: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  publicKey: publicKeyOf(key),
});

function readOrNot<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // Text that is none of it. Nothing is said of why, since a key could be in it.
    return undefined;
  }
}
