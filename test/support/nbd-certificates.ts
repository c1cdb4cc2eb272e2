import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Certificates in the folder layout that QEMU, nbdkit and libnbd share, made for one test. A few lines of DER, so that
 * the tests of TLS rest on no code of ours and on no program.
 */
export interface Authority {
  readonly name: string;
  readonly certificate: Buffer;
  readonly key: KeyObject;
}

/** A certificate authority that nobody else trusts. */
export function makeAuthority(name: string): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [
    extension('2.5.29.19', true, sequence(tlv(0x01, Buffer.from([0xff])))),
    extension('2.5.29.15', true, tlv(0x03, Buffer.from([2, 0b0000_0100]))),
  ];
  const certificate = signed({ subject: name, issuer: name, publicKey, extensions }, privateKey);
  return { name, certificate, key: privateKey };
}

/** Writes `ca-cert.pem`, and `<role>-cert.pem` and `<role>-key.pem` for each role. The server is 127.0.0.1 and localhost. */
export async function writeCertificates(
  folder: string,
  authority: Authority,
  roles: readonly ('server' | 'client')[],
): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'ca-cert.pem'), pem(authority.certificate));
  for (const role of roles) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = sequence(tlv(0x82, Buffer.from('localhost')), tlv(0x87, Buffer.from([127, 0, 0, 1])));
    const purpose = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' }[role];
    const extensions = [extension('2.5.29.17', false, names), extension('2.5.29.37', false, sequence(oid(purpose)))];
    const certificate = signed({ subject: role, issuer: authority.name, publicKey, extensions }, authority.key);
    await writeFile(join(folder, `${role}-cert.pem`), pem(certificate));
    await writeFile(join(folder, `${role}-key.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  }
  return folder;
}

interface Contents {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

function signed({ subject, issuer, publicKey, extensions }: Contents, key: KeyObject): Buffer {
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'));
  const body = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    // Positive, and never twice.
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguishedName(issuer),
    sequence(time('200101000000Z'), time('491231235959Z')),
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', body, key);
  return sequence(body, algorithm, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
}

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;

function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
const sequence = (...parts: readonly Buffer[]): Buffer => tlv(0x30, Buffer.concat(parts));
const integer = (content: Buffer): Buffer => tlv(0x02, content);
const time = (text: string): Buffer => tlv(0x17, Buffer.from(text));
const distinguishedName = (common: string): Buffer =>
  sequence(tlv(0x31, sequence(oid('2.5.4.3'), tlv(0x0c, Buffer.from(common)))));
const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [tlv(0x01, Buffer.from([0xff]))] : []), tlv(0x04, value));

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const groups = [first * 40 + second, ...rest].map((n) => {
    const digits = [n & 0x7f];
    for (let left = n >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
    return Buffer.from(digits);
  });
  return tlv(0x06, Buffer.concat(groups));
}
