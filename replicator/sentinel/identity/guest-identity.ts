import { z } from 'zod';
import { sentinelId, type SentinelId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { branded } from '#replicator/protocol/branded';
import type { Identities, SentinelKey } from './identities.ts';
import { identityFilesIn, type IdentityFiles } from './identity-files.ts';
import { nodeIdentities } from './node-identities.ts';

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

/** A key and the certificate for it, which is what its file has. */
export interface HeldIdentity {
  readonly key: SentinelKey;
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
  newKey(purpose: 'enrol' | 'rotate'): Promise<Result<SentinelKey, IdentityError>>;
  /** Keeps the certificate for the key that `newKey` gave. After an enrolment the token is gone. */
  keep(purpose: 'enrol' | 'rotate', certificate: string): Promise<Result<HeldIdentity, IdentityError>>;
  /** How keys, proofs and certificates are dealt with. */
  readonly identities: Identities;
}

/** What the identity of a sentinel is made of, where it is not as in a real guest. */
export interface IdentityParts {
  readonly files?: IdentityFiles;
  readonly identities?: Identities;
}

/** Reads the files of a sentinel in `directory`. */
export async function openGuestIdentity(
  directory: string,
  { files = identityFilesIn(directory), identities = nodeIdentities }: IdentityParts = {},
): Promise<Result<GuestIdentity, IdentityError>> {
  const config = await readConfig(directory, files);
  return config.ok ? ok(identityOver(config.value, directory, files, identities)) : config;
}

/** For a person, who looks for the file. */
const unusableIn =
  (directory: string) =>
  (name: string, detail: string): Result<never, IdentityError> =>
    err({ type: 'IdentityUnusable', path: `${directory}/${name}`, detail });

async function readConfig(directory: string, files: IdentityFiles): Promise<Result<SentinelConfig, IdentityError>> {
  const unusable = unusableIn(directory);
  const text = await files.read('sentinel.json');
  if (text === undefined) return unusable('sentinel.json', 'it is not there; install a bundle of the gateway');
  const ca = await files.read('ca-cert.pem');
  if (ca === undefined) return unusable('ca-cert.pem', 'it is not there; install a bundle of the gateway');
  const parsed = configShape.safeParse(jsonOf(text));
  if (parsed.success) return ok({ ...parsed.data, ca });
  return unusable('sentinel.json', `it is not what a bundle has (${parsed.error.issues[0]?.message})`);
}

const fileOf = { enrol: 'key.pem', rotate: 'next-key.pem' } as const;

function identityOver(
  config: SentinelConfig,
  directory: string,
  files: IdentityFiles,
  identities: Identities,
): GuestIdentity {
  const unusable = unusableIn(directory);
  const attempt = async (name: string, work: () => Promise<void>): Promise<Result<void, IdentityError>> => {
    try {
      return ok(await work());
    } catch (cause) {
      return unusable(name, cause instanceof Error ? cause.message : String(cause));
    }
  };
  const keyAt = async (name: string): Promise<Result<SentinelKey | undefined, IdentityError>> => {
    const text = await files.read(name);
    if (text === undefined) return ok(undefined);
    const key = identities.readKey(text);
    return key ? ok(key) : unusable(name, 'it is no private key');
  };
  const heldWith = (key: SentinelKey, certificate: string): Result<HeldIdentity, IdentityError> => {
    if (!identities.readCertificate(certificate)) return unusable('cert.pem', 'it is no certificate');
    if (identities.isFor(certificate, key)) return ok({ key, certificate });
    return unusable('cert.pem', 'it is not for the key beside it');
  };
  return {
    ...{ config, identities },
    token: async () => (await files.read('token'))?.trim(),
    held: async () => {
      const certificate = await files.read('cert.pem');
      if (certificate === undefined) return ok(undefined);
      const key = await keyAt('key.pem');
      if (!key.ok) return key;
      const held = key.value ? heldWith(key.value, certificate) : unusable('key.pem', 'it is not there');
      if (held.ok) return held;
      // A crash between two renames of a rotation: the certificate is there already, its key still has the other name.
      const next = await keyAt('next-key.pem');
      const rotated = next.ok && next.value ? heldWith(next.value, certificate) : held;
      if (!rotated.ok) return held;
      const done = await attempt('key.pem', () => files.rename('next-key.pem', 'key.pem'));
      return done.ok ? rotated : done;
    },
    newKey: async (purpose) => {
      const found = await keyAt(fileOf[purpose]);
      if (!found.ok) return found;
      if (found.value) return ok(found.value);
      const key = identities.newKey();
      const kept = await attempt(fileOf[purpose], () => files.write(fileOf[purpose], key.text));
      return kept.ok ? ok(key) : kept;
    },
    keep: async (purpose, certificate) => {
      const key = await keyAt(fileOf[purpose]);
      if (!key.ok) return key;
      const held = key.value ? heldWith(key.value, certificate) : unusable(fileOf[purpose], 'it is gone');
      if (!held.ok) return held;
      const kept = await attempt('cert.pem', async () => {
        await files.write('cert.pem', certificate);
        if (purpose === 'rotate') await files.rename('next-key.pem', 'key.pem');
        else await files.remove('token');
      });
      return kept.ok ? held : kept;
    },
  };
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
