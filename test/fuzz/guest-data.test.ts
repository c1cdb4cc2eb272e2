import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { diskId } from '#core/ids';
import { MiB, offset } from '#core/units';
import {
  dataHead,
  encodeFrame,
  frameFeed,
  readMax,
  type SmallFrame,
} from '#replicator/sentinel/data-connection/data-frame';
import { readGuestDiskError } from '#replicator/sentinel/data-connection/data-error';
import { dataConnection } from '#replicator/sentinel/data-connection/remote-disk';
import { serveDisks } from '#replicator/sentinel/data-connection/serve-disks';
import { wallClock } from '#replicator/wall-clock';
import { alignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { memoryGuest } from '#test/support/memory-guest';

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/);
const id = fc.nat(2 ** 31);
const place = fc.integer({ min: 0, max: 2 ** 51 });
const extentsIn = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 2 ** 30 }), fc.integer({ min: 1, max: 2 ** 30 })), { maxLength: 30 })
  .map((gaps) => {
    let at = 0;
    return gaps.map(([gap, length]) => {
      const one = extent(at + gap, length);
      at += gap + length;
      return one;
    });
  });
const frames: fc.Arbitrary<SmallFrame> = fc.oneof(
  fc.record({ type: fc.constant('open' as const), id, disk: name }),
  fc.record({
    type: fc.constant('read' as const),
    id,
    disk: name,
    start: place,
    length: fc.integer({ min: 1, max: readMax }),
  }),
  fc.record({
    type: fc.constant('changes' as const),
    id,
    disk: name,
    range: fc.tuple(place, fc.integer({ min: 1, max: 2 ** 51 })).map(([start, length]) => extent(start, length)),
    mark: fc.record({ owner: name, number: fc.nat() }),
  }),
  fc
    .tuple(id, fc.nat(2 ** 40))
    .map(([number, blocks]) => ({ type: 'opened' as const, id: number, size: blocks * 512, blockSize: 512 })),
  fc.record({ type: fc.constant('zero' as const), id }),
  fc
    .tuple(id, extentsIn)
    .map(([number, extents]) => ({ type: 'extents' as const, id: number, extents, until: 2 ** 36 })),
  fc.record({ type: fc.constant('failed' as const), id, json: fc.string() }),
  fc.constant({ type: 'keepalive' as const }),
);

const cutAt = (bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] => {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
};
/** Something that was valid until a byte of it was changed, or something that never was. */
const damaged: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.tuple(fc.array(frames, { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat(255)).map(([list, at, value]) => {
    const bytes = Buffer.concat(list.map(encodeFrame));
    bytes[at % bytes.length] = value;
    return bytes;
  }),
);

/** A connection on which what the other side says is put by hand, and what it hears is kept. */
function oneSide(): { readonly socket: Duplex; say(bytes: Uint8Array): void; readonly heard: () => Buffer } {
  const heard: Buffer[] = [];
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      heard.push(chunk);
      done();
    },
  });
  return { socket, say: (bytes) => void socket.push(bytes), heard: () => Buffer.concat(heard) };
}

describe('frames of the data connection', () => {
  it('arrive as they were sent, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(frames, { maxLength: 20 }),
        fc.uint8Array({ minLength: 1, maxLength: 90 }),
        fc.array(fc.nat()),
        (list, content, cuts) => {
          const taken: unknown[] = [];
          const room = Buffer.alloc(content.length);
          const feed = frameFeed({
            take: (frame) => void taken.push(frame),
            roomFor: (_, length) => (length === content.length ? room : 'no room'),
            filled: (number) => void taken.push({ number, content: Uint8Array.from(room) }),
          });
          const sent = Buffer.concat([...list.map(encodeFrame), dataHead(7, content.length), content]);
          for (const chunk of cutAt(sent, cuts)) expect(feed(chunk)).toBeUndefined();
          expect(taken).toEqual([...list, { number: 7, content }]);
        },
      ),
    );
  });

  it('that break a rule end it, and nothing is taken that was not checked', () => {
    fc.assert(
      fc.property(damaged, fc.array(fc.nat()), (bytes, cuts) => {
        const feed = frameFeed({
          take: (frame) => {
            // What is taken can be said again.
            expect(() => encodeFrame(frame)).not.toThrow();
            if (frame.type === 'read') expect(frame.length).toBeLessThanOrEqual(readMax);
            return undefined;
          },
          roomFor: () => 'nobody asked',
          filled: () => undefined,
        });
        for (const chunk of cutAt(bytes, cuts)) if (feed(chunk) !== undefined) return;
      }),
      { numRuns: 400 },
    );
  });

  it('never make anyone hold more than the longest of their kind', () => {
    const feed = frameFeed({ take: () => undefined, roomFor: () => 'nobody asked', filled: () => undefined });
    const head = Buffer.alloc(12);
    head.writeUInt32BE(2 ** 31, 0);
    head.writeUInt8(19, 4);
    expect(feed(head)).toMatch(/extents frame of 2147483648 bytes/);
  });
});

describe('a guest that is asked anything', () => {
  it('answers or ends with a violation, and has all its memory back', async () => {
    const memory = alignedMemory(2, MiB);
    await fc.assert(
      fc.asyncProperty(damaged, async (bytes) => {
        const { socket, say } = oneSide();
        const service = serveDisks(socket, memoryGuest(diskId('vda'), Buffer.alloc(MiB, 1), memory), {
          clock: wallClock,
        });
        say(bytes);
        await new Promise(setImmediate);
        service.close();
        expect(['Closed', 'ProtocolViolation']).toContain((await service.ended).type);
        while (service.open > 0) await new Promise(setImmediate);
        expect(memory.lent).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a gateway that is answered anything', () => {
  it('settles every call, and takes nothing for content that nobody asked for', async () => {
    await fc.assert(
      fc.asyncProperty(damaged, async (bytes) => {
        const { socket, say } = oneSide();
        const connection = dataConnection(socket, { clock: wallClock });
        const opening = connection.openDisk(diskId('vda'));
        say(encodeFrame({ type: 'opened', id: 1, size: MiB, blockSize: 512 }));
        const disk = await opening;
        if (!disk.ok) throw new Error(disk.error.type);
        const reading = disk.value.read(offset(0), Buffer.alloc(512));
        const asking = disk.value.dirtyExtents({ owner: 'm', number: 1 }, extent(0, MiB));
        say(bytes);
        await new Promise(setImmediate);
        connection.close();
        for (const outcome of await Promise.all([reading, asking])) expect(typeof outcome.ok).toBe('boolean');
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['content of another length', Buffer.concat([dataHead(2, 511), Buffer.alloc(511)])],
    ['content nobody asked for', Buffer.concat([dataHead(9, 512), Buffer.alloc(512)])],
    ['an answer to another question', encodeFrame({ type: 'opened', id: 2, size: 512, blockSize: 512 })],
    ['an answer that has no question', encodeFrame({ type: 'zero', id: 77 })],
    ['a question', encodeFrame({ type: 'open', id: 2, disk: 'vda' })],
    ['an error of no kind', encodeFrame({ type: 'failed', id: 2, json: '{"type":"Sorry"}' })],
    ['extents beyond what was asked', encodeFrame({ type: 'extents', id: 3, until: 2 * MiB, extents: [] })],
    ['extents that tell nothing', encodeFrame({ type: 'extents', id: 3, until: 0, extents: [] })],
  ])('calls %s a violation', async (_, bytes) => {
    const { socket, say } = oneSide();
    const connection = dataConnection(socket, { clock: wallClock });
    const opening = connection.openDisk(diskId('vda'));
    say(encodeFrame({ type: 'opened', id: 1, size: MiB, blockSize: 512 }));
    const disk = await opening;
    if (!disk.ok) throw new Error(disk.error.type);
    const reading = disk.value.read(offset(0), Buffer.alloc(512));
    const asking = disk.value.dirtyExtents({ owner: 'm', number: 1 }, extent(0, MiB));
    say(bytes);
    expect((await connection.ended).type).toBe('ProtocolViolation');
    for (const outcome of await Promise.all([reading, asking]))
      expect(outcome).toMatchObject({ ok: false, error: { type: 'ProtocolViolation' } });
  });

  it('reads errors of its kinds only', () => {
    expect(readGuestDiskError('{"type":"TrackingLost","disk":"vda","detail":"x"}')).toMatchObject({ ok: true });
    for (const json of ['', '{}', 'null', '{"type":"TrackingLost","disk":7,"detail":"x"}'])
      expect(readGuestDiskError(json).ok).toBe(false);
  });
});
