import { connect as connectPlain, isIP, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { Millis } from '#core/units';
import type { NbdAddress } from './nbd-address.ts';
import type { TlsTerms } from './tls-terms.ts';

/** Why there are no more bytes. */
export type StreamEnd =
  | { readonly type: 'unreachable'; readonly detail: string }
  | { readonly type: 'tlsFailed'; readonly detail: string }
  /** The peer closed the connection in order, or it broke. */
  | { readonly type: 'lost'; readonly detail: string };

/** Who takes the bytes. Either `feed`, or `window` and then `filled`, exactly as `ReplyParser` has them. */
export interface ByteConsumer {
  connected(): void;
  feed(chunk: Uint8Array): void;
  window(): Uint8Array;
  filled(count: number): void;
  /** Nothing moved for as long as `stallAfter` said. */
  silent(): void;
  /** Called once, after which nothing else is called. Not called after `finish` or `destroy`. */
  ended(end: StreamEnd): void;
}

/** A connection as bytes, in the clear or, after `encrypt`, through TLS. */
export interface ByteStream {
  /** Queues bytes. They must not change until they are sent. What is queued in one turn leaves in one system call. */
  send(data: Uint8Array): void;
  /** Starts TLS on the connection; `done` once the peer has proved who it is. */
  encrypt(tls: TlsTerms, done: () => void): void;
  /** Whom the bytes go to from now on. Call it within `feed` or `filled`: a window once given is filled by its giver. */
  handTo(consumer: ByteConsumer): void;
  /** Reports `silent` when nothing moves for so long. Zero: never. */
  stallAfter(silence: Millis): void;
  /** Sends what is queued, then closes. Resolves when closed, by force if the peer does not play along. */
  finish(): Promise<void>;
  /** Closes now. What is queued is not sent, and no memory of a caller is touched any more. */
  destroy(): void;
}

// A peer that does not close its half in this time is cut off; nothing is lost by it.
const finishGraceMs = 500;
// Detects a peer whose machine died, which sends nothing at all.
const keepAliveMs = 15_000;

/**
 * Connects. `readInto`: bytes go straight into the consumer's windows. Not possible where the stream will be encrypted:
 * TLS sockets over an existing connection only have `data` events.
 */
export function openByteStream(address: NbdAddress, readInto: boolean, consumer: ByteConsumer): ByteStream {
  const reader: Reader = { consumer };
  const socket = connectPlain(connectOptions(address, readInto, reader));
  const stream: StreamState = { reader, socket, connected: false, encrypting: false, corked: false, over: false };
  socket.setKeepAlive(true, keepAliveMs);
  socket.once('connect', () => {
    stream.connected = true;
    reader.consumer.connected();
  });
  if (!readInto) socket.on('data', (chunk: Buffer) => reader.consumer.feed(chunk));
  watch(stream, socket);
  return {
    send: (data) => send(stream, data),
    encrypt: (tls, done) => encrypt(stream, address, tls, done),
    handTo: (next) => {
      reader.consumer = next;
    },
    stallAfter: (silence) => {
      stream.socket.setTimeout(silence);
    },
    finish: () => finish(stream),
    destroy: () => {
      stream.over = true;
      stream.socket.destroy();
    },
  };
}

interface Reader {
  consumer: ByteConsumer;
}

interface StreamState {
  readonly reader: Reader;
  socket: Socket;
  connected: boolean;
  encrypting: boolean;
  corked: boolean;
  over: boolean;
}

function connectOptions(address: NbdAddress, readInto: boolean, reader: Reader): NetConnectOpts {
  const target =
    address.type === 'unix' ? { path: address.path } : { host: address.host, port: address.port, noDelay: true };
  if (!readInto) return target;
  const onread = {
    // Called before each read of the socket, so every read can have a buffer of its own.
    buffer: () => reader.consumer.window(),
    callback: (count: number) => {
      reader.consumer.filled(count);
      return true;
    },
  };
  return { ...target, onread };
}

function watch(stream: StreamState, socket: Socket): void {
  const end = (reason: StreamEnd): void => {
    if (stream.over) return;
    stream.over = true;
    stream.socket.destroy();
    stream.reader.consumer.ended(reason);
  };
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const detail = error.message;
    // TLS 1.3 servers look at the client's certificate only after the client believes all is well.
    if (stream.encrypting || error.code?.startsWith('ERR_SSL_') === true) end({ type: 'tlsFailed', detail });
    else end(stream.connected ? { type: 'lost', detail } : { type: 'unreachable', detail });
  });
  const closed = (): void => {
    const detail = 'the server closed the connection';
    end(stream.encrypting ? { type: 'tlsFailed', detail: `${detail} during the handshake` } : { type: 'lost', detail });
  };
  socket.on('end', closed);
  socket.on('close', closed);
  socket.on('timeout', () => {
    if (!stream.over) stream.reader.consumer.silent();
  });
}

function send(stream: StreamState, data: Uint8Array): void {
  if (stream.over) return;
  if (!stream.corked) {
    stream.corked = true;
    const { socket } = stream;
    socket.cork();
    // Not the next tick: by the end of the turn all replies that are here have led to their next requests.
    setImmediate(() => {
      stream.corked = false;
      socket.uncork();
    });
  }
  stream.socket.write(data);
}

function encrypt(stream: StreamState, address: NbdAddress, tls: TlsTerms, done: () => void): void {
  const plain = stream.socket;
  plain.removeAllListeners('data');
  plain.uncork();
  plain.setTimeout(0);
  stream.encrypting = true;
  const name = tls.serverName ?? (address.type === 'tcp' ? address.host : undefined);
  const options: ConnectionOptions = {
    socket: plain,
    secureContext: tls.context,
    // `host` is what the certificate is checked against; only names may be indicated to the server.
    ...(name === undefined
      ? { checkServerIdentity: () => undefined }
      : { host: name, servername: isIP(name) === 0 ? name : '' }),
  };
  const secure = connectTls(options, () => {
    stream.encrypting = false;
    done();
  });
  stream.socket = secure;
  stream.corked = false;
  secure.on('data', (chunk: Buffer) => stream.reader.consumer.feed(chunk));
  watch(stream, secure);
}

async function finish(stream: StreamState): Promise<void> {
  stream.over = true;
  const { socket } = stream;
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => socket.destroy(), finishGraceMs);
    socket.once('close', () => {
      clearTimeout(force);
      resolve();
    });
    socket.end();
  });
}
