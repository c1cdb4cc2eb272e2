import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sentinelId, type SentinelId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { branded } from '#replicator/protocol/branded';

/*
 * Who a sentinel is, as files in its guest:
 *
 *     sentinel.json   from the bundle: which gateway, its pins, which sentinel this is
 *     ca-cert.pem     from the bundle: the authority of the gateway
 *     token           from the bundle: enrols once; taken away when it has
 *     key.pem         made here, readable by root alone, and never sent
 *     cert.pem        what the gateway made of it
 *     next-key.pem    the key after it, until there is a certificate for it
 *
 * A key is on disk before its certificate is asked for: an answer that was lost is asked for again with the same key.
 */

const configShape = z.object({
  gateway: z.string().min(1).max(300),
  sentinel: branded(sentinelId, z.string()),
  /** SHA-256 in hex of public keys (SPKI, DER) that the gateway may have. */
  pins: z
    .array(z.string().regex(/^[0-9a-f]{64}$/))
    .min(1)
    .max(8),
});

/** Which gateway a sentinel belongs to, and how it knows it. */
export interface SentinelConfig {
  readonly gateway: string;
  readonly sentinel: SentinelId;
  readonly pins: readonly string[];
  /** The authority of the gateway, PEM. */
  readonly ca: string;
}

/** A key and the certificate for it. The certificate is PEM. */
export interface HeldIdentity {
  readonly key: KeyObject;
  readonly certificate: string;
}

/** Why a sentinel does not know who it is: a sentence. */
export interface IdentityError {
  readonly type: 'IdentityUnusable';
  readonly path: string;
  readonly detail: string;
}

/** The files of one sentinel. */
export interface GuestIdentity {
  readonly config: SentinelConfig;
  /** Undefined until it was enrolled. */
  held(): Promise<Result<HeldIdentity | undefined, IdentityError>>;
  /** The token, if it is there still. */
  token(): Promise<string | undefined>;
  /** The key to be enrolled, made if there is none. */
  newKey(purpose: 'enrol' | 'rotate'): Promise<Result<KeyObject, IdentityError>>;
  /** Keeps the certificate for the key that `newKey` gave. After an enrolment the token is gone. */
  keep(purpose: 'enrol' | 'rotate', certificate: string): Promise<Result<HeldIdentity, IdentityError>>;
  /** Files that are not there any more do not matter to a process that runs: all is in memory. */
  readonly directory: string;
}

/** Reads the files of a sentinel in `directory`. */
export async function openGuestIdentity(directory: string): Promise<Result<GuestIdentity, IdentityError>> {
  const path = (name: string): string => join(directory, name);
  const unusable = (name: string, detail: string): Result<never, IdentityError> =>
    err({ type: 'IdentityUnusable', path: path(name), detail });
  const text = await readText(path('sentinel.json'));
  if (text === undefined) return unusable('sentinel.json', 'it is not there; install a bundle of the gateway');
  const ca = await readText(path('ca-cert.pem'));
  if (ca === undefined) return unusable('ca-cert.pem', 'it is not there; install a bundle of the gateway');
  const parsed = configShape.safeParse(jsonOf(text));
  if (!parsed.success)
    return unusable('sentinel.json', `it is not what a bundle has (${parsed.error.issues[0]?.message})`);
  const fileOf = { enrol: 'key.pem', rotate: 'next-key.pem' } as const;
  const keyAt = async (name: string): Promise<Result<KeyObject | undefined, IdentityError>> => {
    const pem = await readText(path(name));
    if (pem === undefined) return ok(undefined);
    try {
      return ok(createPrivateKey(pem));
    } catch {
      return unusable(name, 'it is no private key');
    }
  };
  const heldWith = (key: KeyObject, certificate: string): Result<HeldIdentity, IdentityError> => {
    try {
      if (new X509Certificate(certificate).checkPrivateKey(key)) return ok({ key, certificate });
      return unusable('cert.pem', 'it is not for the key beside it');
    } catch {
      return unusable('cert.pem', 'it is no certificate');
    }
  };
  return ok({
    directory,
    config: { ...parsed.data, ca },
    token: async () => (await readText(path('token')))?.trim(),
    held: async () => {
      const certificate = await readText(path('cert.pem'));
      if (certificate === undefined) return ok(undefined);
      const key = await keyAt('key.pem');
      if (!key.ok) return key;
      const held = key.value ? heldWith(key.value, certificate) : unusable('key.pem', 'it is not there');
      if (held.ok) return held;
      // A crash between two renames of a rotation: the certificate is there already, its key still has the other name.
      const next = await keyAt('next-key.pem');
      const rotated = next.ok && next.value ? heldWith(next.value, certificate) : held;
      if (!rotated.ok) return held;
      const done = await attempt(path('key.pem'), () => rename(path('next-key.pem'), path('key.pem')));
      return done.ok ? rotated : done;
    },
    newKey: async (purpose) => {
      const found = await keyAt(fileOf[purpose]);
      if (!found.ok) return found;
      if (found.value) return ok(found.value);
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
      const kept = await attempt(path(fileOf[purpose]), () => writeSecret(path(fileOf[purpose]), pem.toString()));
      return kept.ok ? ok(privateKey) : kept;
    },
    keep: async (purpose, certificate) => {
      const key = await keyAt(fileOf[purpose]);
      if (!key.ok) return key;
      const held = key.value ? heldWith(key.value, certificate) : unusable(fileOf[purpose], 'it is gone');
      if (!held.ok) return held;
      const kept = await attempt(path('cert.pem'), async () => {
        await writeSecret(path('cert.pem'), certificate);
        if (purpose === 'rotate') await rename(path('next-key.pem'), path('key.pem'));
        else await rm(path('token'), { force: true });
      });
      return kept.ok ? held : kept;
    },
  });
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const readText = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

async function attempt(path: string, work: () => Promise<void>): Promise<Result<void, IdentityError>> {
  try {
    return ok(await work());
  } catch (cause) {
    return err({ type: 'IdentityUnusable', path, detail: cause instanceof Error ? cause.message : String(cause) });
  }
}

/** Whole or not at all, and readable by its owner only. */
async function writeSecret(path: string, text: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  const beside = `${path}.new`;
  const file = await open(beside, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(beside, 0o600);
  await rename(beside, path);
}

/** When the certificate ends, in milliseconds since 1970, and how long it is valid in all. */
export function validityOf(certificate: string): { readonly untilMs: number; readonly lengthMs: number } {
  const { validFrom, validTo } = new X509Certificate(certificate);
  const untilMs = Date.parse(validTo);
  return { untilMs, lengthMs: untilMs - Date.parse(validFrom) };
}
