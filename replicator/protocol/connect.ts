import { connect as connectTls, type TLSSocket } from 'node:tls';
import { err, ok, type Result } from '#core/result';
import { codeOf } from '#replicator/disk/durable-file';
import type { Peer, ReplicationError } from '#replicator/pipeline/replication';
import { parseAddress } from './address.ts';
import { channelOver, type Channel } from './channel.ts';
import type { Credentials } from './credentials.ts';
import type { Packing } from './frame.ts';
import { agree, hello, type Agreement } from './handshake.ts';
import { roleIn } from './role.ts';
import { isNetworkError, securedSocket } from './secured-socket.ts';
import { connectMax, tlsOptions } from './tls-options.ts';

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
  readonly credentials: Credentials;
  readonly packings?: readonly Packing[];
  readonly signal?: AbortSignal;
}

/** Connects, checks who answers, and agrees on how to talk. Never rejects. */
export async function connectPeer(options: ConnectOptions): Promise<Result<Connection, ReplicationError>> {
  const { address, peer, credentials, signal } = options;
  const parsed = parseAddress(address);
  if (!parsed.ok) return err({ type: 'Unreachable', peer, address, detail: parsed.error });
  const socket = await secured(parsed.value, options);
  if (!socket.ok) return socket;
  const certificate = socket.value.getPeerX509Certificate();
  const shown = certificate && roleIn(certificate);
  if (shown !== peer) {
    socket.value.destroy();
    const detail = `what answers at ${address} has a certificate for ${shown ?? 'no role of sealift'}`;
    return err({ type: 'Unauthorized', peer, detail });
  }
  return greet(channelOver(socket.value, peer), hello(credentials.role, options.packings), options, signal);
}

function secured(
  { host, port }: { readonly host: string; readonly port: number },
  { address, peer, credentials, signal }: ConnectOptions,
): Promise<Result<TLSSocket, ReplicationError>> {
  if (signal?.aborted) return Promise.resolve(err({ type: 'Cancelled' }));
  const { ca, cert, key } = credentials;
  const socket = connectTls({ ...tlsOptions, host, port, ca, cert, key, rejectUnauthorized: true });
  return securedSocket<ReplicationError>(socket, signal, {
    secured: () => ok(socket),
    failed: (cause) => connectError(cause, peer, address),
    late: (detail) => ({ type: 'Unreachable', peer, address, detail }),
    cancelled: () => ({ type: 'Cancelled' }),
  });
}

function connectError(cause: Error, peer: Peer, address: string): ReplicationError {
  if (isNetworkError(cause)) return { type: 'Unreachable', peer, address, detail: cause.message };
  if (codeOf(cause) === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const detail = `its certificate is not for this address; make one with: sealift certs --host (${cause.message})`;
    return { type: 'Unauthorized', peer, detail };
  }
  return { type: 'Unauthorized', peer, detail: cause.message };
}

/** Says hello and waits for the answer. */
function greet(
  channel: Channel,
  offered: ReturnType<typeof hello>,
  { peer, address }: ConnectOptions,
  signal: AbortSignal | undefined,
): Promise<Result<Connection, ReplicationError>> {
  return new Promise((resolve) => {
    const fail = (error: ReplicationError): void => {
      settle();
      resolve(err(error));
      // Last, because ending it is one more reason to fail.
      void channel.close();
    };
    const cancel = (): void => fail({ type: 'Cancelled' });
    const timer = setTimeout(
      () => fail({ type: 'Unreachable', peer, address, detail: 'it does not answer' }),
      connectMax,
    );
    const settle = (): void => {
      clearTimeout(timer);
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
