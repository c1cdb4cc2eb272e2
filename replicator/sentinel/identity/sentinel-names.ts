import type { X509Certificate } from 'node:crypto';
import { sentinelId, type SentinelId } from '#core/ids';
import { roleUri, urisIn } from '#replicator/protocol/role';

const idUri = 'sealift:sentinel:';

/** What the certificate of a sentinel says of it: its role, and which one it is. */
export const urisOfSentinel = (id: SentinelId): readonly string[] => [roleUri('sentinel'), `${idUri}${id}`];

/** The sentinel a certificate is for; undefined if it is for anything else. Whether it is genuine is another question. */
export function sentinelIn(certificate: X509Certificate): SentinelId | undefined {
  const roles = urisIn(certificate, 'sealift:role:');
  const ids = urisIn(certificate, idUri);
  const [id] = ids;
  if (roles.length !== 1 || roles[0] !== roleUri('sentinel') || ids.length !== 1 || id === undefined) return undefined;
  try {
    return sentinelId(id.slice(idUri.length));
  } catch {
    return undefined;
  }
}
