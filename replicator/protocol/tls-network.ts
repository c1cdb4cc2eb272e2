import type { Socket } from 'node:net';
import { connect as connectTls, createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import { codeOf, detailOf } from '#replicator/disk/durable-file';
import { parseAddress, type Address } from './address.ts';
import { readCredentials, type Credentials, type CredentialsError } from './credentials.ts';
import { listenAt } from './listen-at.ts';
import type { ConnectError, Listener, ListenError, ListenOptions, Network, SecuredConnection } from './network.ts';
import { readInto } from './read-into.ts';
import { roleIn, type Role } from './role.ts';
import { isNetworkError, securedSocket } from './secured-socket.ts';
import { connectMax, tlsOptions } from './tls-options.ts';

/** What a process shows others by, and reaches them over: certificates of its own, or a network that knows its role. */
export type WayIn =
  | {
      /** Where `sealift certs` put `ca-cert.pem` and, of this role, certificate and key. */
      readonly certificates: string;
      readonly network?: undefined;
    }
  | { readonly network: Network; readonly certificates?: undefined };

/** The network of a process that has a way in: the one it was given, or TLS with its certificates. */
export async function networkOf(way: WayIn, role: Role, clock: Clock): Promise<Result<Network, CredentialsError>> {
  if (way.network) return ok(way.network);
  const credentials = await readCredentials(way.certificates, role);
  return credentials.ok ? ok(tlsNetwork({ credentials: credentials.value, clock })) : credentials;
}

/** The real network: TLS 1.3 with certificates of one authority on both sides. */
export function tlsNetwork({
  credentials,
  clock,
}: {
  readonly credentials: Credentials;
  readonly clock: Clock;
}): Network {
  return {
    role: credentials.role,
    connect: async (address, signal) => {
      const parsed = parseAddress(address);
      if (!parsed.ok) return err({ type: 'Unreachable', detail: parsed.error });
      const socket = await secured(credentials, parsed.value, clock, signal);
      return socket.ok ? ok(connectionOver(socket.value, address)) : socket;
    },
    listen: (options) => listen(credentials, options),
  };
}

function connectionOver(socket: TLSSocket, from: string): SecuredConnection {
  const certificate = socket.getPeerX509Certificate();
  socket.setNoDelay(true);
  return {
    stream: socket,
    shown: certificate && roleIn(certificate),
    from,
    readInto: (buffer, onBytes) => void readInto(socket, buffer, onBytes),
  };
}

async function secured(
  { ca, cert, key }: Credentials,
  address: Address,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<Result<TLSSocket, ConnectError>> {
  if (signal?.aborted) return err({ type: 'Cancelled' });
  const socket = connectTls({ ...tlsOptions, ...address, ca, cert, key, rejectUnauthorized: true });
  return securedSocket<ConnectError>(socket, clock, signal, {
    secured: () => ok(socket),
    failed: connectError,
    late: (detail) => ({ type: 'Unreachable', detail }),
    cancelled: () => ({ type: 'Cancelled' }),
  });
}

function connectError(cause: Error): ConnectError {
  if (isNetworkError(cause)) return { type: 'Unreachable', detail: cause.message };
  if (codeOf(cause) === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const detail = `its certificate is not for this address; make one with: sealift certs --host (${cause.message})`;
    return { type: 'Untrusted', detail };
  }
  return { type: 'Untrusted', detail: cause.message };
}

async function listen(
  { ca, cert, key }: Credentials,
  { listen: address, connectionsMax, onConnection, onRefused }: ListenOptions,
): Promise<Result<Listener, ListenError>> {
  const required = { requestCert: true, rejectUnauthorized: true, handshakeTimeout: connectMax };
  const server = createServer({ ...tlsOptions, ca, cert, key, ...required });
  server.maxConnections = connectionsMax;
  const unsecured = unsecuredSockets(server);
  server.on('tlsClientError', (cause, socket) => onRefused(socket.remoteAddress ?? 'someone', detailOf(cause)));
  server.on('secureConnection', (socket) => onConnection(connectionOver(socket, socket.remoteAddress ?? 'someone')));
  const bound = await listenAt(server, address);
  if (!bound.ok) return bound;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of unsecured.values()) socket.destroy();
    return closed;
  };
  return ok({ address: bound.value, close: () => (closing ??= close()) });
}

/**
 * Sockets in the middle of a handshake. A server that closes waits for them too, and would let one in that nobody ends any
 * more, so they are ended with it.
 */
function unsecuredSockets(server: Server): ReadonlyMap<string, Socket> {
  // By their peer: the TLS socket that comes of one is another object.
  const unsecured = new Map<string, Socket>();
  const peerOf = ({ remoteAddress = '', remotePort = 0 }: Socket): string => `${remoteAddress} ${remotePort}`;
  server.on('connection', (socket) => {
    const peer = peerOf(socket);
    unsecured.set(peer, socket);
    socket.once('close', () => {
      if (unsecured.get(peer) === socket) unsecured.delete(peer);
    });
  });
  server.on('secureConnection', (socket) => unsecured.delete(peerOf(socket)));
  return unsecured;
}
