import { once } from 'node:events';
import gossip from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossipMessages from '@eventstore/db-client/generated/gossip_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import featuresMessages from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_grpc_pb.js';
import messages from '@eventstore/db-client/generated/streams_pb.js';
import * as grpc from '@grpc/grpc-js';
import { eventStore, type EventStore, type Expected, type NewEvent, type StoredEvent } from './eventstoredb-store.ts';

type ReadCall = grpc.ServerWritableStream<messages.ReadReq, messages.ReadResp>;
type AppendCall = grpc.ServerReadableStream<messages.AppendReq, messages.AppendResp>;

/** How the server dies at the next append: before it wrote, or after it wrote and before it answered. */
export type Death = 'beforeWriting' | 'afterWriting';

/** A small EventStoreDB in this process, speaking the real protocol on a real socket of 127.0.0.1. */
export interface EventStoreDbDouble {
  readonly connectionString: string;
  /** The same server, found by asking it who leads the cluster. */
  readonly clusterConnectionString: string;
  readonly store: EventStore;
  dieAtNextAppend(death: Death): void;
  /** Cuts every connection and answers no more. What is stored stays. */
  stop(): void;
  /** Answers again, on the same port. */
  start(): Promise<void>;
}

/**
 * What the client needs of a server: append, read, read all, subscribe to all with filters, gossip, and the list of what
 * is supported. It says that it supports batched appends, as real servers do, and does not: the adapter must not use them.
 */
export async function startEventStoreDbDouble(): Promise<EventStoreDbDouble> {
  const store = eventStore();
  let server: grpc.Server | undefined;
  let port = 0;
  let death: Death | undefined;

  const stop = (): void => {
    server?.forceShutdown();
    server = undefined;
  };
  const append: grpc.handleClientStreamingCall<messages.AppendReq, messages.AppendResp> = async (call, answer) => {
    const { stream, expected, events } = await received(call);
    const dying = death;
    death = undefined;
    if (dying === 'beforeWriting') return stop();
    const reply = appended(store, stream, events, expected);
    if (dying === 'afterWriting') return stop();
    if (reply instanceof messages.AppendResp) answer(null, reply);
    else answer(reply);
  };
  const start = async (): Promise<void> => {
    const started = new grpc.Server({ 'grpc.max_receive_message_length': 17 * 1024 * 1024 });
    started.addService(streams.StreamsService, { append, read: (call: ReadCall) => void read(call, store) });
    started.addService(features.ServerFeaturesService, { getSupportedMethods });
    started.addService(gossip.GossipService, { read: gossipOf(() => port) });
    port = await new Promise<number>((resolve, reject) =>
      started.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    server = started;
  };
  await start();
  return {
    connectionString: `esdb://127.0.0.1:${port}?tls=false`,
    clusterConnectionString: `esdb+discover://127.0.0.1:${port}?tls=false&maxDiscoverAttempts=2&discoveryInterval=5`,
    store,
    dieAtNextAppend: (how) => (death = how),
    stop,
    start,
  };
}

/** A cluster of one, which leads. */
const gossipOf =
  (port: () => number): grpc.handleUnaryCall<shared.Empty, gossipMessages.ClusterInfo> =>
  (_, answer) => {
    const endPoint = new gossipMessages.EndPoint();
    endPoint.setAddress('127.0.0.1');
    endPoint.setPort(port());
    const member = new gossipMessages.MemberInfo();
    member.setHttpEndPoint(endPoint);
    member.setState(gossipMessages.MemberInfo.VNodeState.LEADER);
    member.setIsAlive(true);
    member.setTimeStamp('0');
    const cluster = new gossipMessages.ClusterInfo();
    cluster.setMembersList([member]);
    answer(null, cluster);
  };

const getSupportedMethods: grpc.handleUnaryCall<shared.Empty, featuresMessages.SupportedMethods> = (_, answer) => {
  const supported = new featuresMessages.SupportedMethods();
  supported.setEventStoreServerVersion('23.10.0.0');
  for (const { path } of Object.values(streams.StreamsService) as readonly { readonly path: string }[]) {
    const [, service = '', method = ''] = path.split('/');
    const entry = new featuresMessages.SupportedMethod();
    entry.setServiceName(service.toLowerCase());
    entry.setMethodName(method.toLowerCase());
    supported.addMethods(entry);
  }
  answer(null, supported);
};

const nameOf = (identifier: shared.StreamIdentifier | undefined): string =>
  Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8');

/** All that a client sends in one append. */
async function received(call: AppendCall): Promise<{ stream: string; expected: Expected; events: NewEvent[] }> {
  let stream = '';
  let expected: Expected = 'any';
  const events: NewEvent[] = [];
  for await (const message of call as AsyncIterable<messages.AppendReq>) {
    const options = message.getOptions();
    if (options !== undefined) {
      stream = nameOf(options.getStreamIdentifier());
      if (options.hasNoStream()) expected = 'none';
      else if (options.hasStreamExists()) expected = 'exists';
      else if (options.hasRevision()) expected = Number(options.getRevision());
    }
    const proposed = message.getProposedMessage();
    if (proposed === undefined) continue;
    events.push({
      id: proposed.getId()?.getString() ?? '',
      type: proposed.getMetadataMap().get('type') ?? '',
      contentType: proposed.getMetadataMap().get('content-type') ?? '',
      data: proposed.getData_asU8(),
      metadata: proposed.getCustomMetadata_asU8(),
    });
  }
  return { stream, expected, events };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function appended(
  store: EventStore,
  stream: string,
  events: readonly NewEvent[],
  expected: Expected,
): messages.AppendResp | Partial<grpc.StatusObject> {
  if (events.some(({ id }) => !uuid.test(id)))
    return { code: grpc.status.INVALID_ARGUMENT, details: 'an event id must be a UUID' };
  const outcome = store.append(stream, events, expected);
  const reply = new messages.AppendResp();
  switch (outcome.type) {
    case 'success': {
      const success = new messages.AppendResp.Success();
      success.setCurrentRevision(String(outcome.revision));
      if (outcome.position === undefined) success.setNoPosition(new shared.Empty());
      else {
        const position = new messages.AppendResp.Position();
        position.setCommitPosition(String(outcome.position));
        position.setPreparePosition(String(outcome.position));
        success.setPosition(position);
      }
      reply.setSuccess(success);
      return reply;
    }
    case 'wrongExpectedVersion': {
      const wrong = new messages.AppendResp.WrongExpectedVersion();
      if (outcome.current === 'none') wrong.setCurrentNoStream(new shared.Empty());
      else wrong.setCurrentRevision(String(outcome.current));
      if (expected === 'none') wrong.setExpectedNoStream(new shared.Empty());
      else if (typeof expected === 'number') wrong.setExpectedRevision(String(expected));
      else wrong.setExpectedAny(new shared.Empty());
      reply.setWrongExpectedVersion(wrong);
      return reply;
    }
    case 'tooLarge': {
      const metadata = new grpc.Metadata();
      metadata.set('exception', 'maximum-append-size-exceeded');
      metadata.set('maximum-append-size', '1048576');
      return { code: grpc.status.INVALID_ARGUMENT, details: 'Maximum Append Size of 1048576 Exceeded.', metadata };
    }
  }
}

/** Answers one read or subscription. */
async function read(call: ReadCall, store: EventStore): Promise<void> {
  const options = call.request.getOptions() ?? new messages.ReadReq.Options();
  const backwards = options.getReadDirection() === messages.ReadReq.Options.ReadDirection.BACKWARDS;
  if (options.hasStream()) await readOne(call, store, options, backwards);
  else if (options.hasSubscription()) await subscribe(call, store, options);
  else await readAll(call, store, options, backwards);
  call.end();
}

async function readOne(
  call: ReadCall,
  store: EventStore,
  options: messages.ReadReq.Options,
  backwards: boolean,
): Promise<void> {
  const from = options.getStream();
  const events = store.streamOf(nameOf(from?.getStreamIdentifier()));
  if (events.length === 0) {
    const missing = new messages.ReadResp.StreamNotFound();
    missing.setStreamIdentifier(from?.getStreamIdentifier());
    const reply = new messages.ReadResp();
    reply.setStreamNotFound(missing);
    return send(call, reply);
  }
  const asked = from?.hasStart() ? 0 : from?.hasEnd() ? events.length - 1 : Number(from?.getRevision());
  const start = backwards ? Math.min(asked, events.length - 1) : asked;
  await sendEvents(call, events, start, backwards ? -1 : 1, Number(options.getCount()));
}

async function readAll(
  call: ReadCall,
  store: EventStore,
  options: messages.ReadReq.Options,
  backwards: boolean,
): Promise<void> {
  const { events } = store;
  const from = options.getAll();
  const asked = from?.hasStart() ? 0 : from?.hasEnd() ? Infinity : Number(from?.getPosition()?.getCommitPosition());
  // A read includes the event at its position; backwards it does not.
  const start = backwards
    ? events.findLastIndex(({ position }) => position < asked)
    : events.findIndex(({ position }) => position >= asked);
  if (start >= 0) await sendEvents(call, events, start, backwards ? -1 : 1, Number(options.getCount()));
}

/** Sends until there are no more, also of those that are added meanwhile: a server reads on as long as it finds some. */
async function sendEvents(
  call: ReadCall,
  events: readonly StoredEvent[],
  start: number,
  step: number,
  count: number,
): Promise<void> {
  for (
    let at = start, sent = 0;
    at >= 0 && at < events.length && sent < count && !call.cancelled;
    at += step, sent += 1
  ) {
    const event = events[at];
    if (event !== undefined) await send(call, eventReply(event));
  }
}

async function subscribe(call: ReadCall, store: EventStore, options: messages.ReadReq.Options): Promise<void> {
  const confirmation = new messages.ReadResp.SubscriptionConfirmation();
  confirmation.setSubscriptionId('double');
  const confirmed = new messages.ReadResp();
  confirmed.setConfirmation(confirmation);
  await send(call, confirmed);

  const from = options.getAll();
  const after = from?.hasPosition() ? Number(from.getPosition()?.getCommitPosition()) : -1;
  const passes = filterOf(options);
  let wake = (): void => {};
  const stopListening = store.onAppend(() => wake());
  call.once('cancelled', () => wake());
  let next = store.events.findIndex(({ position }) => position > after);
  if (next < 0) next = store.events.length;
  for (let live = false; !call.cancelled;) {
    const event = store.events[next];
    if (event === undefined) {
      if (!live) await send(call, caughtUp());
      live = true;
      const woken = new Promise<void>((resolve) => (wake = resolve));
      if (store.events.length === next && !call.cancelled) await woken;
      continue;
    }
    next += 1;
    if (passes(event)) await send(call, eventReply(event));
    else if (next % 32 === 0) await send(call, checkpoint(event.position));
  }
  stopListening();
}

function filterOf(options: messages.ReadReq.Options): (event: StoredEvent) => boolean {
  const filter = options.getFilter();
  if (filter === undefined) return () => true;
  const expression = filter.getStreamIdentifier() ?? filter.getEventType();
  const prefixes = expression?.getPrefixList() ?? [];
  const pattern = new RegExp(expression?.getRegex() ?? '');
  return ({ stream, type }) => {
    const text = filter.hasStreamIdentifier() ? stream : type;
    return prefixes.length > 0 ? prefixes.some((prefix) => text.startsWith(prefix)) : pattern.test(text);
  };
}

function caughtUp(): messages.ReadResp {
  const reply = new messages.ReadResp();
  reply.setCaughtUp(new messages.ReadResp.CaughtUp());
  return reply;
}

function checkpoint(position: number): messages.ReadResp {
  const point = new messages.ReadResp.Checkpoint();
  point.setCommitPosition(String(position));
  point.setPreparePosition(String(position));
  const reply = new messages.ReadResp();
  reply.setCheckpoint(point);
  return reply;
}

function eventReply(event: StoredEvent): messages.ReadResp {
  const recorded = new messages.ReadResp.ReadEvent.RecordedEvent();
  const id = new shared.UUID();
  // A server keeps ids as numbers, so letters come back small.
  id.setString(event.id.toLowerCase());
  const identifier = new shared.StreamIdentifier();
  identifier.setStreamName(Buffer.from(event.stream));
  recorded.setId(id);
  recorded.setStreamIdentifier(identifier);
  recorded.setStreamRevision(String(event.revision));
  recorded.setCommitPosition(String(event.position));
  recorded.setPreparePosition(String(event.position));
  recorded.getMetadataMap().set('type', event.type).set('content-type', event.contentType).set('created', '0');
  recorded.setData(event.data);
  recorded.setCustomMetadata(event.metadata);
  const readEvent = new messages.ReadResp.ReadEvent();
  readEvent.setEvent(recorded);
  readEvent.setCommitPosition(String(event.position));
  const reply = new messages.ReadResp();
  reply.setEvent(readEvent);
  return reply;
}

async function send(call: ReadCall, reply: messages.ReadResp): Promise<void> {
  if (call.cancelled || call.write(reply)) return;
  const waiting = new AbortController();
  const first = (event: string): Promise<unknown> => once(call, event, { signal: waiting.signal }).catch(() => {});
  await Promise.race([first('drain'), first('cancelled')]);
  waiting.abort();
}
