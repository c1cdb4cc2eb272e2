import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { KiB } from '#core/units';
import { connectNbd, type NbdConnectOptions } from '#replicator/nbd/client';
import type { NbdDevice } from '#replicator/nbd/nbd-device';
import { option } from '#replicator/nbd/wire';
import { ack, blockSizeInfo, contextInfo, exportInfo, greeting, replyTo } from '#test/support/nbd-wire';
import { temporaryFolder } from '#test/support/qemu-machine';
import { valueOf } from '#test/support/value-of';

/** One connection of a client, as a script sees it. */
export interface PeerSession {
  /** Exactly `length` bytes. Never resolves if the client sends less: the script ends with its connection. */
  receive(length: number): Promise<Buffer>;
  send(...data: readonly Uint8Array[]): void;
  /** How many bytes have come that were not received yet. */
  readonly unread: number;
  /** Closes in order. */
  end(): void;
  /** Resolves with everything not yet received once the client has closed its side. */
  readonly rest: Promise<Buffer>;
}

/** A request as it came. */
export interface PeerRequest {
  readonly flags: number;
  readonly type: number;
  readonly cookie: bigint;
  readonly at: number;
  readonly length: number;
  readonly data: Buffer;
}

/** An NBD server that does what a script says, right or wrong, on a Unix socket of its own. */
export interface Peer {
  readonly uri: string;
  /** How many connections it has accepted. */
  readonly accepted: number;
  dispose(): Promise<void>;
}

/** Starts one. The script runs once for each connection, with its number from 0. */
export async function startPeer(script: (session: PeerSession, index: number) => Promise<void>): Promise<Peer> {
  const folder = await temporaryFolder();
  const path = join(folder, 's');
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    void script(sessionOver(socket), accepted++);
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    uri: `nbd+unix:///d?socket=${path}`,
    get accepted() {
      return accepted;
    },
    async dispose() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function sessionOver(socket: Socket): PeerSession {
  let held = Buffer.alloc(0);
  let wanted: { readonly length: number; readonly resolve: (data: Buffer) => void } | undefined;
  const serve = (): void => {
    if (wanted === undefined || held.length < wanted.length) return;
    const { length, resolve } = wanted;
    wanted = undefined;
    const data = held.subarray(0, length);
    held = held.subarray(length);
    resolve(data);
  };
  socket.on('data', (data: Buffer) => {
    held = Buffer.concat([held, data]);
    serve();
  });
  return {
    receive: (length) =>
      new Promise((resolve) => {
        wanted = { length, resolve };
        serve();
      }),
    get unread() {
      return held.length;
    },
    send: (...data) => {
      socket.write(Buffer.concat(data));
    },
    end: () => {
      socket.end();
    },
    rest: once(socket, 'close').then(() => held),
  };
}

/** What a script offers. */
export interface Offer {
  readonly size: number;
  readonly flags: number;
  readonly structuredReplies?: boolean;
  /** The contexts it has, by id. */
  readonly contexts?: Readonly<Record<number, string>>;
  readonly blockSize?: readonly [minimum: number, preferred: number, maximum: number];
}

/** Answers the handshake as a good server does, up to the transmission phase. */
export async function negotiate(session: PeerSession, offer: Offer): Promise<void> {
  session.send(greeting());
  await session.receive(4);
  for (;;) {
    const header = await session.receive(16);
    const number = header.readUInt32BE(8);
    await session.receive(header.readUInt32BE(12));
    if (number === option.go) break;
    if (number === option.structuredReply)
      session.send(offer.structuredReplies === false ? replyTo(number, 0x80000001) : ack(number));
    else if (number === option.setMetaContext) {
      const contexts = Object.entries(offer.contexts ?? {});
      session.send(...contexts.map(([id, name]) => contextInfo(number, Number(id), name)), ack(number));
    } else session.send(replyTo(number, 0x80000001));
  }
  const limits = offer.blockSize === undefined ? [] : [blockSizeInfo(option.go, ...offer.blockSize)];
  session.send(exportInfo(option.go, offer.size, offer.flags), ...limits, ack(option.go));
}

/** The next request, with the payload of a WRITE. */
export async function nextRequest(session: PeerSession): Promise<PeerRequest> {
  const header = await session.receive(28);
  const type = header.readUInt16BE(6);
  const length = header.readUInt32BE(24);
  return {
    flags: header.readUInt16BE(4),
    type,
    cookie: header.readBigUInt64BE(8),
    at: Number(header.readBigUInt64BE(16)),
    length,
    data: type === 1 ? await session.receive(length) : Buffer.alloc(0),
  };
}

/** What peers of a suite offer unless told otherwise: a small writable disk with a map. */
export const smallOffer: Offer = { size: 64 * KiB, flags: 1, contexts: { 5: 'base:allocation' } };

/** Peers and devices of one suite, let go of after each test. */
export function peersOfSuite() {
  const peers: Peer[] = [];
  const devices: NbdDevice[] = [];
  afterEach(async () => {
    await Promise.all(devices.splice(0).map((device) => device.close()));
    await Promise.all(peers.splice(0).map((peer) => peer.dispose()));
  });
  const peerThat = async (script: (session: PeerSession, index: number) => Promise<void>): Promise<Peer> => {
    const peer = await startPeer(script);
    peers.push(peer);
    return peer;
  };
  const deviceOf = async (peer: Peer, options: NbdConnectOptions = {}): Promise<NbdDevice> => {
    const device = valueOf(await connectNbd(peer.uri, options));
    devices.push(device);
    return device;
  };
  /** A device whose server offers `more` and then follows `script`. */
  const serving = async (
    script: (session: PeerSession) => Promise<void>,
    more: Partial<Offer> = {},
    options: NbdConnectOptions = {},
  ): Promise<NbdDevice> => {
    const peer = await peerThat(async (session) => {
      await negotiate(session, { ...smallOffer, ...more });
      await script(session);
    });
    return deviceOf(peer, options);
  };
  return { peerThat, deviceOf, serving };
}
