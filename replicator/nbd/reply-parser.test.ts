import { describe, expect, it } from 'vitest';
import type { DeviceError } from '#core/disk/block-device';
import {
  chunk,
  dataChunk,
  errorChunk,
  hex,
  holeChunk,
  simpleReply,
  statusChunk,
  u32,
  u64,
} from '#test/support/nbd-wire';
import { noRuns, type InFlight } from './in-flight.ts';
import { piecesMax, readCoverage } from './read-coverage.ts';
import { carryMax, errorsMax, replyParser, scratchLength, type ReplyParser } from './reply-parser.ts';
import { command } from './wire.ts';

type Settled = { readonly cookie: number; readonly failure: DeviceError | undefined };

/** A parser with requests waiting, as a connection has them. */
function receiver(requests: Readonly<Record<number, InFlight>>, structuredReplies = true) {
  const waiting = new Map(Object.entries(requests).map(([cookie, request]) => [Number(cookie), request]));
  const settled: Settled[] = [];
  const sink = {
    find: (high: number, low: number) => waiting.get(high * 2 ** 32 + low),
    finish: (high: number, low: number, request: InFlight) => {
      waiting.delete(high * 2 ** 32 + low);
      settled.push({ cookie: high * 2 ** 32 + low, failure: request.failure });
    },
  };
  return { parser: replyParser(sink, { structuredReplies }), settled, waiting };
}

const inFlight = (code: InFlight['command'], at: number, length: number, more: Partial<InFlight> = {}): InFlight => ({
  command: code,
  at,
  length,
  failure: undefined,
  settle: () => undefined,
  ...more,
});
const reading = (at: number, length: number, structured = true): InFlight & { into: Uint8Array } => ({
  ...inFlight(command.read, at, length),
  into: new Uint8Array(length).fill(0xee),
  ...(structured ? { coverage: readCoverage() } : {}),
});
const asking = (at: number, length: number, ...contexts: readonly number[]) =>
  inFlight(command.blockStatus, at, length, { statuses: new Map(contexts.map((id) => [id, noRuns()])) });

/** Byte by byte, in odd portions, at once, and through windows as the socket fills them. */
const ways: readonly [string, (parser: ReplyParser, bytes: Uint8Array) => string | undefined][] = [
  ...[1, 3, 1000, Infinity].map(
    (portion) =>
      [`in portions of ${portion}`, (parser: ReplyParser, bytes: Uint8Array) => inPortions(parser, bytes, portion)] as [
        string,
        typeof throughWindows,
      ],
  ),
  ['through windows', throughWindows],
];
function inPortions(parser: ReplyParser, bytes: Uint8Array, portion: number): string | undefined {
  let fault: string | undefined;
  for (let at = 0; at < bytes.length; at += Math.min(portion, bytes.length))
    fault ??= parser.feed(bytes.subarray(at, Math.min(bytes.length, at + portion)));
  return fault;
}
function throughWindows(parser: ReplyParser, bytes: Uint8Array): string | undefined {
  let fault: string | undefined;
  for (let at = 0; at < bytes.length && fault === undefined;) {
    const window = parser.window();
    const taken = Math.min(window.length, bytes.length - at);
    window.set(bytes.subarray(at, at + taken));
    fault = parser.filled(taken);
    at += taken;
  }
  return fault;
}
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

describe.each(ways)('replies that come %s', (_, feed) => {
  it('settle the request they belong to, in any order', () => {
    const { parser, settled } = receiver({
      1: inFlight(command.write, 0, 8),
      2: inFlight(command.flush, 0, 0),
      [2 ** 32 + 3]: inFlight(command.writeZeroes, 0, 8),
    });
    expect(feed(parser, Buffer.concat([chunk(2 ** 32 + 3, 0, 1), simpleReply(2), simpleReply(1, 28)]))).toBeUndefined();
    expect(settled).toEqual([
      { cookie: 2 ** 32 + 3, failure: undefined },
      { cookie: 2, failure: undefined },
      { cookie: 1, failure: { type: 'NoSpace', at: 0, length: 8, detail: 'the server has no space left' } },
    ]);
  });

  it('put data where it belongs: in pieces, out of order, mixed with those of others, holes as zeroes', () => {
    const long = pattern(3 * scratchLength + 17);
    const [first, second] = [reading(4096, long.length + 512), reading(0, 100)];
    const { parser, settled } = receiver({ 1: first, 2: second });
    const said = [
      dataChunk(1, 4096 + 512, long, 0),
      dataChunk(2, 60, pattern(40), 0),
      holeChunk(1, 4096, 512, 0),
      holeChunk(2, 0, 60, 1),
      chunk(1, 0, 1),
    ];
    expect(feed(parser, Buffer.concat(said))).toBeUndefined();
    expect(settled.map(({ cookie }) => cookie)).toEqual([2, 1]);
    expect(Buffer.from(first.into).equals(Buffer.concat([Buffer.alloc(512), long]))).toBe(true);
    expect(Buffer.from(second.into).equals(Buffer.concat([Buffer.alloc(60), pattern(40)]))).toBe(true);
  });

  it('are placed by all of their 64-bit address', () => {
    const far = 5 * 2 ** 32 + 4096;
    const request = reading(far, 12);
    const { parser, settled } = receiver({ 1: request });
    expect(feed(parser, Buffer.concat([dataChunk(1, far + 4, pattern(8), 0), holeChunk(1, far, 4)]))).toBeUndefined();
    expect(settled).toHaveLength(1);
    expect(Buffer.from(request.into).equals(Buffer.concat([Buffer.alloc(4), pattern(8)]))).toBe(true);
  });

  it('carry data behind simple replies where structured ones were not agreed on', () => {
    const long = pattern(2 * scratchLength + 5);
    const [first, second] = [reading(512, long.length, false), reading(0, 3, false)];
    const { parser, settled } = receiver({ 1: first, 2: second }, false);
    expect(feed(parser, Buffer.concat([simpleReply(1, 0, long), simpleReply(2, 0, hex('010203'))]))).toBeUndefined();
    expect(settled).toHaveLength(2);
    expect(Buffer.from(first.into).equals(long)).toBe(true);
    expect(second.into).toEqual(new Uint8Array([1, 2, 3]));
  });

  it('fail a READ with the first error, and only once all chunks are there', () => {
    const { parser, settled } = receiver({ 1: reading(0, 100) });
    expect(
      feed(parser, Buffer.concat([dataChunk(1, 0, pattern(10), 0), errorChunk(1, 5, 'media\r\nerror', 0)])),
    ).toBeUndefined();
    expect(settled).toEqual([]);
    const withOffset = chunk(1, 0x8002, 1, Buffer.concat([u32(22), hex('0000'), u64(50)]));
    expect(feed(parser, withOffset)).toBeUndefined();
    expect(settled).toEqual([
      {
        cookie: 1,
        failure: { type: 'IoError', at: 0, length: 100, detail: 'the server failed the read: media error' },
      },
    ]);
  });

  it('keep what every context says, neighbours merged, the last run beyond the end', () => {
    const request = asking(0, 4096, 0, 7);
    const { parser, settled } = receiver({ 1: request });
    const said = [statusChunk(1, 7, [1024, 0, 8192, 1], 0), statusChunk(1, 0, [512, 3, 512, 3, 3072, 0], 1)];
    expect(feed(parser, Buffer.concat(said))).toBeUndefined();
    expect(settled).toEqual([{ cookie: 1, failure: undefined }]);
    expect(request.statuses?.get(7)).toEqual({ list: [1024, 0, 8192, 1], kept: 9216, total: 9216 });
    expect(request.statuses?.get(0)).toEqual({ list: [1024, 3, 3072, 0], kept: 4096, total: 4096 });
  });

  it.each<[string, InFlight, Buffer, string]>([
    ['an unknown magic', reading(0, 8), hex('deadbeef'), 'a reply starts with 0xdeadbeef'],
    ['a reply to nobody', reading(0, 8), chunk(9, 0, 1), 'not waiting'],
    ['a second reply', inFlight(command.flush, 0, 0), Buffer.concat([simpleReply(1), simpleReply(1)]), 'not waiting'],
    ['a simple reply to a READ', reading(0, 8), simpleReply(1, 0, pattern(8)), 'simple reply though structured'],
    ['a simple reply to a BLOCK_STATUS', asking(0, 8, 0), simpleReply(1), 'simple reply'],
    ['an empty chunk that is not the last', reading(0, 8), chunk(1, 0, 0), 'is not the last'],
    ['an empty chunk with a payload', reading(0, 8), chunk(1, 0, 1, hex('00')), 'has a length of 1'],
    ['an unknown chunk', reading(0, 8), chunk(1, 77, 1), 'unknown type 77'],
    ['data for a WRITE', inFlight(command.write, 0, 8), dataChunk(1, 0, pattern(8)), 'no READ'],
    ['a hole for a WRITE', inFlight(command.write, 0, 8), holeChunk(1, 0, 8), 'no READ'],
    ['a block status for a READ', reading(0, 8), statusChunk(1, 0, [8, 0]), 'did not ask'],
    ['an empty data chunk', reading(0, 8), dataChunk(1, 0, hex('')), 'a length of 8 answers a READ of 8'],
    ['more data than asked for', reading(0, 8), dataChunk(1, 0, pattern(9)), 'a length of 17 answers a READ of 8'],
    ['data before the request', reading(8, 8), dataChunk(1, 7, pattern(8)), 'outside the READ'],
    ['data beyond the request', reading(8, 8), dataChunk(1, 9, pattern(8)), 'outside the READ'],
    [
      'data at an address beyond numbers',
      reading(8, 8),
      chunk(1, 1, 1, Buffer.concat([hex('ffffffffffffffff'), pattern(8)])),
      'outside the READ',
    ],
    ['a hole beyond the request', reading(8, 8), holeChunk(1, 8, 9), 'outside the READ'],
    ['an empty hole', reading(8, 8), holeChunk(1, 8, 0), 'is empty'],
    ['a hole of the wrong form', reading(8, 8), chunk(1, 2, 1, pattern(13)), 'a hole chunk has a length of 13'],
    [
      'data twice',
      reading(0, 8),
      Buffer.concat([dataChunk(1, 0, pattern(4), 0), dataChunk(1, 3, pattern(4), 0)]),
      'overlap',
    ],
    ['a gap', reading(0, 8), dataChunk(1, 0, pattern(7)), 'READ of 8 bytes was answered with 7'],
    ['no data at all', reading(0, 8), chunk(1, 0, 1), 'was answered with 0'],
    ['a status of no extents', asking(0, 8, 0), statusChunk(1, 0, []), 'a length of 4'],
    ['a status cut short', asking(0, 8, 0), chunk(1, 5, 1, pattern(13)), 'a length of 13'],
    [
      'a status of a context not agreed on',
      asking(0, 8, 0),
      statusChunk(1, 1, [8, 0]),
      'the context 1, which was not agreed on',
    ],
    [
      'a status twice',
      asking(0, 8, 0),
      Buffer.concat([statusChunk(1, 0, [8, 0], 0), statusChunk(1, 0, [8, 0])]),
      'two block statuses',
    ],
    ['an empty extent', asking(0, 8, 0), statusChunk(1, 0, [0, 0]), 'empty extent'],
    ['an extent beyond the end', asking(0, 8, 0), statusChunk(1, 0, [8, 0, 8, 1]), 'beyond the end'],
    ['a context left out', asking(0, 8, 0, 1), statusChunk(1, 0, [8, 0]), 'without the context 1'],
    [
      'an error without room for a code',
      reading(0, 8),
      chunk(1, 0x8001, 1, pattern(5)),
      'an error chunk has a length of 5',
    ],
    [
      'an error longer than any message',
      reading(0, 8),
      chunk(1, 0x8001, 1, pattern(carryMax + 1)),
      `a length of ${carryMax + 1}`,
    ],
    [
      'an error whose message is longer than it',
      reading(0, 8),
      chunk(1, 0x8001, 1, Buffer.concat([u32(5), hex('0003 6161')])),
      'holds a message of 3',
    ],
    ['an error that is none', reading(0, 8), errorChunk(1, 0), 'no error'],
  ])('that break the protocol are noticed: %s', (_name, request, said, fault) => {
    const { parser, settled } = receiver({ 1: request });
    expect(feed(parser, said)).toContain(fault);
    // Whatever follows is not looked at: the parser stays where it stopped.
    const before = settled.length;
    expect(feed(parser, simpleReply(1))).toContain(fault);
    expect(settled).toHaveLength(before);
  });
});

describe('the parser', () => {
  it('refuses structured replies that were not agreed on', () => {
    const { parser } = receiver({ 1: reading(0, 8, false) }, false);
    expect(parser.feed(chunk(1, 0, 1))).toContain('none were agreed on');
  });

  it('takes errors in simple form even for a READ, and error types it does not know', () => {
    const { parser, settled } = receiver({ 1: reading(0, 8), 2: reading(0, 8) });
    expect(
      parser.feed(
        Buffer.concat([simpleReply(1, 108), chunk(2, 0x8fff, 1, Buffer.concat([u32(1), hex('0000 aabbcc')]))]),
      ),
    ).toBeUndefined();
    expect(settled.map(({ failure }) => failure?.type)).toEqual(['ConnectionLost', 'ReadOnly']);
  });

  it("points straight into the caller's buffer while a long payload comes, and nowhere near it otherwise", () => {
    const request = reading(0, 4 * scratchLength);
    const { parser } = receiver({ 1: request });
    expect(parser.window()).toHaveLength(scratchLength);
    parser.feed(dataChunk(1, 0, pattern(4 * scratchLength)).subarray(0, 28 + 10));
    const window = parser.window();
    expect([window.buffer === request.into.buffer, window.byteOffset, window.length]).toEqual([
      true,
      10,
      4 * scratchLength - 10,
    ]);
    parser.filled(3 * scratchLength - 10);
    expect(parser.window().buffer === request.into.buffer).toBe(false);
  });

  it('gives up on a server that never stops failing a request', () => {
    const { parser, settled } = receiver({ 1: reading(0, 8) });
    const said = Array.from({ length: errorsMax }, () => errorChunk(1, 5, '', 0));
    expect(parser.feed(Buffer.concat(said))).toBeUndefined();
    expect(parser.feed(errorChunk(1, 5, '', 0))).toContain('more than 1024 error chunks');
    expect(settled).toEqual([]);
  });

  it('gives up on a READ scattered over too many pieces', () => {
    const { parser } = receiver({ 1: reading(0, 4 * piecesMax) });
    const said = Array.from({ length: piecesMax + 1 }, (_, i) => dataChunk(1, 2 * i, hex('01'), 0));
    expect(parser.feed(Buffer.concat(said))).toContain('too many pieces');
  });
});
