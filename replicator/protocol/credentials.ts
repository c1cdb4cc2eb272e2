import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '#core/result';
import { codeOf, detailOf } from '#replicator/disk/durable-file';
import { roleIn, type Role } from './role.ts';

/** What one role shows, and whom it trusts. PEM. Never logged, never sent, never in a fact. */
export interface Credentials {
  readonly role: Role;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Why there are no credentials. */
export type CredentialsError =
  | { readonly type: 'CredentialsMissing'; readonly role: Role; readonly path: string }
  | { readonly type: 'CredentialsUnusable'; readonly role: Role; readonly path: string; readonly detail: string };

/** Reads what `sealift certs` made for a role: `ca-cert.pem`, `<role>-cert.pem` and `<role>-key.pem`. */
export async function readCredentials(directory: string, role: Role): Promise<Result<Credentials, CredentialsError>> {
  const read = async (file: string): Promise<Result<string, CredentialsError>> => {
    const path = join(directory, file);
    try {
      return ok(await readFile(path, 'utf8'));
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return err({ type: 'CredentialsMissing', role, path });
      return err({ type: 'CredentialsUnusable', role, path, detail: detailOf(cause) });
    }
  };
  const ca = await read('ca-cert.pem');
  if (!ca.ok) return ca;
  const cert = await read(`${role}-cert.pem`);
  if (!cert.ok) return cert;
  const key = await read(`${role}-key.pem`);
  if (!key.ok) return key;
  const path = join(directory, `${role}-cert.pem`);
  try {
    const shown = roleIn(new X509Certificate(cert.value));
    if (shown !== role) {
      const detail = `it is a certificate for ${shown ?? 'no role of sealift'}, not for the ${role}`;
      return err({ type: 'CredentialsUnusable', role, path, detail });
    }
  } catch (cause) {
    return err({ type: 'CredentialsUnusable', role, path, detail: detailOf(cause) });
  }
  return ok({ role, ca: ca.value, cert: cert.value, key: key.value });
}

/** One sentence for a person. */
export function describeCredentialsError(error: CredentialsError): string {
  switch (error.type) {
    case 'CredentialsMissing':
      return `${error.path} is not there; make certificates with: sealift certs`;
    case 'CredentialsUnusable':
      return `${error.path} cannot be used: ${error.detail}`;
  }
}
