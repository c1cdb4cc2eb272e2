// The certificate library finds its parts through reflection, which has to be there before it is loaded.
import 'reflect-metadata';
import { randomBytes, webcrypto, type KeyObject, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

/*
 * Certificates for the roles of sealift: X.509 version 3, P-256, SHA-256.
 */

/** A certificate and its key, as PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

/** The one who signs. */
export interface Issuer {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** What a certificate is for. */
export interface Subject {
  readonly name: string;
  /** A URI among its names; how the other side knows the role. */
  readonly uri: string;
  /** DNS names and IP addresses it may be reached at. */
  readonly hosts: readonly string[];
}

/** From when until when, in milliseconds since 1970. */
export interface Validity {
  readonly fromMs: number;
  readonly untilMs: number;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
x509.cryptoProvider.set(webcrypto as Crypto);

/** A new authority that can sign the certificates of roles, and no further authorities. */
export async function issueAuthority(name: string, validity: Validity): Promise<Issued> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...frame(validity),
    name: [{ CN: [name] }],
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return issued(certificate, keys);
}

/** A new certificate for a role, for both ends of a connection. */
export async function issueRole(issuer: Issuer, { name, uri, hosts }: Subject, validity: Validity): Promise<Issued> {
  const keys = await newKeys();
  const authority = new x509.X509Certificate(issuer.certificate.raw);
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const certificate = await x509.X509CertificateGenerator.create({
    ...frame(validity),
    subject: [{ CN: [name] }],
    issuer: authority.subjectName,
    publicKey: keys.publicKey,
    signingKey: await signingKeyOf(issuer.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'url', value: uri },
        ...hosts.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  return issued(certificate, keys);
}

/** What a certificate of a sentinel says. */
export interface SentinelSubject {
  readonly name: string;
  /** Its role, and which one it is. */
  readonly uris: readonly string[];
  /** SPKI, DER. Its private half never leaves the guest. */
  readonly publicKey: Uint8Array;
}

/** A certificate for a key that someone else has, for clients only. PEM. Throws if `publicKey` is no key on P-256. */
export async function issueSentinel(issuer: Issuer, subject: SentinelSubject, validity: Validity): Promise<string> {
  const authority = new x509.X509Certificate(issuer.certificate.raw);
  const publicKey = await new x509.PublicKey(new Uint8Array(subject.publicKey)).export(algorithm, ['verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    ...frame(validity),
    subject: [{ CN: [subject.name] }],
    issuer: authority.subjectName,
    publicKey,
    signingKey: await signingKeyOf(issuer.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(subject.uris.map((value) => ({ type: 'url' as const, value }))),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

const newKeys = (): Promise<CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<CryptoKeyPair>;

const frame = ({ fromMs, untilMs }: Validity) => ({
  serialNumber: randomBytes(16).toString('hex'),
  notBefore: new Date(fromMs),
  notAfter: new Date(untilMs),
  signingAlgorithm: algorithm,
});

const signingKeyOf = (key: KeyObject): Promise<CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), algorithm, false, [
    'sign',
  ]) as Promise<CryptoKey>;

async function issued(certificate: x509.X509Certificate, { privateKey }: CryptoKeyPair): Promise<Issued> {
  const der = await webcrypto.subtle.exportKey('pkcs8', privateKey as webcrypto.CryptoKey);
  return { cert: `${certificate.toString('pem')}\n`, key: `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n` };
}
