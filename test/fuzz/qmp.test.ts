import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KiB } from '#core/units';
import { connectQmp } from '#replicator/qmp/client';
import { lineLengthMax } from '#replicator/qmp/line-decoder';
import { qmpSession, type SessionInput } from '#replicator/qmp/session';
import { temporaryFolder } from '#test/support/qemu-machine';
import { valueOf } from '#test/support/value-of';

const greeting = '{"QMP":{"version":{"qemu":{"micro":0,"minor":2,"major":7},"package":""},"capabilities":[]}}';
const negotiated = '{"return":{},"id":"qmp_capabilities"}';
const ids = fc.integer({ min: 0, max: 20 }).map(String);

const line = fc.oneof(
  fc.constantFrom(
    greeting,
    negotiated,
    '{"event":"STOP"}',
    '',
    '{',
    '[[[[',
    'null',
    '{"QMP":1}',
    '{"return":1,"id":{}}',
  ),
  ids.map((id) => JSON.stringify({ return: {}, id })),
  ids.map((id) => JSON.stringify({ error: { class: 'GenericError', desc: 'no' }, id })),
  fc.json(),
  fc.string(),
);
const received = fc.oneof(
  line.map((text) => Buffer.from(`${text}\r\n`)),
  line.map((text) => Buffer.from(text)), // Cut: the next piece goes on in the same line.
  fc.uint8Array({ maxLength: 64 }),
);
const asked = ids.map((id): SessionInput => ({ type: 'CommandAsked', asked: { id, command: 'stop' } }));
const abandoned = ids.map((id): SessionInput => ({ type: 'CommandAbandoned', id, why: 'late' }));
const answered = ids.map((id): SessionInput => ({
  type: 'BytesReceived',
  bytes: Buffer.from(`{"return":{},"id":"${id}"}\n`),
}));
const input: fc.Arbitrary<SessionInput> = fc.oneof(
  { weight: 4, arbitrary: received.map((bytes) => ({ type: 'BytesReceived', bytes }) as const) },
  { weight: 3, arbitrary: asked },
  { weight: 1, arbitrary: abandoned },
  { weight: 1, arbitrary: fc.constant({ type: 'ConnectionLost', detail: 'reset' } as const) },
);
// Garbage ends most conversations at once, so half of them begin well and go on with hardly any.
const wellBegun: SessionInput = { type: 'BytesReceived', bytes: Buffer.from(`${greeting}\n${negotiated}\n`) };
const polite = fc.oneof(
  { weight: 12, arbitrary: asked },
  { weight: 12, arbitrary: abandoned },
  { weight: 2, arbitrary: answered }, // Mostly to a command that was not asked yet, which is rude after all.
  { weight: 1, arbitrary: input },
);
const conversation = fc.oneof(
  fc.array(input, { maxLength: 60 }),
  fc.array(polite, { maxLength: 60 }).map((inputs) => [wellBegun, ...inputs]),
);

describe('a QMP conversation with anybody', () => {
  it('settles each command exactly once and disconnects exactly once', () => {
    fc.assert(
      fc.property(conversation, (inputs) => {
        const session = qmpSession({ lineLengthMax: 200 });
        const asked = new Set<string>();
        const settled: string[] = [];
        let disconnects = 0;
        for (const each of [...inputs, { type: 'ConnectionLost', detail: 'the end' } as const]) {
          if (each.type === 'CommandAsked') {
            if (asked.has(each.asked.id)) continue; // The client numbers its commands: no id is used twice.
            asked.add(each.asked.id);
          }
          for (const action of session.apply(each)) {
            if (action.type === 'settle') settled.push(action.id);
            if (action.type === 'disconnect') disconnects += 1;
          }
        }
        expect(settled.toSorted()).toEqual([...asked].toSorted());
        expect(disconnects).toBe(1);
      }),
      { numRuns: 2_000 },
    );
  });

  it('says nothing and believes nothing after it disconnected', () => {
    fc.assert(
      fc.property(conversation, fc.array(received), (inputs, later) => {
        const session = qmpSession({ lineLengthMax: 200 });
        for (const each of inputs) session.apply(each);
        session.apply({ type: 'ConnectionLost', detail: 'the end' });
        expect(later.flatMap((bytes) => session.apply({ type: 'BytesReceived', bytes }))).toEqual([]);
      }),
    );
  });
});

describe('a QMP client on a socket', () => {
  it('ends with a typed error and a closed socket, whatever the peer says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(received, { maxLength: 5 }), async (pieces) => {
        await using peer = await peerThat((socket) => {
          for (const piece of pieces) socket.write(piece);
          socket.end();
        });
        const client = await connectQmp({ path: peer.path });
        if (client.ok) await client.value.close();
        expect(client.ok ? 'connected' : client.error.type).toMatch(/^(connected|ConnectFailed|ProtocolViolation)$/);
      }),
      { numRuns: 60 },
    );
  });

  it('disconnects a peer whose line never ends, and holds no more than the bound', async () => {
    let taken = 0;
    await using peer = await peerThat((socket) => {
      const more = (): void => {
        // What the client took is what left this side; the kernel's buffers hold a few hundred kilobytes more.
        taken = socket.bytesWritten - socket.writableLength;
        if (!socket.destroyed) socket.write(Buffer.alloc(256 * KiB, 'x'), more);
      };
      more();
    });
    expect(await connectQmp({ path: peer.path })).toMatchObject({
      error: { type: 'ProtocolViolation', detail: `a line is longer than ${lineLengthMax} bytes` },
    });
    await peer.hungUp;
    expect(taken).toBeLessThan(2 * lineLengthMax);
  });

  it('answers every command as unknown when the peer turns to garbage', async () => {
    await using peer = await peerThat((socket) => {
      socket.write(`${greeting}\r\n${negotiated}\r\n`);
      socket.on('data', (data) => {
        if (data.includes('query-block')) socket.write(Buffer.from([0xff, 0xfe, 0x0a]));
      });
    });
    const client = valueOf(await connectQmp({ path: peer.path }));
    const outcomes = await Promise.all([client.execute('query-block'), client.execute('stop')]);
    expect(outcomes).toMatchObject([{ error: { type: 'OutcomeUnknown' } }, { error: { type: 'OutcomeUnknown' } }]);
    await peer.hungUp;
  });
});

interface Peer extends AsyncDisposable {
  readonly path: string;
  /** Resolves when the client has closed the connection. */
  readonly hungUp: Promise<void>;
}

async function peerThat(behaves: (socket: Socket) => void): Promise<Peer> {
  const folder = await temporaryFolder();
  const path = join(folder, 'qmp');
  const { promise: hungUp, resolve } = withResolvers();
  const server = createServer((socket) => {
    socket.on('error', () => {}); // The client hangs up on us in the middle of a sentence: that is the point.
    socket.on('close', resolve);
    socket.resume(); // Unread, what the client says would keep the socket from ever closing.
    behaves(socket);
  });
  await new Promise<void>((listening) => server.listen(path, listening));
  return {
    path,
    hungUp,
    async [Symbol.asyncDispose]() {
      await new Promise((closed) => server.close(closed));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
