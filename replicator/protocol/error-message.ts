import { z } from 'zod';
import type { DeviceError } from '#core/disk/block-device';
import type { ReplicationError } from '#replicator/pipeline/replication';

/*
 * Errors that cross a connection. They arrive as JSON from another version or from someone broken, and end in sentences
 * and logs here, so each field is checked. A member added to one of the unions does not build until it has a row.
 */

const text = z.string().max(4_096);
const natural = z.int().nonnegative();
const at = { at: natural, length: natural, detail: text };
const extent = z.object({ start: natural, length: natural });

const deviceErrors = {
  IoError: at,
  InvalidRange: at,
  NoSpace: at,
  ReadOnly: { detail: text },
  Unsupported: { call: text },
  ConnectionLost: { detail: text },
  ProtocolViolation: { detail: text },
  Closed: {},
} as const satisfies Record<DeviceError['type'], z.core.$ZodLooseShape>;

/** An error of a disk as it crosses a connection. */
export const deviceErrorShape = unionOf(deviceErrors);
const peer = z.enum(['gateway', 'receiver', 'manager']);

const replicationErrors = {
  SourceFailed: { source: text, error: deviceErrorShape },
  SourceUnavailable: { source: text, detail: text },
  ChangesUnknown: { source: text, detail: text },
  TargetFailed: { target: text, error: deviceErrorShape },
  TargetUnavailable: { target: text, detail: text },
  TargetExists: { target: text },
  TargetForeign: { target: text, owner: text },
  TargetBusy: { target: text, owner: text },
  TargetMissing: { target: text },
  TargetNameRefused: { target: text, why: text },
  SameDisk: { source: text },
  SizeMismatch: { target: text, source: natural, actual: natural },
  JournalCorrupt: { journal: text, detail: text },
  JournalUnsupported: { journal: text, version: z.int() },
  RoundOutOfOrder: { asked: z.int(), last: z.int(), lastIsComplete: z.boolean() },
  DigestMismatch: { at: extent },
  RootMismatch: { source: text, target: text },
  Unreachable: { peer, address: text, detail: text },
  ConnectionLost: { peer, detail: text },
  ProtocolViolation: { peer, detail: text },
  Unauthorized: { peer, detail: text },
  Cancelled: {},
} as const satisfies Record<ReplicationError['type'], z.core.$ZodLooseShape>;

function unionOf<Shapes extends Record<string, z.core.$ZodLooseShape>>(shapes: Shapes) {
  // A map, not an object: every object has a `toString`.
  const members = new Map(
    Object.entries(shapes).map(([type, shape]) => [type, z.object({ type: z.literal(type), ...shape })]),
  );
  return z.record(z.string(), z.unknown()).transform((value, context) => {
    const parsed = members.get(String(value['type']))?.safeParse(value);
    if (parsed?.success) return parsed.data;
    context.issues.push({ code: 'custom', message: 'not an error that is known', input: value });
    return z.NEVER;
  });
}

/** An error of replication, as the other side sent it. */
// The table above has a row for each member, so what passes is one of them.
export const replicationErrorShape = unionOf(replicationErrors) as unknown as z.ZodType<ReplicationError>;
