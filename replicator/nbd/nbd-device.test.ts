import { describe, expect, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { bytes, KiB, offset } from '#core/units';
import { nextRequest, peersOfSuite } from '#test/support/nbd-peer';
import { chunk, dataChunk, hex, holeChunk, simpleReply, statusChunk } from '#test/support/nbd-wire';
import { valueOf } from '#test/support/value-of';

const readOnly = 0b11;
const flags = { flush: 1 << 2, fua: 1 << 3, zeroes: 1 << 6 };
const { peerThat, deviceOf, serving } = peersOfSuite();
const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);

describe('an NBD device', () => {
  it('speaks byte for byte as captured: handshake, block status, goodbye', async () => {
    let goodbye: Promise<Buffer> | undefined;
    const peer = await peerThat(async (session) => {
      session.send(hex('4e42444d41474943 49484156454f5054 0003'));
      expect(await session.receive(20)).toEqual(hex('00000003 49484156454f5054 00000008 00000000'));
      session.send(hex('0003e889045565a9 00000008 00000001 00000000'));
      expect(await session.receive(44)).toEqual(
        hex('49484156454f5054 0000000a 0000001c 00000001 64 00000001 0000000f "base:allocation"'),
      );
      session.send(
        hex(
          '0003e889045565a9 0000000a 00000004 00000013 00000000 "base:allocation" 0003e889045565a9 0000000a 00000001 00000000',
        ),
      );
      expect(await session.receive(25)).toEqual(hex('49484156454f5054 00000007 00000009 00000001 64 0001 0003'));
      session.send(hex('0003e889045565a9 00000007 00000003 0000000e 0003 00000001 00001000 02000000'));
      session.send(hex('0003e889045565a9 00000007 00000003 0000000c 0000 0000000000100000 058f'));
      session.send(hex('0003e889045565a9 00000007 00000001 00000000'));
      expect(await session.receive(28)).toEqual(hex('25609513 0000 0007 0000000000000001 0000000000000000 00100000'));
      session.send(
        hex(
          '668e33ef 0001 0005 0000000000000001 0000001c 00000000 {00010000 00000003}{00010000 00000000}{000e0000 00000003}',
        ),
      );
      expect(await session.receive(28)).toEqual(hex('25609513 0000 0000 0000000000000002 0000000000000000 00001000'));
      session.send(hex('668e33ef 0001 0002 0000000000000002 0000000c 0000000000000000 00001000'));
      goodbye = session.rest;
    });
    const device = await deviceOf(peer, { connections: 1 });
    expect(device.info).toMatchObject({
      exportName: 'd',
      size: 1048576,
      readOnly: true,
      contexts: ['base:allocation'],
    });
    expect(valueOf(await device.extents(extent(0, 1048576)))).toEqual([
      { ...extent(0, 65536), kind: 'zero' },
      { ...extent(65536, 65536), kind: 'data' },
      { ...extent(131072, 917504), kind: 'zero' },
    ]);
    const into = filled(4096, 1);
    expect(await device.read(offset(0), into)).toEqual({ ok: true, value: undefined });
    expect(into).toEqual(new Uint8Array(4096));
    await device.close();
    expect(await goodbye).toEqual(hex('25609513 0000 0002 0000000000000003 0000000000000000 00000000'));
  });

  it('splits what is longer than a request may be, has all of it in flight, and answers when all has come', async () => {
    const device = await serving(
      async (session) => {
        const requests = [await nextRequest(session), await nextRequest(session), await nextRequest(session)];
        expect(requests.map(({ at, length }) => [at, length])).toEqual([
          [512, 4096],
          [4608, 4096],
          [8704, 512],
        ]);
        for (const { cookie, at, length } of requests.reverse())
          session.send(dataChunk(cookie, at, filled(length, at >> 8)));
        const writes = [await nextRequest(session), await nextRequest(session)];
        expect(writes.map(({ data }) => data)).toEqual([Buffer.alloc(4096, 1), Buffer.alloc(512, 2)]);
        for (const { cookie } of writes) session.send(simpleReply(cookie));
      },
      { blockSize: [512, 4096, 4096 + 511] },
    );
    const into = new Uint8Array(8704);
    expect((await device.read(offset(512), into)).ok).toBe(true);
    expect([into[0], into[4096], into[8192]]).toEqual([512 >> 8, 4608 >> 8, 8704 >> 8]);
    const data = Buffer.concat([filled(4096, 1), filled(512, 2)]);
    expect((await device.write(offset(0), data)).ok).toBe(true);
  });

  it('does not answer a split call before its last part, even when the first part failed: its buffer is in use', async () => {
    let finish: (() => void) | undefined;
    const device = await serving(
      async (session) => {
        const [first, second] = [await nextRequest(session), await nextRequest(session)];
        session.send(simpleReply(first.cookie, 5));
        finish = () => session.send(dataChunk(second.cookie, second.at, filled(second.length, 1)));
        // A later request that is answered shows that the failure has arrived by now.
        session.send(holeChunk((await nextRequest(session)).cookie, 0, 512));
      },
      {},
      { requestMax: bytes(512) },
    );
    let answered = false;
    const whole = device.read(offset(0), new Uint8Array(1024)).then((result) => {
      answered = true;
      return result;
    });
    await device.read(offset(0), new Uint8Array(512));
    expect(answered).toBe(false);
    finish?.();
    expect(await whole).toMatchObject({ error: { type: 'IoError', at: 0, length: 512 } });
  });

  it('keeps to its window: further requests go out in order as room comes', async () => {
    const seen: number[] = [];
    const device = await serving(
      async (session) => {
        for (let served = 0; served < 6; served += 2) {
          const pair = [await nextRequest(session), await nextRequest(session)];
          // What was sent in the same turn would be here too.
          expect(session.unread).toBe(0);
          seen.push(...pair.map(({ at }) => at));
          session.send(...pair.map(({ cookie, at }) => holeChunk(cookie, at, 512)));
        }
      },
      {},
      { requestsInFlightMax: 2 },
    );
    const reads = [0, 1, 2, 3, 4, 5].map((block) => device.read(offset(block * 512), new Uint8Array(512)));
    expect((await Promise.all(reads)).every(({ ok }) => ok)).toBe(true);
    expect(seen).toEqual([0, 512, 1024, 1536, 2048, 2560]);
  });

  it('loops until a server that answers little has answered all, and knows ids by connection', async () => {
    const device = await serving(
      async (session) => {
        for (const answer of [
          [512, 0],
          [512, 1, 512, 1],
          [1024, 0, 65536, 1],
        ]) {
          const { cookie, type } = await nextRequest(session);
          expect(type).toBe(7);
          session.send(statusChunk(cookie, 5, [4096, 0], 0), statusChunk(cookie, 9, answer));
        }
      },
      { contexts: { 5: 'base:allocation', 9: 'qemu:dirty-bitmap:b' } },
      { metaContexts: ['qemu:dirty-bitmap:b'] },
    );
    expect(valueOf(await device.dirtyExtents('qemu:dirty-bitmap:b', extent(0, 4096)))).toEqual([
      extent(512, 1024),
      extent(2560, 1536),
    ]);
    expect(await device.dirtyExtents('qemu:dirty-bitmap:c', extent(0, 4096))).toMatchObject({
      error: { type: 'Unsupported' },
    });
  });

  it('calls everything data where the server cannot tell, and does not ask', async () => {
    const device = await serving(async () => undefined, { structuredReplies: false });
    expect(device.can).toEqual({ write: true, zero: false, extents: false });
    expect(valueOf(await device.extents(extent(512, 1024)))).toEqual([{ ...extent(512, 1024), kind: 'data' }]);
  });

  it.each([
    ['hole', 0],
    ['allocated', 2],
  ] as const)('zeroes as told: %s', async (zeroes, expected) => {
    const device = await serving(
      async (session) => {
        const { cookie, type, flags: sent } = await nextRequest(session);
        expect([type, sent]).toEqual([6, expected]);
        session.send(chunk(cookie, 0, 1));
      },
      { flags: 1 | flags.zeroes },
      { zeroes },
    );
    expect(device.can.zero).toBe(true);
    expect(await device.zero(offset(0), bytes(512))).toEqual({ ok: true, value: undefined });
  });

  it('writes through where the server can do that but not flush, so that flush keeps its promise', async () => {
    const device = await serving(
      async (session) => {
        const { cookie, flags: sent } = await nextRequest(session);
        expect(sent).toBe(1);
        session.send(simpleReply(cookie));
      },
      { flags: 1 | flags.fua },
    );
    expect((await device.write(offset(0), new Uint8Array(512))).ok).toBe(true);
    expect((await device.flush()).ok).toBe(true);
  });

  it('says that it cannot flush where the server cannot, once there is something to flush', async () => {
    const device = await serving(async (session) => session.send(simpleReply((await nextRequest(session)).cookie)));
    expect((await device.flush()).ok).toBe(true);
    expect((await device.write(offset(0), new Uint8Array(512))).ok).toBe(true);
    expect(await device.flush()).toEqual({ ok: false, error: { type: 'Unsupported', call: 'flush' } });
  });

  it('refuses what the server would, without asking it', async () => {
    const device = await serving(async () => undefined, { flags: readOnly });
    expect(await device.write(offset(0), new Uint8Array(512))).toMatchObject({ error: { type: 'ReadOnly' } });
    expect(await device.zero(offset(0), bytes(512))).toMatchObject({ error: { type: 'ReadOnly' } });
    expect(await device.read(offset(1), new Uint8Array(512))).toMatchObject({
      error: { type: 'InvalidRange', at: 1, detail: 'it is not on the grain of 512 bytes' },
    });
    expect(await device.read(offset(64 * KiB), new Uint8Array(512))).toMatchObject({
      error: { type: 'InvalidRange', detail: 'it is beyond the end at 65536' },
    });
    expect(await device.extents(extent(0, 65 * KiB))).toMatchObject({ error: { type: 'InvalidRange' } });
    expect(await device.read(offset(0), new Uint8Array(0))).toEqual({ ok: true, value: undefined });
  });
});
