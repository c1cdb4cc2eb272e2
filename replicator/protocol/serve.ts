import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import type { BufferPool } from '#replicator/pipeline/buffer-pool';
import { channelOver, type Channel } from './channel.ts';
import { deadline } from './deadline.ts';
import { agree, hello, welcome, type Agreement } from './handshake.ts';
import type { ListenError, Network, SecuredConnection } from './network.ts';
import type { Role } from './role.ts';
import { connectMax } from './tls-options.ts';

/** A process that others connect to. */
export interface Service {
  /** Where it listens, with the port it got. */
  readonly address: string;
  /** Ends all connections and stops listening. Idempotent. */
  close(): Promise<void>;
}

/** Who may come, and what is done with them. */
export interface ServeOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** Shows who we are. */
  readonly network: Network;
  readonly clock: Clock;
  /** The one role that is let in. */
  readonly admits: Role;
  /** Makes the buffers for data frames of one connection. */
  readonly pool?: () => BufferPool;
  /** Takes a greeted peer. The channel is closed after it returns. */
  readonly onPeer: (channel: Channel, agreement: Agreement) => Promise<void>;
  readonly log?: (line: string) => void;
}

/** Connections at once. Each may hold a frame of data before it has said anything of use. */
export const connectionsMax = 256;

/** Listens, and greets whoever has shown the right role. */
export async function serve(options: ServeOptions): Promise<Result<Service, ListenError>> {
  const channels = new Set<Channel>();
  const log = options.log ?? (() => undefined);
  let closing: Promise<void> | undefined;
  const listener = await options.network.listen({
    listen: options.listen,
    connectionsMax,
    onConnection: (connection) => {
      // It was on its way when we began to close, and nobody would end it any more.
      if (closing) connection.stream.destroy();
      else void admit(connection, options, channels, log);
    },
    onRefused: (from, detail) => log(`refused ${from}: ${detail}`),
  });
  if (!listener.ok) return listener;
  const { address } = listener.value;
  const close = async (): Promise<void> => {
    const closed = listener.value.close();
    await Promise.all([...channels].map((channel) => channel.close()));
    await closed;
  };
  return ok({ address, close: () => (closing ??= close()) });
}

async function admit(
  connection: SecuredConnection,
  { network, clock, admits, pool: newPool, onPeer }: ServeOptions,
  channels: Set<Channel>,
  log: (line: string) => void,
): Promise<void> {
  const { shown, from } = connection;
  const pool = newPool?.();
  const channel = channelOver(connection, admits, clock, pool);
  channels.add(channel);
  const greeted = await greeting(channel, clock, shown, admits);
  if (greeted.ok) await onPeer(channel, greeted.value);
  else log(`refused ${from}: ${greeted.error}`);
  if (!greeted.ok) {
    const peer = network.role === 'gateway' ? 'gateway' : 'receiver';
    channel.say({ type: 'Failed', error: { type: 'Unauthorized', peer, detail: greeted.error } });
  }
  await channel.close();
  pool?.close();
  channels.delete(channel);
}

/** Waits for the greeting of a peer that may come in, and answers it. */
function greeting(
  channel: Channel,
  clock: Clock,
  shown: Role | undefined,
  admits: Role,
): Promise<Result<Agreement, string>> {
  if (shown !== admits) {
    const detail = `a certificate for ${shown ?? 'no role of sealift'} was shown, and only a ${admits} may come in`;
    return Promise.resolve(err(detail));
  }
  return new Promise((resolve) => {
    const callOff = deadline(clock, connectMax, () => resolve(err('no greeting came')));
    const settle = (outcome: Result<Agreement, string>): void => {
      callOff();
      resolve(outcome);
    };
    channel.listen({
      onIncoming: (incoming) => {
        const said = incoming.type === 'said' && incoming.message.type === 'Hello' ? incoming.message : undefined;
        if (!said) return settle(err('it does not greet'));
        const answer = welcome(said, shown);
        if (!answer.ok) return settle(answer);
        channel.say(answer.value);
        channel.listen(undefined);
        settle(agree({ ...hello(shown), ...said }, answer.value));
      },
      onEnd: (end) => settle(err(end.type === 'Closed' ? 'closed' : end.detail)),
    });
  });
}
