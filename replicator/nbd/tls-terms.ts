import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { err, ok, type Result } from '#core/result';
import type { NbdError } from './nbd-error.ts';

/** What TLS needs, as PEM texts. Without `ca` the authorities that Node trusts. */
export interface NbdTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name the server's certificate must carry. Default: the host; over a Unix socket the name is not checked. */
  readonly serverName?: string;
}

/** TLS material that has been looked at and can be used. */
export interface TlsTerms {
  readonly context: SecureContext;
  readonly serverName: string | undefined;
}

/**
 * Reads and checks TLS material before anything is connected: from `given`, or from a folder in the layout that QEMU,
 * nbdkit and libnbd share.
 */
export async function tlsTerms(
  folder: string | undefined,
  given: NbdTls | undefined,
): Promise<Result<TlsTerms, NbdError>> {
  const where = given === undefined && folder !== undefined ? folder : 'the options';
  const read = given === undefined && folder !== undefined ? await readFolder(folder) : ok(given ?? {});
  if (!read.ok) return read;
  const { ca, cert, key, serverName } = read.value;
  try {
    // OpenSSL skips an authority it cannot read, and the person would be told that the server cannot be trusted.
    if (ca !== undefined) void new X509Certificate(ca);
    const context = createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
    return ok({ context, serverName });
  } catch (cause) {
    return err(invalid(where, cause));
  }
}

async function readFolder(folder: string): Promise<Result<NbdTls, NbdError>> {
  const pem = async (name: string): Promise<Result<string, NbdError>> => {
    try {
      return ok(await readFile(join(folder, name), 'utf8'));
    } catch (cause) {
      return err(invalid(folder, cause));
    }
  };
  const ca = await pem('ca-cert.pem');
  if (!ca.ok) return ca;
  const [cert, key] = [await pem('client-cert.pem'), await pem('client-key.pem')];
  // A client certificate is optional; half of one is a mistake.
  if (!cert.ok && !key.ok) return ok({ ca: ca.value });
  if (!cert.ok) return cert;
  if (!key.ok) return key;
  return ok({ ca: ca.value, cert: cert.value, key: key.value });
}

const invalid = (where: string, cause: unknown): NbdError => ({
  type: 'InvalidCertificates',
  where,
  detail: cause instanceof Error ? cause.message : String(cause),
});
