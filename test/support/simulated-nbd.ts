import { extent } from '#core/disk/extent';
import { bytes, offset } from '#core/units';
import { allocationContext, command, option, transmissionFlag } from '#replicator/nbd/wire';
import type { OpenedExport, SimulatedExports } from '#simulator/block/sources/exports';
import { nextRequest, startPeer, type Peer, type PeerSession } from '#test/support/nbd-peer';
import {
  ack,
  contextInfo,
  dataChunk,
  errorChunk,
  exportInfo,
  greeting,
  replyTo,
  statusChunk,
} from '#test/support/nbd-wire';
import { valueOf } from '#test/support/value-of';

/** A real NBD server, on a Unix socket, of what a simulated world shows: so that real clients may read it. */
export interface SimulatedNbd {
  uriOf(exportName: string): string;
  dispose(): Promise<void>;
}

/** Serves all exports of a registry. */
export async function serveSimulatedExports(exports: SimulatedExports): Promise<SimulatedNbd> {
  const uriOf = (name: string): string => peer.uri.replace('/d?', `/${name}?`);
  const peer: Peer = await startPeer(async (session) => {
    const name = await negotiated(session, (wanted) => exports.shown(uriOf(wanted)));
    const uri = uriOf(name);
    const context = exports.shown(uri)?.changes?.context;
    const locator = { type: 'nbd', uri, ...(context !== undefined && { changesContext: context }) } as const;
    await serve(session, valueOf(await exports.openExport(locator)));
  });
  return { uriOf, dispose: () => peer.dispose() };
}

type Shown = ReturnType<SimulatedExports['shown']>;
const contextIds = { allocation: 1, changes: 2 };

async function negotiated(session: PeerSession, shown: (name: string) => Shown): Promise<string> {
  session.send(greeting());
  await session.receive(4);
  for (;;) {
    const header = await session.receive(16);
    const number = header.readUInt32BE(8);
    const data = await session.receive(header.readUInt32BE(12));
    if (number === option.structuredReply) session.send(ack(number));
    else if (number === option.setMetaContext || number === option.go) {
      const name = data.subarray(4, 4 + data.readUInt32BE(0)).toString();
      const disk = shown(name);
      if (disk === undefined) session.send(replyTo(number, 0x80000006));
      else if (number === option.setMetaContext) {
        const changes = disk.changes && contextInfo(number, contextIds.changes, disk.changes.context);
        const allocation = contextInfo(number, contextIds.allocation, allocationContext);
        session.send(allocation, ...(changes === undefined ? [] : [changes]), ack(number));
      } else {
        const flags = transmissionFlag.hasFlags | transmissionFlag.readOnly | transmissionFlag.canMultiConn;
        session.send(exportInfo(option.go, disk.content.size, flags), ack(option.go));
        return name;
      }
    } else session.send(replyTo(number, 0x80000001));
  }
}

async function serve(session: PeerSession, { device, changes }: OpenedExport): Promise<void> {
  for (;;) {
    const { type, cookie, at, length } = await nextRequest(session);
    if (type === command.disconnect) return session.end();
    if (type === command.read) {
      const into = new Uint8Array(length);
      const read = await device.read(offset(at), into);
      session.send(read.ok ? dataChunk(cookie, at, into) : errorChunk(cookie, 5, read.error.type));
    } else if (type === command.blockStatus) {
      const mapped = valueOf(await device.extents(extent(at, length)));
      const allocation = mapped.flatMap((part) => [part.length, part.kind === 'zero' ? 3 : 0]);
      session.send(statusChunk(cookie, contextIds.allocation, allocation, changes === undefined ? 1 : 0));
      if (changes !== undefined) {
        const found = valueOf(await changes(extent(at, length)));
        const pairs: number[] = [];
        let done = at;
        for (const part of found) {
          if (part.start > done) pairs.push(part.start - done, 0);
          pairs.push(part.length, 1);
          done = part.start + part.length;
        }
        if (done < at + length) pairs.push(bytes(at + length - done), 0);
        session.send(statusChunk(cookie, contextIds.changes, pairs));
      }
    } else session.send(errorChunk(cookie, 95));
  }
}
