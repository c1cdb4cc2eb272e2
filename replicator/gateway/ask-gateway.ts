import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import type { ReplicationError, RoundProgress, RunOptions } from '#replicator/pipeline/replication';
import type { Channel, ChannelEnd } from '#replicator/protocol/channel';
import { connectPeer } from '#replicator/protocol/connect';
import { describeCredentialsError } from '#replicator/protocol/credentials';
import { readMessage, type Message } from '#replicator/protocol/message';
import { networkOf, type WayIn } from '#replicator/protocol/tls-network';
import { wallClock } from '#replicator/wall-clock';

/** How a gateway is reached, and as a manager with which certificates. */
export type GatewayPlace = {
  /** `host:port`. */
  readonly address: string;
  readonly clock?: Clock;
} & WayIn;

/** Connects, asks one question, and waits for its answer. Aborting ends the connection, and with it the job. */
export async function askGateway(
  place: GatewayPlace,
  question: Message,
  { signal, throttle }: RunOptions,
  onProgress: (progress: RoundProgress) => void,
): Promise<Result<Message, ReplicationError>> {
  const sound = readMessage(JSON.stringify(question));
  if (!sound.ok) return err({ type: 'ProtocolViolation', peer: 'manager', detail: sound.error });
  const { address, clock = wallClock } = place;
  const network = await networkOf(place, 'manager', clock);
  if (!network.ok) {
    return err({ type: 'Unauthorized', peer: 'gateway', detail: describeCredentialsError(network.error) });
  }
  const connection = await connectPeer({
    address,
    peer: 'gateway',
    network: network.value,
    clock,
    ...(signal ? { signal } : {}),
  });
  if (!connection.ok) return connection;
  const { channel } = connection.value;
  const stopThrottle = throttle?.onChange((limit) => channel.say({ type: 'Limit', limit }));
  const abort = (): void => void channel.close();
  signal?.addEventListener('abort', abort);
  const answer = await answerOn(channel, question, onProgress);
  signal?.removeEventListener('abort', abort);
  stopThrottle?.();
  await channel.close();
  return answer;
}

function answerOn(
  channel: Channel,
  question: Message,
  onProgress: (progress: RoundProgress) => void,
): Promise<Result<Message, ReplicationError>> {
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
