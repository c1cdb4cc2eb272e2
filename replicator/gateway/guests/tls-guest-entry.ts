import { constants, type X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { ok, type Result } from '#core/result';
import type { Issuer } from '#replicator/certificates/certificate';
import { detailOf } from '#replicator/disk/durable-file';
import type { Credentials } from '#replicator/protocol/credentials';
import type {
  GuestEntry,
  GuestListenOptions,
  ShownCertificate,
  VisitorConnection,
} from '#replicator/protocol/guest-network';
import { listenAt } from '#replicator/protocol/listen-at';
import type { Listener, ListenError } from '#replicator/protocol/network';
import { connectMax, tlsOptions } from '#replicator/protocol/tls-options';
import { sentinelCertificate } from '#replicator/sentinel/identity/sentinel-certificate';

/** Where guests come in over TLS 1.3: certificates are asked for, and any is taken, or none. */
export const tlsGuestEntry = (credentials: Pick<Credentials, 'cert' | 'key'>, authority: Issuer): GuestEntry => ({
  listen: (options) => listen(credentials, authority, options),
});

async function listen(
  credentials: Pick<Credentials, 'cert' | 'key'>,
  authority: Issuer,
  { listen: address, connectionsMax, onConnection, onRefused }: GuestListenOptions,
): Promise<Result<Listener, ListenError>> {
  const server = serverFor(credentials, authority);
  server.maxConnections = connectionsMax;
  // Also those in the middle of a handshake: the server waits for them, and they would be let in after it was closed.
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (cause, socket) => onRefused(socket.remoteAddress ?? 'someone', detailOf(cause)));
  server.on('secureConnection', (socket) => {
    socket.setKeepAlive(true, connectMax);
    socket.setNoDelay(true);
    onConnection(visitorOver(socket, authority));
  });
  const bound = await listenAt(server, address);
  if (!bound.ok) return bound;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    return closed;
  };
  return ok({ address: bound.value, close: () => (closing ??= close()) });
}

function serverFor({ cert, key }: Pick<Credentials, 'cert' | 'key'>, authority: Issuer): Server {
  return createServer({
    ...tlsOptions,
    // The guest knows what its processor is quick at, and a gateway has processor time to spare.
    honorCipherOrder: false,
    cert,
    key,
    ca: authority.certificate.toString(),
    requestCert: true,
    rejectUnauthorized: false,
    // A resumed session would show the certificate of the session before.
    secureOptions: constants.SSL_OP_NO_TICKET,
    handshakeTimeout: connectMax,
  });
}

function visitorOver(socket: TLSSocket, authority: Issuer): VisitorConnection {
  // Now: a socket that is gone does not tell any more.
  const certificate = socket.getPeerX509Certificate();
  return {
    stream: socket,
    secret: socket,
    from: socket.remoteAddress ?? 'someone',
    shown: () => certificate && shownWith(certificate, authority, socket.authorized),
  };
}

const shownWith = (
  certificate: X509Certificate,
  { certificate: authority }: Issuer,
  isTrusted: boolean,
): ShownCertificate => ({
  ...sentinelCertificate(certificate),
  isGenuine: certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  isTrusted,
});
