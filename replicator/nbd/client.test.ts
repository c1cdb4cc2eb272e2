import { describe, expect, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { millis, offset } from '#core/units';
import { negotiate, nextRequest, peersOfSuite, smallOffer, type Offer, type PeerSession } from '#test/support/nbd-peer';
import { ack, dataChunk, exportInfo, greeting, simpleReply, statusChunk } from '#test/support/nbd-wire';
import { connectNbd } from './client.ts';
import { describeNbdError } from './nbd-error.ts';

const multiConn = 1 << 8;
const { peerThat, deviceOf, serving } = peersOfSuite();
const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);

describe('several connections', () => {
  const each = async (session: PeerSession, index: number, more: Partial<Offer>): Promise<void> => {
    await negotiate(session, { ...smallOffer, ...more, contexts: { [5 + index]: 'base:allocation' } });
    for (;;) {
      const { cookie, at, length, type } = await nextRequest(session);
      if (type === 0) session.send(dataChunk(cookie, at, filled(length, index)));
      else if (type === 7) session.send(statusChunk(cookie, 5 + index, [65536, 0]));
      else return;
    }
  };

  it('share the work where the server keeps them coherent', async () => {
    const peer = await peerThat((session, index) => each(session, index, { flags: 1 | multiConn }));
    const device = await deviceOf(peer, { connections: 3 });
    expect([device.info.connections, peer.accepted]).toEqual([3, 3]);
    const buffers = [0, 1, 2].map(() => new Uint8Array(512));
    const answers = [
      ...buffers.map((buffer) => device.read(offset(0), buffer)),
      device.extents(extent(0, 512)),
      device.extents(extent(0, 512)),
    ];
    expect((await Promise.all(answers)).every(({ ok }) => ok)).toBe(true);
    expect(buffers.map((buffer) => buffer[0])).toEqual([0, 1, 2]);
  });

  it('are not made where it does not', async () => {
    const peer = await peerThat((session, index) => each(session, index, { flags: 1 }));
    const device = await deviceOf(peer, { connections: 3 });
    expect([device.info.connections, peer.accepted]).toEqual([1, 1]);
  });

  it('are a bonus: a server that greets only one is used with one', async () => {
    const peer = await peerThat(async (session, index) =>
      index === 0 ? each(session, 0, { flags: 1 | multiConn }) : undefined,
    );
    const device = await deviceOf(peer, { connections: 2, timeouts: { negotiate: millis(50) } });
    expect([device.info.connections, peer.accepted]).toEqual([1, 2]);
    expect((await device.read(offset(0), new Uint8Array(512))).ok).toBe(true);
  });

  it('must lead to one and the same export', async () => {
    const peer = await peerThat((session, index) =>
      each(session, index, { flags: 1 | multiConn, size: (index + 1) * 4096 }),
    );
    expect(await connectNbd(peer.uri)).toMatchObject({
      error: { type: 'ProtocolViolation', detail: 'the export changed between two connections' },
    });
  });

  it('are lost together: calls on all of them, and those that wait, are answered', async () => {
    const sessions: PeerSession[] = [];
    const peer = await peerThat(async (session) => {
      await negotiate(session, { ...smallOffer, flags: 1 | multiConn });
      sessions.push(session);
      if ((await nextRequest(session)).at === 0) session.end();
    });
    const device = await deviceOf(peer, { connections: 2, requestsInFlightMax: 1 });
    const calls = [0, 1, 2, 3].map((block) => device.read(offset(block * 512), new Uint8Array(512)));
    for (const answer of await Promise.all(calls))
      expect(answer).toEqual({
        ok: false,
        error: { type: 'ConnectionLost', detail: 'the server closed the connection' },
      });
    expect(await device.flush()).toMatchObject({ error: { type: 'ConnectionLost' } });
    expect(await device.extents(extent(0, 512))).toMatchObject({ error: { type: 'ConnectionLost' } });
    expect(await device.read(offset(0), new Uint8Array(512))).toMatchObject({ error: { type: 'ConnectionLost' } });
    await Promise.all(sessions.map(({ rest }) => rest));
  });
});

describe('a device that ends', () => {
  it('answers everything with the violation and hangs up when the server breaks the protocol', async () => {
    let hungUp: Promise<Buffer> | undefined;
    const device = await serving(async (session) => {
      hungUp = session.rest;
      const { cookie } = await nextRequest(session);
      session.send(dataChunk(cookie + 77n, 0, filled(512, 1)));
    });
    const calls = [0, 1].map((block) => device.read(offset(block * 512), new Uint8Array(512)));
    const violation = {
      ok: false,
      error: { type: 'ProtocolViolation', detail: 'a reply came to a request that is not waiting for one' },
    };
    expect(await Promise.all(calls)).toEqual([violation, violation]);
    expect(await device.read(offset(0), new Uint8Array(512))).toEqual(violation);
    await hungUp;
  });

  it('takes silence for loss, while something is owed', async () => {
    const device = await serving(async () => undefined, {}, { timeouts: { stall: millis(30) } });
    expect(await device.read(offset(0), new Uint8Array(512))).toEqual({
      ok: false,
      error: { type: 'ConnectionLost', detail: 'the server was silent for 30 ms' },
    });
  });

  it('takes a server that is shutting down for lost', async () => {
    const device = await serving(async (session) =>
      session.send(simpleReply((await nextRequest(session)).cookie, 108)),
    );
    const calls = [0, 1].map((block) => device.read(offset(block * 512), new Uint8Array(512)));
    for (const answer of await Promise.all(calls))
      expect(answer).toMatchObject({ error: { type: 'ConnectionLost', detail: 'the server is shutting down' } });
  });

  it('answers Closed to calls in flight and to later ones, and closes twice as well as once', async () => {
    const device = await serving(async () => undefined);
    const call = device.read(offset(0), new Uint8Array(512));
    await Promise.all([device.close(), device.close()]);
    expect(await call).toEqual({ ok: false, error: { type: 'Closed' } });
    expect(await device.read(offset(0), new Uint8Array(512))).toEqual({ ok: false, error: { type: 'Closed' } });
  });

  it('does not wait for a server that does not hang up', async () => {
    const device = await serving(async () => undefined);
    await device.close();
    expect(await device.flush()).toMatchObject({ error: { type: 'Closed' } });
    expect(await device.read(offset(0), new Uint8Array(0))).toMatchObject({ error: { type: 'Closed' } });
  });
});

describe('connecting', () => {
  it('gives up in time, or when told to', async () => {
    const mute = await peerThat(async () => undefined);
    expect(await connectNbd(mute.uri, { timeouts: { negotiate: millis(20) } })).toEqual({
      ok: false,
      error: { type: 'TimedOut', stage: 'negotiating', after: 20 },
    });
    const abort = new AbortController();
    const connecting = connectNbd(mute.uri, { signal: abort.signal });
    abort.abort();
    expect(await connecting).toEqual({ ok: false, error: { type: 'Aborted' } });
    expect(await connectNbd(mute.uri, { signal: AbortSignal.abort() })).toEqual({
      ok: false,
      error: { type: 'Aborted' },
    });
  });

  it('says in one sentence what is wrong and what to do', async () => {
    const sentence = async (uri: string): Promise<string> => {
      const result = await connectNbd(uri);
      return result.ok ? 'connected' : describeNbdError(result.error);
    };
    expect(await sentence('nbd+unix:///?socket=/nowhere/s')).toBe(
      'no NBD server answers at the socket /nowhere/s (connect ENOENT /nowhere/s); check that it runs and may be reached',
    );
    expect(await sentence('nbds://h/?tls-certificates=/nowhere')).toContain(
      'the TLS certificates in /nowhere cannot be used: ENOENT',
    );
    expect(await sentence('ndb://h')).toContain('use nbd://host[:10809]/NAME');
    const hangsUp = await peerThat(async (session) => session.end());
    expect(await sentence(hangsUp.uri)).toContain('lost while opening the export: the server closed the connection');
    const rambles = await peerThat(async (session) => {
      session.send(greeting());
      await session.receive(4);
      session.send(ack(8), ack(10), exportInfo(7, 512, 1), ack(7), simpleReply(1));
    });
    expect(await sentence(rambles.uri)).toContain('the server talks before it was asked anything');
  });
});
