import fc from 'fast-check';
import { scratchLength } from '#replicator/nbd/reply-parser';
import {
  ack,
  blockSizeInfo,
  chunk,
  contextInfo,
  dataChunk,
  errorChunk,
  exportInfo,
  greeting,
  holeChunk,
  replyTo,
  serverInfo,
  simpleReply,
  statusChunk,
  u64,
} from '#test/support/nbd-wire';

/** What an NBD server may say, for fuzzing a client. */

/** One way to spoil a message: where (as a share of its length) and how. */
export const mutation = fc.record({
  where: fc.double({ min: 0, max: 1, noNaN: true }),
  how: fc.oneof(
    fc.record({ type: fc.constant('set' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) }),
    fc.record({ type: fc.constant('insert' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
    fc.record({ type: fc.constant('remove' as const), count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ type: fc.constant('repeat' as const), count: fc.integer({ min: 1, max: 60 }) }),
    // Lengths, sizes and ids are where a parser is hurt most: make them as large as they go.
    fc.record({
      type: fc.constant('set' as const),
      bytes: fc
        .constantFrom([0xff, 0xff, 0xff, 0xff], [0, 0, 0, 0], [0x7f, 0xff, 0xff, 0xff])
        .map((all) => Uint8Array.from(all)),
    }),
  ),
});
/** See `mutation`. */
export type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never;
/** A message after all of the mutations, in order. */
export function spoiled(message: Buffer, mutations: readonly Mutation[]): Buffer {
  return mutations.reduce((bytes, { where, how }) => {
    const at = Math.floor(where * bytes.length);
    const before = bytes.subarray(0, at);
    if (how.type === 'insert') return Buffer.concat([before, how.bytes, bytes.subarray(at)]);
    if (how.type === 'remove') return Buffer.concat([before, bytes.subarray(at + how.count)]);
    if (how.type === 'repeat') return Buffer.concat([before, bytes.subarray(at, at + how.count), bytes.subarray(at)]);
    return Buffer.concat([before, how.bytes, bytes.subarray(at + how.bytes.length)]);
  }, message);
}
/** Cuts bytes at arbitrary places. */
export const cuts = fc.oneof(
  fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 }),
  fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 5 }),
);
/** `bytes` cut to these sizes, over and over. */
export function portions(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const all: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    all.push(bytes.subarray(at, at + size));
    at += size;
  }
  return all;
}

const transcripts: Readonly<Record<string, Buffer>> = {
  go: Buffer.concat([
    greeting(),
    ack(8),
    contextInfo(10, 0, 'base:allocation'),
    contextInfo(10, 7, 'q:b'),
    ack(10),
    blockSizeInfo(7, 512, 4096, 1 << 25),
    exportInfo(7, 1 << 20, 0x58f),
    ack(7),
  ]),
  exportName: Buffer.concat([
    greeting(1),
    replyTo(8, 0x80000001),
    replyTo(7, 0x80000001),
    u64(4096),
    Buffer.from([0, 1]),
    Buffer.alloc(124),
  ]),
  old: Buffer.concat([greeting(2), u64(4096), Buffer.from([0, 1])]),
  notFound: Buffer.concat([
    greeting(),
    ack(8),
    ack(10),
    replyTo(9, 0x80000001),
    replyTo(7, 0x80000006),
    serverInfo(3, 'a', 'b'),
    ack(3),
  ]),
  tls: Buffer.concat([
    greeting(),
    ack(5),
    ack(8),
    contextInfo(10, 0, 'base:allocation'),
    ack(10),
    exportInfo(7, 512, 1),
    ack(7),
  ]),
  list: Buffer.concat([greeting(), serverInfo(3, 'a', 'b'), serverInfo(3, 'c'), ack(3)]),
};
/** What a server may say in a handshake: something valid, something spoiled, or noise. */
export const transcript = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(fc.constantFrom(...Object.values(transcripts)), fc.array(mutation, { maxLength: 4 }))
      .map(([valid, mutations]) => spoiled(valid, mutations)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)) },
);
/** Long enough for a payload that goes straight into the caller's buffer. */
export const diskLength = 3 * scratchLength;
/** The length of the first of the two reads. */
export const firstLength = 1024;
// Never zero, so that data is told from holes.
const disk = Uint8Array.from({ length: diskLength }, (_, at) => 1 + ((at * 7 + (at >> 8)) % 255));

/** A good server's replies to one read, in pieces, in any order, holes among them; and what is then in the buffer. */
interface GoodRead {
  readonly chunks: readonly Buffer[];
  readonly content: Uint8Array;
}
const goodRead = (cookie: number, at: number, length: number): fc.Arbitrary<GoodRead> =>
  fc
    .record({
      places: fc.array(fc.integer({ min: 1, max: length - 1 }), { maxLength: 5 }),
      holes: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      separateEnd: fc.boolean(),
    })
    .chain(({ places, holes, separateEnd }) => {
      const ends = [...new Set([...places, length])].toSorted((a, b) => a - b);
      const pieces = ends.map((end, i) => ({ start: ends[i - 1] ?? 0, end, hole: holes[i] === true }));
      const content = disk.slice(at, at + length);
      for (const { start, end, hole } of pieces) if (hole) content.fill(0, start, end);
      const chunkOf = ({ start, end, hole }: (typeof pieces)[number], flags: number): Buffer =>
        hole
          ? holeChunk(cookie, at + start, end - start, flags)
          : dataChunk(cookie, at + start, content.subarray(start, end), flags);
      return fc.shuffledSubarray(pieces, { minLength: pieces.length }).map((shuffled) => {
        const last = shuffled.length - 1;
        const chunks = shuffled.map((piece, i) => chunkOf(piece, !separateEnd && i === last ? 1 : 0));
        return { chunks: separateEnd ? [...chunks, chunk(cookie, 0, 1)] : chunks, content };
      });
    });
/** Lists merged at random, each in its own order, as chunks of different replies are. */
const interleaved = (lists: readonly (readonly Buffer[])[]): fc.Arbitrary<Buffer> =>
  fc.array(fc.nat(), { minLength: 40, maxLength: 40 }).map((draws) => {
    const left = lists.map((list) => [...list]);
    const merged: Buffer[] = [];
    for (let i = 0; left.some((list) => list.length > 0); i++) {
      const open = left.filter((list) => list.length > 0);
      const next = open[(draws[i % draws.length] ?? 0) % open.length]?.shift();
      if (next !== undefined) merged.push(next);
    }
    return Buffer.concat(merged);
  });
/** Good replies to five requests: two reads, a write (which may fail), a flush and a block status; cookies 1 to 5. */
export const goodReplies = fc
  .tuple(goodRead(1, 0, firstLength), goodRead(2, firstLength, diskLength - firstLength), fc.boolean())
  .chain(([first, second, failed]) =>
    interleaved([
      first.chunks,
      second.chunks,
      [failed ? errorChunk(3, 28, 'full') : simpleReply(3)],
      [chunk(4, 0, 1)],
      [statusChunk(5, 7, [512, 1, 65536, 0], 0), statusChunk(5, 0, [diskLength, 3], 1)],
    ]).map((bytes) => ({ bytes, failed, content: Buffer.concat([first.content, second.content]) })),
  );

/** Good replies, spoiled, or noise. */
export const spoiledReplies = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(goodReplies, fc.array(mutation, { minLength: 1, maxLength: 4 }))
      .map(([{ bytes }, mutations]) => spoiled(bytes, mutations)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)) },
);
