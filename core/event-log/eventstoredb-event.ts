import { createHash } from 'node:crypto';
import { LogReadError, type Position, type RecordedFact } from './event-log.ts';

/** What the client gives of an event. */
export interface StoredEvent {
  readonly id: string;
  readonly streamId: string;
  readonly revision: bigint;
  readonly type: string;
  readonly data: unknown;
  readonly metadata?: unknown;
  readonly position?: { readonly commit: bigint };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The name of a fact as the server wants it: it keeps ids as numbers of 128 bits and gives them back in small letters. A
 * fact that is named otherwise gets an id made from its name (UUID version 8), and its name goes into the metadata.
 */
export function eventIdOf(id: string): string {
  if (uuid.test(id)) return id;
  const digits = createHash('sha256').update(id).digest('hex');
  const [a, b, c, d, e] = [0, 8, 13, 17, 20].map((at) => digits.slice(at));
  return `${a?.slice(0, 8)}-${b?.slice(0, 4)}-8${c?.slice(0, 3)}-8${d?.slice(0, 3)}-${e?.slice(0, 12)}`;
}

/** An event as the fact it holds, or undefined if it is of another application or the server itself. */
export function factOf(
  { id, streamId, revision, type, data, ...event }: StoredEvent,
  where: string,
): RecordedFact | undefined {
  const metadata = Object(event.metadata) as { readonly previousHash?: unknown; readonly factId?: string };
  if (typeof data !== 'object' || data === null || typeof metadata.previousHash !== 'string') return undefined;
  const { factId = id, ...own } = metadata;
  return {
    id: factId,
    stream: streamId,
    revision: Number(revision),
    position: positionOf(event.position?.commit, where),
    type,
    data,
    metadata: own,
  } as RecordedFact;
}

/** A commit position as ours. Throws `LogReadError` when the server is too old to say one. */
export function positionOf(commit: bigint | undefined, where: string): Position {
  const position = Number(commit ?? -1);
  if (Number.isSafeInteger(position) && position >= 0) return position as Position;
  const detail = 'the server does not say positions; it must be EventStoreDB 22.6 or later';
  throw new LogReadError({ type: 'LogUnreachable', where, detail });
}

/** What stands in one of our streams and was not written by us. */
export const notOurs = ({ streamId, revision }: StoredEvent, where: string): LogReadError =>
  new LogReadError({ type: 'LogCorrupt', where, detail: `event ${revision} of ${streamId} is no fact of Sealift` });
