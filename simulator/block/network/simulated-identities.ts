import { sentinelId, type SentinelId } from '#core/ids';
import type { Rng } from '#core/rng';
import type { GuestAuthority } from '#replicator/gateway/guests/guest-authority';
import type { ConnectionSecret, SentinelCertificate } from '#replicator/protocol/guest-network';
import type { Role } from '#replicator/protocol/role';
import type { Identities, ProofPurpose, SentinelKey } from '#replicator/sentinel/identity/identities';
import { proofStatement } from '#replicator/sentinel/identity/proof-statement';
import { seededRng } from '#simulator/kernel/seeded-rng';

/*
 * Keys, certificates and proofs as short texts, drawn from a seed. Each check of the real ones can fail here for the same reason: a
 * certificate of another authority, one that has ended, a proof of another key, for another purpose or of another connection.
 *
 *     key          key <name>
 *     public half  public half of key <name>
 *     certificate  JSON: authority, sentinel, public half, from, until, serial number
 *     proof        a digest of the key and of what is signed
 *
 * @differs Nothing here is secret: whoever wanted to could make a key of its public half. Nobody in a world does.
 */

/** A gateway, as those see it who connect to it. */
export interface SimulatedGateway {
  /** The authority that guests know it by, as their bundles have it. */
  readonly ca: string;
  /** The fingerprint of its key. */
  readonly pin: string;
  /** What its certificate says that it is. */
  readonly role: Role | undefined;
  /** Who signs the certificates of its sentinels. */
  readonly authority: string;
}

/** A gateway of this name, with an authority of its own. */
export const simulatedGateway = (name: string): SimulatedGateway => ({
  ca: `simulated authority of ${name}`,
  pin: digestOf(`simulated key of ${name}`),
  role: 'gateway',
  authority: `simulated authority of the sentinels of ${name}`,
});

/** The identities of sentinels as one process deals with them. */
export function simulatedIdentities(rng: Rng): Identities {
  const keys = rng.fork('keys');
  return {
    newKey: () => keyOf(keys.uuid()),
    readKey: (text) => {
      const name = /^key (\S+)$/.exec(text)?.[1];
      return name === undefined ? undefined : keyOf(name);
    },
    readCertificate: certificateIn,
    isFor: (certificate, { publicKey }) => certificateIn(certificate)?.publicKey === textOf(publicKey),
    prove: (secret, purpose, key) => new TextEncoder().encode(proofOf(secret, purpose, key)),
  };
}

const keyOf = (name: string): SentinelKey => ({
  text: `key ${name}`,
  publicKey: new TextEncoder().encode(`${publicPrefix}${name}`),
});

const publicPrefix = 'public half of key ';
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const proofOf = (secret: ConnectionSecret, purpose: ProofPurpose, { text, publicKey }: SentinelKey): string =>
  digestOf(`${text} signs ${hexOf(proofStatement(secret, purpose, publicKey))}`);

/** A certificate that was read. */
export interface SimulatedCertificate extends SentinelCertificate {
  readonly authority: string;
  /** The public half it is for. */
  readonly publicKey: string;
}

/** What a text says that is a certificate; undefined if it is none. */
export function certificateIn(text: string): SimulatedCertificate | undefined {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { authority, sentinel, publicKey, fromMs, untilMs } = said as Partial<SimulatedCertificate>;
  if (authority === undefined || publicKey === undefined || fromMs === undefined || untilMs === undefined)
    return undefined;
  return { authority, sentinel, publicKey, fromMs, untilMs, fingerprint: digestOf(text) };
}

/** What a gateway admits sentinels with, drawn from a seed. */
export function simulatedAuthority(gateway: SimulatedGateway, rng: Rng): GuestAuthority {
  const { ca, pin, authority } = gateway;
  const ids = rng.fork('ids');
  return {
    ...{ ca, pins: [pin] },
    issue: async (sentinel: SentinelId, publicKey, { fromMs, untilMs }) => {
      const said = { authority, sentinel: sentinelId(sentinel), publicKey: textOf(publicKey), fromMs, untilMs };
      const text = JSON.stringify({ ...said, serial: ids.uuid() });
      return { text, fingerprint: digestOf(text) };
    },
    isProven: (secret, purpose, publicKey, proof) => {
      const said = textOf(publicKey);
      if (!said.startsWith(publicPrefix)) return false;
      try {
        return textOf(proof) === proofOf(secret, purpose, keyOf(said.slice(publicPrefix.length)));
      } catch {
        // Nothing is proven on a connection that is gone.
        return false;
      }
    },
    newToken: () => `token-${ids.uuid()}`,
    newName: () => `guest-${ids.uuid().slice(0, 8)}`,
    newFactId: () => ids.uuid(),
  };
}

/** So many bytes of a stream of chance. */
export const bytesFrom = (rng: Rng, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, () => rng.between(0, 255));

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** What a text is known by: 64 digits, as SHA-256 has. */
function digestOf(text: string): string {
  const drawn = seededRng(0).fork(text);
  return `${drawn.uuid()}${drawn.uuid()}`.replaceAll('-', '');
}
