import type { X509Certificate } from 'node:crypto';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { err, ok, type Result } from '#core/result';
import { codeOf, detailOf } from '#replicator/disk/durable-file';
import type { BufferPool } from '#replicator/pipeline/buffer-pool';
import { formatAddress, parseAddress } from './address.ts';
import { channelOver, type Channel } from './channel.ts';
import type { Credentials } from './credentials.ts';
import { agree, hello, welcome, type Agreement } from './handshake.ts';
import { roleIn, type Role } from './role.ts';
import { connectMax, tlsOptions } from './tls-options.ts';

/** A process that others connect to. */
export interface Service {
  /** Where it listens, with the port it got. */
  readonly address: string;
  /** Ends all connections and stops listening. Idempotent. */
  close(): Promise<void>;
}

/** Why a process does not listen. */
export type ListenError =
  | { readonly type: 'AddressInvalid'; readonly detail: string }
  | { readonly type: 'AddressInUse'; readonly address: string }
  | { readonly type: 'ListenFailed'; readonly address: string; readonly detail: string };

/** Who may come, and what is done with them. */
export interface ServeOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly credentials: Credentials;
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

/** Listens over mutual TLS 1.3 and greets whoever has a certificate of our CA for the right role. */
export async function serve(options: ServeOptions): Promise<Result<Service, ListenError>> {
  const parsed = parseAddress(options.listen);
  if (!parsed.ok) return err({ type: 'AddressInvalid', detail: parsed.error });
  const { ca, cert, key } = options.credentials;
  const server = createServer({
    ...tlsOptions,
    ca,
    cert,
    key,
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: connectMax,
  });
  server.maxConnections = connectionsMax;
  const channels = new Set<Channel>();
  const log = options.log ?? (() => undefined);
  server.on('tlsClientError', (cause, socket) =>
    log(`refused ${socket.remoteAddress ?? 'someone'}: ${detailOf(cause)}`),
  );
  server.on('secureConnection', (socket) => void admit(socket, options, channels, log));
  const failed = await listening(server, parsed.value.host, parsed.value.port);
  if (failed) {
    const address = options.listen;
    if (codeOf(failed) === 'EADDRINUSE') return err({ type: 'AddressInUse', address });
    return err({ type: 'ListenFailed', address, detail: failed.message });
  }
  const bound = server.address();
  const port = typeof bound === 'object' && bound ? bound.port : parsed.value.port;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await Promise.all([...channels].map((channel) => channel.close()));
    await closed;
  };
  return ok({ address: formatAddress({ host: parsed.value.host, port }), close: () => (closing ??= close()) });
}

function listening(server: Server, host: string, port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen(port, host, () => {
      server.removeListener('error', resolve);
      // An error on accepting concerns one connection that did not come about.
      server.on('error', () => undefined);
      resolve(undefined);
    });
  });
}

async function admit(
  socket: TLSSocket,
  { credentials, admits, pool, onPeer }: ServeOptions,
  channels: Set<Channel>,
  log: (line: string) => void,
): Promise<void> {
  const from = socket.remoteAddress ?? 'someone';
  const certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
  const shown = certificate && roleIn(certificate);
  const channel = channelOver(socket, admits, pool?.());
  channels.add(channel);
  const greeted = await greeting(channel, shown, admits);
  if (greeted.ok) await onPeer(channel, greeted.value);
  else log(`refused ${from}: ${greeted.error}`);
  if (!greeted.ok) {
    const peer = credentials.role === 'gateway' ? 'gateway' : 'receiver';
    channel.say({ type: 'Failed', error: { type: 'Unauthorized', peer, detail: greeted.error } });
  }
  await channel.close();
  channels.delete(channel);
}

/** Waits for the greeting of a peer that may come in, and answers it. */
function greeting(channel: Channel, shown: Role | undefined, admits: Role): Promise<Result<Agreement, string>> {
  if (shown !== admits) {
    const detail = `a certificate for ${shown ?? 'no role of sealift'} was shown, and only a ${admits} may come in`;
    return Promise.resolve(err(detail));
  }
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(err('no greeting came')), connectMax);
    const settle = (outcome: Result<Agreement, string>): void => {
      clearTimeout(timer);
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
