import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import type { Peer, ReplicationError } from '#replicator/pipeline/replication';
import { channelOver, type Channel } from './channel.ts';
import { deadline } from './deadline.ts';
import type { Packing } from './frame.ts';
import { agree, hello, type Agreement } from './handshake.ts';
import type { ConnectError, Network } from './network.ts';
import { connectMax } from './tls-options.ts';

/** A channel on which both sides know who the other is and how they talk. */
export interface Connection {
  readonly channel: Channel;
  readonly agreement: Agreement;
}

/** Whom to reach, and as whom. */
export interface ConnectOptions {
  /** `host:port`. */
  readonly address: string;
  readonly peer: Extract<Peer, 'gateway' | 'receiver'>;
  /** Shows who we are. */
  readonly network: Network;
  readonly clock: Clock;
  readonly packings?: readonly Packing[];
  readonly signal?: AbortSignal;
}

/** Connects, checks who answers, and agrees on how to talk. Never rejects. */
export async function connectPeer(options: ConnectOptions): Promise<Result<Connection, ReplicationError>> {
  const { address, peer, network, clock, signal } = options;
  const connected = await network.connect(address, signal);
  if (!connected.ok) return err(connectError(connected.error, options));
  const { shown, stream } = connected.value;
  if (shown !== peer) {
    stream.destroy();
    const detail = `what answers at ${address} has a certificate for ${shown ?? 'no role of sealift'}`;
    return err({ type: 'Unauthorized', peer, detail });
  }
  const channel = channelOver(connected.value, peer, clock);
  return greet(channel, hello(network.role, options.packings), options);
}

function connectError(error: ConnectError, { address, peer }: ConnectOptions): ReplicationError {
  switch (error.type) {
    case 'Unreachable':
      return { type: 'Unreachable', peer, address, detail: error.detail };
    case 'Untrusted':
      return { type: 'Unauthorized', peer, detail: error.detail };
    case 'Cancelled':
      return error;
  }
}

/** Says hello and waits for the answer. */
function greet(
  channel: Channel,
  offered: ReturnType<typeof hello>,
  { peer, address, clock, signal }: ConnectOptions,
): Promise<Result<Connection, ReplicationError>> {
  return new Promise((resolve) => {
    const fail = (error: ReplicationError): void => {
      settle();
      resolve(err(error));
      // Last, because ending it is one more reason to fail.
      void channel.close();
    };
    const cancel = (): void => fail({ type: 'Cancelled' });
    const callOff = deadline(clock, connectMax, () =>
      fail({ type: 'Unreachable', peer, address, detail: 'it does not answer' }),
    );
    const settle = (): void => {
      callOff();
      signal?.removeEventListener('abort', cancel);
    };
    signal?.addEventListener('abort', cancel);
    channel.listen({
      onIncoming: (incoming) => {
        if (incoming.type === 'said' && incoming.message.type === 'Failed') return fail(incoming.message.error);
        if (incoming.type !== 'said' || incoming.message.type !== 'Welcome') {
          return fail({ type: 'ProtocolViolation', peer, detail: 'it does not answer a greeting' });
        }
        const agreement = agree(offered, incoming.message);
        if (!agreement.ok) return fail({ type: 'ProtocolViolation', peer, detail: agreement.error });
        settle();
        channel.listen(undefined);
        resolve(ok({ channel, agreement: agreement.value }));
      },
      // In TLS 1.3 a server that does not take our certificate says so only now.
      onEnd: (end) =>
        fail(
          end.type === 'ConnectionLost' && /alert|certificate/i.test(end.detail)
            ? { type: 'Unauthorized', peer, detail: `it does not accept our certificate (${end.detail})` }
            : { type: 'ConnectionLost', peer, detail: end.type === 'Closed' ? 'closed' : end.detail },
        ),
    });
    channel.say(offered);
  });
}
