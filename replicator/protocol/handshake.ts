import { err, ok, type Result } from '#core/result';
import { digestAlgorithms, type DigestAlgorithm } from '#replicator/pipeline/digest';
import type { Packing } from './frame.ts';
import { protocolVersions, type Message } from './message.ts';
import { agreedPacking, packingsHere } from './packer.ts';
import type { Role } from './role.ts';

type Said<Type extends Message['type']> = Extract<Message, { type: Type }>;

/** What two sides agreed on. */
export interface Agreement {
  readonly protocol: number;
  readonly digest: DigestAlgorithm;
  readonly packing: Packing;
}

/** The words `sealift` says of itself in logs of the other side. */
export const software = 'sealift';

/** What a client says first. `packings` in its order of preference. */
export const hello = (role: Role, packings: readonly Packing[] = packingsHere): Said<'Hello'> => ({
  type: 'Hello',
  protocol: protocolVersions,
  role,
  software,
  digests: [...digestAlgorithms],
  packings: [...packings],
});

/**
 * What a server answers. The newest version both speak, and of digests and packings the first the client named that the
 * server has. `shown` is the role in the client's certificate: what it says of itself must be that.
 */
export function welcome(
  said: Said<'Hello'>,
  shown: Role,
  packings: readonly Packing[] = packingsHere,
): Result<Said<'Welcome'>, string> {
  const { min, max } = protocolVersions;
  const protocol = Math.min(max, said.protocol.max);
  if (protocol < min || protocol < said.protocol.min) {
    return err(
      `it speaks versions ${said.protocol.min} to ${said.protocol.max} of the protocol and this side ${min} to ${max}; use versions of sealift that are closer`,
    );
  }
  if (said.role !== shown) return err(`it says it is a ${said.role} and its certificate is for a ${shown}`);
  const digest = digestAlgorithms.find((known) => known === said.digests.find((name) => isDigest(name)));
  if (!digest) return err(`it knows none of the digests ${digestAlgorithms.join(', ')}`);
  return ok({ type: 'Welcome', protocol, digest, packing: agreedPacking(said.packings, packings), software });
}

const isDigest = (name: string): boolean => (digestAlgorithms as readonly string[]).includes(name);

/** What a client makes of the answer: it must be something the client offered. */
export function agree(offered: Said<'Hello'>, answer: Said<'Welcome'>): Result<Agreement, string> {
  const { protocol, digest, packing } = answer;
  const offeredProtocol = protocol >= offered.protocol.min && protocol <= offered.protocol.max;
  if (!offeredProtocol) return err(`it chose version ${protocol} of the protocol, which was not offered`);
  if (!offered.digests.includes(digest)) return err(`it chose the digest ${digest}, which was not offered`);
  if (!offered.packings.includes(packing)) return err(`it chose the packing ${packing}, which was not offered`);
  return ok({ protocol, digest, packing });
}
