import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import { codeOf, createFile, detailOf } from '#replicator/disk/durable-file';
import { roleUri } from '#replicator/protocol/role';
import { wallClock } from '#replicator/wall-clock';
import { issueAuthority, issueRole, type Issuer, type Validity } from './certificate.ts';

/** What is to be made. */
export interface CertificatesOptions {
  /** Made if it is not there. */
  readonly directory: string;
  /** Names and addresses the processes are reached at, besides those of this machine. */
  readonly hosts?: readonly string[];
  /** How long certificates of roles are valid. */
  readonly days?: number;
  readonly clock?: Clock;
}

/** What was made and what was there. Paths. */
export interface MadeCertificates {
  readonly made: readonly string[];
  readonly kept: readonly string[];
}

/** Why certificates were not made. Nothing that was there is changed. */
export type CertificatesError =
  | { readonly type: 'HostInvalid'; readonly host: string }
  | { readonly type: 'DaysInvalid'; readonly days: number }
  /** Of a certificate and its key only one is there. */
  | { readonly type: 'HalfPair'; readonly present: string; readonly missing: string }
  /** The files are no pair, or not signed by the authority beside them. */
  | { readonly type: 'NotOurs'; readonly path: string; readonly detail: string }
  | { readonly type: 'WriteFailed'; readonly path: string; readonly detail: string };

/**
 * Whom a certificate is made for: the roles of sealift, and both ends of NBD over TLS. The names of the files of the
 * latter are what qemu-nbd, nbdkit and libnbd look for in a directory of certificates.
 */
const holders = [
  { file: 'gateway', role: 'gateway' },
  { file: 'receiver', role: 'receiver' },
  { file: 'manager', role: 'manager' },
  { file: 'server', role: 'nbd-server' },
  { file: 'client', role: 'nbd-client' },
] as const;

const authorityFile = 'ca';
/**
 * The authority a gateway admits sentinels with. Its key has to be at the gateway, so it is one of its own, which no other
 * port trusts: who breaks into a gateway can make sentinels, and neither managers nor receivers.
 */
const sentinelAuthorityFile = 'sentinel-ca';

const dayMs = 24 * 60 * 60 * 1_000;
// Longer than any wave of migrations, shorter than memory of where keys are.
const daysDefault = 825;
const authorityDays = 3_650;

/**
 * Makes an authority and a certificate for each role, where they are not there yet; asked again it makes what is
 * missing. Never overwrites a file. Keys are readable by their owner only.
 */
export async function makeCertificates(
  options: CertificatesOptions,
): Promise<Result<MadeCertificates, CertificatesError>> {
  const { directory, days = daysDefault } = options;
  if (!Number.isInteger(days) || days < 1 || days > authorityDays) return err({ type: 'DaysInvalid', days });
  const hosts = [...new Set(['localhost', '127.0.0.1', '::1', hostname(), ...(options.hosts ?? [])])];
  for (const host of hosts) if (!isHost(host)) return err({ type: 'HostInvalid', host });
  const now = (options.clock ?? wallClock).now();
  // Clocks of two machines differ; a certificate from tomorrow is refused without a useful word.
  const validFor = (length: number): Validity => ({ fromMs: now - dayMs, untilMs: now + length * dayMs });
  const report = { made: [] as string[], kept: [] as string[] };
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const issuer = await authority(directory, authorityFile, validFor(authorityDays), report);
    if (!issuer.ok) return issuer;
    const ofSentinels = await authority(directory, sentinelAuthorityFile, validFor(authorityDays), report);
    if (!ofSentinels.ok) return ofSentinels;
    for (const { file, role } of holders) {
      const paths = pathsOf(directory, file);
      const found = await pairAt(paths);
      if (!found.ok) return found;
      if (found.value) {
        const { certificate } = found.value;
        const ca = issuer.value.certificate;
        if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) {
          return err({ type: 'NotOurs', path: paths.cert, detail: 'it was not signed by the authority beside it' });
        }
        report.kept.push(paths.cert, paths.key);
        continue;
      }
      const subject = { name: `sealift ${role}`, uri: roleUri(role), hosts };
      await writePair(paths, await issueRole(issuer.value, subject, validFor(days)), report);
    }
    return ok(report);
  } catch (cause) {
    return err({ type: 'WriteFailed', path: directory, detail: detailOf(cause) });
  }
}

/** One sentence for a person. */
export function describeCertificatesError(error: CertificatesError): string {
  switch (error.type) {
    case 'HostInvalid':
      return `${JSON.stringify(error.host)} is neither a host name nor an IP address`;
    case 'DaysInvalid':
      return `certificates can be valid for 1 to ${authorityDays} whole days, not ${error.days}`;
    case 'HalfPair':
      return `${error.present} is there but ${error.missing} is not; put it back, or remove the other to have both made anew`;
    case 'NotOurs':
      return `${error.path} cannot be kept: ${error.detail}; move it away, or choose another directory`;
    case 'WriteFailed':
      return `certificates cannot be written to ${error.path}: ${error.detail}`;
  }
}

interface PairPaths {
  readonly cert: string;
  readonly key: string;
}

const pathsOf = (directory: string, name: string): PairPaths => ({
  cert: join(directory, `${name}-cert.pem`),
  key: join(directory, `${name}-key.pem`),
});

// A zone (%eth0) means something on one machine only.
const isHost = (host: string): boolean =>
  (isIP(host) !== 0 && !host.includes('%')) || /^(?=.{1,253}$)[A-Za-z0-9_*]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(host);

/** Reads the authority that a gateway admits sentinels with; undefined if none was made. */
export async function readSentinelAuthority(directory: string): Promise<Result<Issuer | undefined, CertificatesError>> {
  try {
    return await pairAt(pathsOf(directory, sentinelAuthorityFile));
  } catch (cause) {
    return err({ type: 'NotOurs', path: pathsOf(directory, sentinelAuthorityFile).cert, detail: detailOf(cause) });
  }
}

async function authority(
  directory: string,
  file: string,
  validity: Validity,
  report: { readonly made: string[]; readonly kept: string[] },
): Promise<Result<Issuer, CertificatesError>> {
  const paths = pathsOf(directory, file);
  const found = await pairAt(paths);
  if (!found.ok) return found;
  if (found.value) {
    const { certificate } = found.value;
    if (!certificate.ca || !/^CN=[^\n]+$/.test(certificate.subject)) {
      return err({ type: 'NotOurs', path: paths.cert, detail: 'it is not an authority that sealift made' });
    }
    report.kept.push(paths.cert, paths.key);
    return ok(found.value);
  }
  // The date keeps two authorities apart for people who look at both.
  const whose = file === authorityFile ? 'authority' : 'authority of sentinels';
  const name = `sealift ${whose} ${new Date(validity.fromMs + dayMs).toISOString().slice(0, 10)}`;
  const issued = await issueAuthority(name, validity);
  await writePair(paths, issued, report);
  return ok({ certificate: new X509Certificate(issued.cert), key: createPrivateKey(issued.key) });
}

async function pairAt({ cert, key }: PairPaths): Promise<Result<Issuer | undefined, CertificatesError>> {
  const [certText, keyText] = await Promise.all([readIfThere(cert), readIfThere(key)]);
  if (certText === undefined && keyText === undefined) return ok(undefined);
  if (certText === undefined) return err({ type: 'HalfPair', present: key, missing: cert });
  if (keyText === undefined) return err({ type: 'HalfPair', present: cert, missing: key });
  try {
    const certificate = new X509Certificate(certText);
    const privateKey = createPrivateKey(keyText);
    if (certificate.checkPrivateKey(privateKey)) return ok({ certificate, key: privateKey });
    return err({ type: 'NotOurs', path: cert, detail: 'its key is not the one beside it' });
  } catch (cause) {
    return err({ type: 'NotOurs', path: cert, detail: detailOf(cause) });
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}

async function writePair(
  { cert, key }: PairPaths,
  issued: { readonly cert: string; readonly key: string },
  report: { readonly made: string[] },
): Promise<void> {
  await createFile(key, Buffer.from(issued.key), { mode: 0o600 });
  await createFile(cert, Buffer.from(issued.cert), { mode: 0o644 });
  report.made.push(cert, key);
}
