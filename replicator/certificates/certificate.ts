import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { invariant } from '#core/invariant';
import { bits, boolean, der, integer, octets, oid, sequence, setOf, tagged, taggedBytes, time, utf8 } from './der.ts';

/*
 * Certificates for the roles of sealift: X.509 version 3, P-256, SHA-256.
 *
 * They are built here from Node's own cryptography. A library for it would bring a container for dependency injection
 * and a polyfill for what this file says in a page.
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

const oids = {
  commonName: '2.5.4.3',
  ecdsaSha256: '1.2.840.10045.4.3.2',
  subjectKey: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKey: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** A new authority that can sign the certificates of roles, and no further authorities. */
export function issueAuthority(name: string, validity: Validity): Issued {
  const { publicKey, privateKey } = newKey();
  const subject = nameOf(name);
  const extensions = [
    extension(oids.basicConstraints, true, sequence(boolean(true), integer(Buffer.of(0)))),
    // keyCertSign, cRLSign
    extension(oids.keyUsage, true, bits(Buffer.of(0b0000_0110), 1)),
    extension(oids.subjectKey, false, octets(keyId(publicKey))),
  ];
  const cert = signed({ issuer: subject, subject, publicKey, validity, extensions }, privateKey);
  return { cert, key: pemOf(privateKey) };
}

/** A new certificate for a role, for both ends of a connection. */
export function issueRole({ certificate, key }: Issuer, { name, uri, hosts }: Subject, validity: Validity): Issued {
  const { publicKey, privateKey } = newKey();
  const names = sequence(taggedBytes(6, Buffer.from(uri)), ...hosts.map(hostName));
  const extensions = [
    extension(oids.basicConstraints, true, sequence()),
    // digitalSignature
    extension(oids.keyUsage, true, bits(Buffer.of(0b1000_0000), 7)),
    extension(oids.extendedKeyUsage, false, sequence(oid(oids.serverAuth), oid(oids.clientAuth))),
    extension(oids.alternativeNames, false, names),
    extension(oids.subjectKey, false, octets(keyId(publicKey))),
    extension(oids.authorityKey, false, sequence(taggedBytes(0, keyId(certificate.publicKey)))),
  ];
  const issuer = subjectBytes(certificate);
  const cert = signed({ issuer, subject: nameOf(name), publicKey, validity, extensions }, key);
  return { cert, key: pemOf(privateKey) };
}

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
const keyId = (key: KeyObject): Buffer => createHash('sha1').update(spkiOf(key)).digest();
const nameOf = (text: string): Buffer => sequence(setOf(sequence(oid(oids.commonName), utf8(text))));

/** The name of the authority. Only ours sign, and ours have one part in their name. */
function subjectBytes(certificate: X509Certificate): Buffer {
  const found = /^CN=([^\n]+)$/.exec(certificate.subject);
  invariant(found?.[1], 'the certificate of the authority was not made by sealift');
  return nameOf(found[1]);
}

const extension = (id: string, critical: boolean, value: Uint8Array): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));

function hostName(host: string): Buffer {
  if (isIP(host) === 0) return taggedBytes(2, Buffer.from(host));
  return taggedBytes(7, isIP(host) === 4 ? Buffer.from(host.split('.').map(Number)) : ipv6Bytes(host));
}

function ipv6Bytes(host: string): Buffer {
  // The URL parser writes an address in hexadecimal groups, also one that ends in an IPv4 address.
  const [head = '', tail] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string): number[] =>
    part
      .split(':')
      .filter(Boolean)
      .map((group) => parseInt(group, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function signed(
  content: {
    readonly issuer: Buffer;
    readonly subject: Buffer;
    readonly publicKey: KeyObject;
    readonly validity: Validity;
    readonly extensions: readonly Buffer[];
  },
  key: KeyObject,
): string {
  const algorithm = sequence(oid(oids.ecdsaSha256));
  const { fromMs, untilMs } = content.validity;
  const body = sequence(
    tagged(0, der(0x02, Buffer.of(2))),
    integer(randomBytes(16)),
    algorithm,
    content.issuer,
    sequence(time(fromMs), time(untilMs)),
    content.subject,
    spkiOf(content.publicKey),
    tagged(3, sequence(...content.extensions)),
  );
  const whole = sequence(body, algorithm, bits(sign('sha256', body, key)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
