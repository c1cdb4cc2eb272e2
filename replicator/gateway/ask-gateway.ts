import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import { seconds } from '#core/units';
import type { ReplicationError, RoundProgress, RunOptions } from '#replicator/pipeline/replication';
import type { Channel, ChannelEnd } from '#replicator/protocol/channel';
import { connectPeer } from '#replicator/protocol/connect';
import { describeCredentialsError } from '#replicator/protocol/credentials';
import { deadline } from '#replicator/protocol/deadline';
import { readMessage, type Message } from '#replicator/protocol/message';
import { networkOf, type WayIn } from '#replicator/protocol/tls-network';
import { wallClock } from '#replicator/wall-clock';

/** How a gateway is reached, and as a manager with which certificates. */
export type GatewayPlace = {
  /** `host:port`. */
  readonly address: string;
  readonly clock?: Clock;
} & WayIn;

type Answer = Result<Message, ReplicationError>;

/** A way to ask one gateway, question by question. */
export interface GatewayLine {
  /**
   * Asks one question, and waits for its answer. Aborting ends the connection, and with it the job. Questions at the same
   * time have connections of their own.
   */
  ask(question: Message, options: RunOptions, onProgress: (progress: RoundProgress) => void): Promise<Answer>;
  /** Ends the connections that nobody asks on. */
  close(): Promise<void>;
}

/**
 * How long a connection waits for the next question. Questions come in rows: open a disk, copy it, close it, move its mark;
 * and a connection of its own costs each of them more than all that is said on it. Less than until the first keepalive.
 */
const keptFor = seconds(3);

/** A line to a gateway, which connects when it is asked. */
export function gatewayLine(place: GatewayPlace): GatewayLine {
  const { clock = wallClock } = place;
  /** Connections on which everything was answered, and how each is taken back from its deadline. */
  const idle = new Map<Channel, () => void>();
  const take = (): Channel | undefined => {
    const [channel] = [...idle.keys()].slice(-1);
    if (!channel) return undefined;
    idle.get(channel)?.();
    idle.delete(channel);
    return channel;
  };
  const keep = (channel: Channel): void => {
    const leave = (): void => {
      idle.get(channel)?.();
      idle.delete(channel);
    };
    const tooLate = deadline(clock, keptFor, () => {
      leave();
      void channel.close();
    });
    idle.set(channel, tooLate);
    channel.listen({ onIncoming: () => channel.refuse('a gateway talks when it is asked'), onEnd: leave });
  };
  const askOn = async (channel: Channel, question: Message, options: RunOptions, onProgress: OnProgress) => {
    const answer = await during(channel, question, options, onProgress);
    if (answer.ok) keep(channel);
    else await channel.close();
    return answer;
  };
  return {
    ask: async (question, options, onProgress) => {
      const sound = readMessage(JSON.stringify(question));
      if (!sound.ok) return err({ type: 'ProtocolViolation', peer: 'manager', detail: sound.error });
      if (options.signal?.aborted) return err({ type: 'Cancelled' });
      let progressed = false;
      const kept = take();
      if (kept) {
        const answer = await askOn(kept, question, options, (progress) => {
          progressed = true;
          onProgress(progress);
        });
        // Its gateway may have gone while nobody asked; only asking shows it, and the way to it may be fine.
        const isStale = !answer.ok && answer.error.type === 'ConnectionLost' && !progressed;
        if (!isStale || options.signal?.aborted) return answer;
      }
      const made = await connected(place, clock, options.signal);
      return made.ok ? askOn(made.value, question, options, onProgress) : made;
    },
    close: async () => {
      for (let channel = take(); channel; channel = take()) await channel.close();
    },
  };
}

type OnProgress = (progress: RoundProgress) => void;

/** Connects, asks one question, and waits for its answer. Aborting ends the connection, and with it the job. */
export async function askGateway(place: GatewayPlace, question: Message): Promise<Answer> {
  const line = gatewayLine(place);
  const answer = await line.ask(question, {}, () => undefined);
  await line.close();
  return answer;
}

async function connected(
  place: GatewayPlace,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<Result<Channel, ReplicationError>> {
  const network = await networkOf(place, 'manager', clock);
  if (!network.ok) {
    return err({ type: 'Unauthorized', peer: 'gateway', detail: describeCredentialsError(network.error) });
  }
  const connection = await connectPeer({
    address: place.address,
    peer: 'gateway',
    network: network.value,
    clock,
    ...(signal ? { signal } : {}),
  });
  return connection.ok ? ok(connection.value.channel) : connection;
}

/** One question on a connection, until its answer, or until the connection ends. */
async function during(
  channel: Channel,
  question: Message,
  { signal, throttle }: RunOptions,
  onProgress: OnProgress,
): Promise<Answer> {
  const stopThrottle = throttle?.onChange((limit) => channel.say({ type: 'Limit', limit }));
  const abort = (): void => void channel.close();
  signal?.addEventListener('abort', abort);
  const answer = await answerOn(channel, question, onProgress);
  signal?.removeEventListener('abort', abort);
  stopThrottle?.();
  return answer;
}

function answerOn(channel: Channel, question: Message, onProgress: OnProgress): Promise<Answer> {
  return new Promise((resolve) => {
    channel.listen({
      onIncoming: (incoming) => {
        if (incoming.type !== 'said') return channel.refuse(`a gateway does not send ${incoming.type}`);
        const { message } = incoming;
        if (message.type === 'Progress') onProgress(message.progress);
        else if (message.type === 'Failed') resolve(err(message.error));
        else resolve(ok(message));
      },
      onEnd: (end) => resolve(err(endError(end))),
    });
    channel.say(question);
  });
}

const endError = (end: ChannelEnd): ReplicationError =>
  end.type === 'Closed' ? { type: 'Cancelled' } : { type: end.type, peer: 'gateway', detail: end.detail };
