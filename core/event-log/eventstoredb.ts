/**
 * The log in EventStoreDB, where one machine is outgrown. Streams keep their names, so the server's own category
 * projection (`$ce-migration`) works, and any of its tools shows them. The client is known to this file only.
 *
 * A fact is an event with a JSON body; our metadata is the event's metadata. Facts are judged as in every other adapter:
 * this side reads where the stream ends, decides, and appends at exactly that revision, so the server's optimistic
 * concurrency has the last word and its own, weaker idempotence is not relied on. A position is the commit position.
 *
 * Needs a server from 22.6 on (earlier ones do not say positions when a stream is read), a user who may read `$all`, and
 * reads from the leader (`nodePreference=leader`, the default). The server limits the size of one append
 * (`--max-append-size`, 1 MiB by default).
 */
import type { Readable } from 'node:stream';
import {
  AccessDeniedError,
  BACKWARDS,
  CancelledError,
  END,
  EventStoreDBClient,
  excludeSystemEvents,
  FORWARDS,
  jsonEvent,
  MaxAppendSizeExceededError,
  NO_STREAM,
  NotLeaderError,
  START,
  StreamDeletedError,
  streamNameFilter,
  StreamNotFoundError,
  UnavailableError,
  WrongExpectedVersionError,
  type JSONType,
  type RecordedEvent,
} from '@eventstore/db-client';
import { err, ok, type Result } from '#core/result';
import { checkBatch, judgeAppend, repeatLookback } from './append-rule.ts';
import { chainStart, hashOf } from './chain.ts';
import {
  categoryOf,
  LogReadError,
  type AppendError,
  type Appended,
  type EventLog,
  type ExpectedRevision,
  type LogFault,
  type Position,
  type ProposedFact,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedFact,
  type Revision,
  type StreamId,
  type SubscribeOptions,
} from './event-log.ts';
import { checkConnectionString } from './eventstoredb-connection.ts';
import { eventIdOf, factOf, notOurs, positionOf } from './eventstoredb-event.ts';
import { letGo } from './follow.ts';
import { upcast } from './upcast.ts';

/** Where the server is. */
export interface EventStoreDbOptions {
  /** `esdb://user:password@host:2113?tls=true`, as the client documents it. The password is in no fault and no fact. */
  readonly connectionString: string;
}

/** Connects, and makes sure that the log can be read. */
export async function openEventStoreDb({ connectionString }: EventStoreDbOptions): Promise<Result<EventLog, LogFault>> {
  const checked = checkConnectionString(connectionString);
  if (!checked.ok) return checked;
  const where = checked.value;
  try {
    const client = EventStoreDBClient.connectionString(connectionString);
    // The client would put all appends of this process on one call that has no deadline, where an error of one
    // connection fails the appends of another and a late answer to a failed one is thrown where nobody can catch it.
    // Told that the server supports nothing special, it makes a call per append, with a deadline and its own outcome.
    Object.assign(client, { supports: async () => false });
    const closing = new AbortController();
    const reader = eventReader(client, where, closing.signal);
    await reader.end();
    return ok(eventLogOn(client, where, reader, closing));
  } catch (error) {
    return err(faultOf(error, where));
  }
}

function eventLogOn(
  client: EventStoreDBClient,
  where: string,
  reader: EventReader,
  closing: AbortController,
): EventLog {
  const append = appender(client, where, reader);
  // One append of a stream at a time: two of this process would only refuse each other.
  const queues = new Map<StreamId, Promise<unknown>>();
  let closed: Promise<unknown> | undefined;
  return {
    append: (stream, facts, expected) => {
      checkBatch(facts);
      if (closed !== undefined) return Promise.resolve(err({ type: 'LogClosed' }));
      const turn = (queues.get(stream) ?? Promise.resolve()).then(() => append(stream, facts, expected));
      const settled = turn.then(
        () => {},
        () => {}, // Whoever asked hears of it; the next append does not depend on it.
      );
      queues.set(stream, settled);
      void settled.then(() => queues.get(stream) === settled && queues.delete(stream));
      return turn;
    },
    readStream: (stream, options = {}) => reader.readStream(stream, options),
    readAll: (options = {}) => reader.readAll(options),
    subscribe: ({ signal, ...options } = {}) =>
      letGo(signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]), (stop) =>
        reader.subscribe(options, stop),
      ),
    close: async () => {
      closed ??= Promise.all(queues.values()).then(() => {
        closing.abort();
        return client.dispose();
      });
      await closed;
    },
  };
}

// Each retry of an append that expects any revision means that somebody else's went through.
const attemptsMax = 100;

/** The end of a stream and the facts near it that the judgement needs. */
interface End {
  readonly last: number;
  readonly hash: string;
  readonly facts: readonly RecordedFact[];
}

type Append = (
  stream: StreamId,
  facts: readonly ProposedFact[],
  expected: ExpectedRevision,
) => Promise<Result<Appended, AppendError>>;

function appender(client: EventStoreDBClient, where: string, reader: EventReader): Append {
  // Where this side left each stream: a driver that owns its stream reads nothing before it appends.
  const ends = new Map<StreamId, End>();

  const endOf = async (stream: StreamId, expected: ExpectedRevision, count: number): Promise<End> => {
    const known = ends.get(stream);
    if (known !== undefined && known.last === expected) return known;
    const limit = expected === 'any' ? repeatLookback + count : 1;
    const newest = await collected(reader.readStream(stream, { backwards: true, limit, asStored: true }));
    const [newestFact] = newest;
    if (newestFact === undefined) return { last: -1, hash: chainStart, facts: [] };
    const last = newestFact.revision;
    const from = expected === 'none' ? 0 : expected === 'any' ? last + 1 : expected + 1;
    const facts =
      from > last
        ? newest.toReversed()
        : await collected(reader.readStream(stream, { from: from as Revision, limit: count, asStored: true }));
    return { last, hash: hashOf(newestFact), facts };
  };

  const add = async (stream: StreamId, facts: readonly ProposedFact[], end: End): Promise<Appended | 'overtaken'> => {
    const { events, hash } = linked(stream, facts, end);
    ends.delete(stream);
    try {
      const { success, position } = await client.appendToStream(stream, events, {
        expectedRevision: end.last < 0 ? NO_STREAM : BigInt(end.last),
      });
      if (!success) return 'overtaken';
      const last = end.last + facts.length;
      ends.set(stream, { last, hash, facts: [] });
      return { revision: last as Revision, position: positionOf(position?.commit, where) };
    } catch (error) {
      if (error instanceof WrongExpectedVersionError) return 'overtaken';
      throw error;
    }
  };

  return async (stream, facts, expected) => {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      let sent = false;
      try {
        const end = await endOf(stream, expected, facts.length);
        const verdict = judgeAppend(facts, expected, {
          last: end.last,
          idsFrom: (first, count) =>
            end.facts.filter(({ revision }) => revision >= first && revision < first + count).map(({ id }) => id),
        });
        if (verdict.type === 'conflict') {
          const actual = end.last < 0 ? 'none' : (end.last as Revision);
          return err({ type: 'RevisionConflict', stream, expected, actual });
        }
        if (verdict.type === 'repeat') {
          const last = end.facts.find(({ revision }) => revision === verdict.last);
          return ok({ revision: verdict.last as Revision, position: last?.position ?? (0 as Position) });
        }
        sent = true;
        const appended = await add(stream, facts, end);
        if (appended !== 'overtaken') return ok(appended);
      } catch (error) {
        const detail = detailOf(error);
        return err({ type: 'LogUnavailable', where, detail, written: sent && !isRefusal(error) ? 'unknown' : 'no' });
      }
    }
    const detail = `others wrote to ${stream} at every one of ${attemptsMax} attempts`;
    return err({ type: 'LogUnavailable', where, detail, written: 'no' });
  };
}

/** The facts as events, each with the hash of the one before it, and the hash of the last. */
function linked(stream: StreamId, facts: readonly ProposedFact[], { last, hash: previous }: End) {
  let hash = previous;
  const events = facts.map(({ id, type, data, metadata }, i) => {
    const chained = { ...metadata, previousHash: hash };
    hash = hashOf({ id, stream, revision: (last + 1 + i) as Revision, type, data, metadata: chained });
    const own = eventIdOf(id);
    // The server knows ids as numbers of 128 bits; an id that does not look like one goes along in the metadata.
    return jsonEvent({
      id: own,
      type,
      data: data as JSONType,
      metadata: (own === id ? chained : { ...chained, factId: id }) as JSONType,
    });
  });
  return { events, hash };
}

interface EventReader {
  readStream(stream: StreamId, options: ReadStreamOptions): AsyncGenerator<RecordedFact>;
  readAll(options: ReadAllOptions): AsyncGenerator<RecordedFact>;
  subscribe(options: SubscribeOptions, stop: AbortSignal): AsyncGenerator<RecordedFact, undefined>;
  /** The position of the newest event of all. */
  end(): Promise<number>;
}

type Decode = (event: RecordedEvent, asStored?: boolean) => RecordedFact | undefined;

function eventReader(client: EventStoreDBClient, where: string, closing: AbortSignal): EventReader {
  const decode: Decode = (event, asStored = false) => {
    const fact = factOf(event, where);
    if (fact === undefined || asStored) return fact;
    const upcasted = upcast(fact, where);
    if (!upcasted.ok) throw new LogReadError(upcasted.error);
    return upcasted.value;
  };
  const read = (ask: () => Source): AsyncGenerator<RecordedEvent> => eventsOf(ask, closing, where);

  async function* readStream(
    stream: StreamId,
    { from, backwards = false, limit = Infinity, asStored }: ReadStreamOptions,
  ): AsyncGenerator<RecordedFact> {
    if (limit <= 0) return;
    const count = Math.min(limit, Number.MAX_SAFE_INTEGER);
    const last = backwards ? Infinity : await lastOf(stream);
    const start = from === undefined ? (backwards ? END : START) : BigInt(from);
    const direction = backwards ? BACKWARDS : FORWARDS;
    if (last < (from ?? 0)) return;
    for await (const event of read(() =>
      client.readStream(stream, { direction, fromRevision: start, maxCount: count }),
    )) {
      if (event.revision > last) return;
      const fact = decode(event, asStored);
      if (fact === undefined) throw notOurs(event, where);
      yield fact;
    }
  }
  // What is there when a read begins is all it gives; the server itself would go on while others append.
  const lastOf = async (stream: StreamId): Promise<number> => {
    const [newest] = await collected(
      read(() => client.readStream(stream, { direction: BACKWARDS, fromRevision: END, maxCount: 1 })),
    );
    return newest === undefined ? -1 : Number(newest.revision);
  };
  const end = async (): Promise<number> => {
    const [newest] = await collected(
      read(() => client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 })),
    );
    return Number(newest?.position?.commit ?? -1);
  };

  async function* readAll({
    after,
    category,
    limit = Infinity,
    asStored,
  }: ReadAllOptions): AsyncGenerator<RecordedFact> {
    if (limit <= 0) return;
    const until = await end();
    let given = 0;
    // The whole log crosses the network: this client filters only subscriptions at the server.
    for await (const event of read(() => client.readAll({ fromPosition: placeAfter(after) }))) {
      const at = Number(event.position?.commit);
      if (at > until) return;
      // A read, unlike a subscription, includes the event at its position.
      if (at <= (after ?? 0) || !isOf(event, category)) continue;
      const fact = decode(event, asStored);
      if (fact === undefined) continue;
      yield fact;
      given += 1;
      if (given >= limit) return;
    }
  }

  return { readStream, readAll, end, subscribe: subscriber(client, where, decode) };
}

function subscriber(client: EventStoreDBClient, where: string, decode: Decode): EventReader['subscribe'] {
  return async function* ({ after, category }, stop) {
    if (stop.aborted) return undefined;
    const filter = category === undefined ? excludeSystemEvents() : streamNameFilter({ prefixes: [`${category}-`] });
    const ask = (): Source => client.subscribeToAll({ fromPosition: placeAfter(after), filter });
    try {
      for await (const event of eventsOf(ask, stop, where)) {
        const fact = isOf(event, category) ? decode(event) : undefined;
        if (fact !== undefined) yield fact;
      }
    } catch (error) {
      if (stop.aborted) return undefined;
      throw error;
    }
    if (stop.aborted) return undefined;
    throw new LogReadError({ type: 'LogUnreachable', where, detail: 'the server ended the subscription' });
  };
}

const placeAfter = (after: Position | undefined) =>
  after === undefined || after === 0 ? START : { commit: BigInt(after), prepare: BigInt(after) };

const isOf = ({ streamId }: RecordedEvent, category: string | undefined): boolean =>
  category === undefined || categoryOf(streamId as StreamId) === category;

/** What the client gives for a read or a subscription: a stream, and one of two ways to tell the server to stop. */
type Source = Readable & { cancel?(): Promise<void>; unsubscribe?(): Promise<void> };

// The client notices that a connection is gone by a call that fails on it, and makes the next call on a new one.
const connectionsMax = 3;

/** The events of a read or a subscription, until they end or `stop` is aborted, which is a fault to whoever still reads. */
async function* eventsOf(ask: () => Source, stop: AbortSignal, where: string): AsyncGenerator<RecordedEvent> {
  for (let connections = 1; ; connections += 1) {
    let given = 0;
    try {
      for await (const event of answersTo(ask(), stop)) {
        given += 1;
        yield event;
      }
      return;
    } catch (cause) {
      if (stop.aborted) throw new LogReadError({ type: 'LogUnreachable', where, detail: 'it was closed' }, { cause });
      if (cause instanceof StreamNotFoundError) return;
      const lost = cause instanceof UnavailableError || cause instanceof CancelledError;
      if (!lost || given > 0 || connections === connectionsMax)
        throw new LogReadError(faultOf(cause, where), { cause });
    }
  }
}

async function* answersTo(source: Source, stop: AbortSignal): AsyncGenerator<RecordedEvent> {
  const letGoOf = (): void => void source.destroy();
  stop.addEventListener('abort', letGoOf);
  if (stop.aborted) letGoOf();
  try {
    for await (const { event } of source as AsyncIterable<{ readonly event?: RecordedEvent }>)
      if (event !== undefined) yield event;
  } finally {
    stop.removeEventListener('abort', letGoOf);
    // The server goes on sending into the void otherwise. There may be no call to cancel, if it was never made.
    (source.cancel?.() ?? source.unsubscribe?.())?.catch(() => {});
  }
}

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

// gRPC codes by which a server says that it did nothing: invalid argument, denied, too much, not in this state, not
// implemented, not authenticated.
const refusals = new Set([3, 7, 8, 9, 12, 16]);

const isRefusal = (error: unknown): boolean =>
  error instanceof NotLeaderError ||
  error instanceof StreamDeletedError ||
  refusals.has(Number((Object(error) as { code?: unknown }).code));

function faultOf(error: unknown, where: string): LogFault {
  if (error instanceof LogReadError) return error.fault;
  return { type: 'LogUnreachable', where, detail: detailOf(error) };
}

function detailOf(error: unknown): string {
  if (error instanceof AccessDeniedError) return 'access denied; the user must be allowed to read $all and to write';
  if (error instanceof MaxAppendSizeExceededError)
    return `the batch is larger than the ${error.maxAppendSize} bytes the server takes at once; raise its --max-append-size`;
  return error instanceof Error ? error.message : String(error);
}
