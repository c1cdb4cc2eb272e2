import { extentEnd, type Extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { blocksIn, grain, type DigestAlgorithm } from '#replicator/pipeline/digest';
import type { ReplicationError } from '#replicator/pipeline/replication';
import type { Outgoing, Sink, SinkEvents } from '#replicator/pipeline/sink';
import type { Channel, ChannelEnd, Incoming } from '#replicator/protocol/channel';
import type { Connection } from '#replicator/protocol/connect';
import { dataHeadLength, dataHeadMax, encodeDataHead } from '#replicator/protocol/frame';
import type { Message } from '#replicator/protocol/message';
import { packer, type Packer } from '#replicator/protocol/packer';

/** One round at a receiver, as a sink: what goes in becomes frames, what comes back becomes acks. */
export interface RemoteSink extends Sink {
  /** Says something and waits for what is said next. For what comes before a round. */
  ask(question: Message): Promise<Result<Message, ReplicationError>>;
  /** The digests the receiver has on record, without reading its disk. */
  recorded(range: Extent): Promise<Result<BigUint64Array, ReplicationError>>;
  /** Sets how blocks are digested: the receiver keeps to what a replica was begun with. */
  digestWith(algorithm: DigestAlgorithm): void;
}

type Answer = Exclude<Incoming, { type: 'data' | 'zero' | 'same' | 'flush' | 'ack' }>;

interface State {
  readonly channel: Channel;
  readonly packer: Packer;
  /** Questions without an answer yet, in the order they were asked. The receiver answers in that order. */
  readonly asked: ((answer: Result<Answer, ReplicationError>) => void)[];
  events: SinkEvents | undefined;
  sentSequence: number;
  ackedSequence: number;
  lost: ReplicationError | undefined;
}

/** Takes over a connection to a receiver. Closes it when it is closed. */
export function remoteSink({ channel, agreement }: Connection): RemoteSink {
  const state: State = {
    channel,
    packer: packer(agreement.packing),
    asked: [],
    events: undefined,
    sentSequence: 0,
    ackedSequence: 0,
    lost: undefined,
  };
  let digest = agreement.digest;
  channel.listen({
    onIncoming: (incoming) => take(state, incoming),
    onEnd: (end) => lose(state, endError(end)),
  });
  return {
    get digest() {
      return digest;
    },
    digestWith: (algorithm) => {
      digest = algorithm;
    },
    headroom: dataHeadMax,
    get bytesOnWire() {
      return channel.bytesSent;
    },
    settled: async (range) => {
      const answer = await question(state, () => channel.send({ type: 'askSettled', range }));
      if (!answer.ok) return answer;
      if (answer.value.type !== 'settled' || !answer.value.ranges.every((part) => isWithin(part, range))) {
        return refuse(state, 'it answers something else than what is settled');
      }
      return ok(answer.value.ranges);
    },
    digests: (range) => askDigests(state, 'askDigests', range),
    recorded: (range) => askDigests(state, 'askRecorded', range),
    send: (outgoing) => send(state, outgoing),
    flush: (sequence) => channel.send({ type: 'flush', sequence }),
    complete: (root) => complete(state, root),
    listen: (events) => {
      state.events = events;
      if (state.lost) events.onLost(state.lost);
    },
    ask: (message) => askSaid(state, message),
    close: () => channel.close(),
  };
}

const isWithin = (part: Extent, range: Extent): boolean =>
  part.start >= range.start && extentEnd(part) <= extentEnd(range) && part.start % grain === 0;

const endError = (end: ChannelEnd): ReplicationError =>
  end.type === 'Closed' ? { type: 'Cancelled' } : { type: end.type, peer: 'receiver', detail: end.detail };

function take(state: State, incoming: Incoming): void {
  switch (incoming.type) {
    case 'ack':
      // What was never sent cannot be durable, and acks only grow.
      if (incoming.sequence > state.sentSequence || incoming.sequence < state.ackedSequence) {
        return state.channel.refuse('it acks what was not sent');
      }
      state.ackedSequence = incoming.sequence;
      state.events?.onAcked(incoming.sequence);
      return;
    case 'said':
      if (incoming.message.type === 'Failed') return lose(state, incoming.message.error);
      return answered(state, incoming);
    case 'settled':
    case 'digests':
      return answered(state, incoming);
    default:
      return state.channel.refuse(`a receiver does not send ${incoming.type}`);
  }
}

function answered(state: State, answer: Answer): void {
  const waiting = state.asked.shift();
  if (waiting) waiting(ok(answer));
  else state.channel.refuse('it answers what was not asked');
}

function lose(state: State, error: ReplicationError): void {
  if (state.lost) return;
  state.lost = error;
  for (const waiting of state.asked.splice(0)) waiting(err(error));
  state.events?.onLost(error);
}

function refuse(state: State, detail: string): Result<never, ReplicationError> {
  state.channel.refuse(detail);
  return err({ type: 'ProtocolViolation', peer: 'receiver', detail });
}

function question(state: State, put: () => void): Promise<Result<Answer, ReplicationError>> {
  if (state.lost) return Promise.resolve(err(state.lost));
  return new Promise((resolve) => {
    state.asked.push(resolve);
    put();
  });
}

async function askDigests(
  state: State,
  type: 'askDigests' | 'askRecorded',
  range: Extent,
): Promise<Result<BigUint64Array, ReplicationError>> {
  const answer = await question(state, () => state.channel.send({ type, range }));
  if (!answer.ok) return answer;
  const { value } = answer;
  if (value.type !== 'digests' || value.start !== range.start || value.digests.length !== blocksIn(range.length)) {
    return refuse(state, 'it answers something else than digests');
  }
  return ok(value.digests);
}

async function askSaid(state: State, message: Message): Promise<Result<Message, ReplicationError>> {
  const answer = await question(state, () => state.channel.say(message));
  if (!answer.ok) return answer;
  return answer.value.type === 'said' ? ok(answer.value.message) : refuse(state, 'it answers with a frame');
}

async function complete(state: State, root: string | undefined): Promise<Result<string, ReplicationError>> {
  if (root === undefined) return err({ type: 'ProtocolViolation', peer: 'gateway', detail: 'a round without a root' });
  const answer = await askSaid(state, { type: 'Complete', root });
  if (!answer.ok) return answer;
  if (answer.value.type !== 'Completed') return refuse(state, 'it does not complete the round');
  if (answer.value.root !== root) return err({ type: 'RootMismatch', source: root, target: answer.value.root });
  return ok(root);
}

async function send(state: State, outgoing: Outgoing): Promise<Result<void, ReplicationError>> {
  if (state.lost) return err(state.lost);
  const { channel } = state;
  const { sequence, part } = outgoing;
  state.sentSequence = sequence;
  if (part.content !== 'data') {
    channel.send({ type: part.content, range: { start: part.start, length: part.length } });
    return ok(undefined);
  }
  const sent = await sendData(state, outgoing);
  if (sent) return ok(undefined);
  return err(state.lost ?? { type: 'ConnectionLost', peer: 'receiver', detail: 'the connection was closed' });
}

function sendData({ channel, packer: pack }: State, { part, digests, data, room }: Outgoing): Promise<boolean> {
  const range = { start: part.start, length: part.length };
  const packed = pack.pack(data);
  const packing = packed ? pack.packing : 'none';
  const packedLength = packed?.length ?? data.length;
  const headLength = dataHeadLength(range);
  if (!packed && room >= headLength) {
    // The head goes right before the data, so that both leave in one write without a copy.
    const whole = Buffer.from(data.buffer, data.byteOffset - headLength, headLength + data.length);
    encodeDataHead(whole.subarray(0, headLength), { range, digests, packing, packedLength });
    return channel.sendBytes(whole);
  }
  const head = encodeDataHead(Buffer.allocUnsafe(headLength), { range, digests, packing, packedLength });
  return channel.sendBytes(head, packed ?? data);
}
