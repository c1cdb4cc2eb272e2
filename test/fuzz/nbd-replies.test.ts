import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeviceError } from '#core/disk/block-device';
import { noRuns, type InFlight } from '#replicator/nbd/in-flight';
import { readCoverage } from '#replicator/nbd/read-coverage';
import { carryMax, replyParser, type ReplyParser } from '#replicator/nbd/reply-parser';
import { command } from '#replicator/nbd/wire';
import { cuts, diskLength, firstLength, goodReplies, portions, spoiledReplies } from '#test/support/nbd-arbitraries';

const guard = 64;
/** A request of each kind, with guards around its buffer so that a stray byte is seen. */
function requestsFor(structured: boolean) {
  const memory = new Uint8Array(diskLength + 2 * guard).fill(0xee);
  const settled = new Map<number, DeviceError | undefined>();
  const make = (request: Omit<InFlight, 'failure' | 'settle'>): InFlight => ({
    ...request,
    failure: undefined,
    settle: () => undefined,
  });
  const waiting = new Map<number, InFlight>([
    [
      1,
      make({
        command: command.read,
        at: 0,
        length: firstLength,
        into: memory.subarray(guard, guard + firstLength),
        ...(structured ? { coverage: readCoverage() } : {}),
      }),
    ],
    [
      2,
      make({
        command: command.read,
        at: firstLength,
        length: diskLength - firstLength,
        into: memory.subarray(guard + firstLength, guard + diskLength),
        ...(structured ? { coverage: readCoverage() } : {}),
      }),
    ],
    [3, make({ command: command.write, at: 0, length: 512 })],
    [4, make({ command: command.flush, at: 0, length: 0 })],
    [
      5,
      make({
        command: command.blockStatus,
        at: 0,
        length: diskLength,
        statuses: new Map([
          [0, noRuns()],
          [7, noRuns()],
        ]),
      }),
    ],
  ]);
  const sink = {
    find: (high: number, low: number) => waiting.get(high * 2 ** 32 + low),
    finish: (high: number, low: number, request: InFlight) => {
      const cookie = high * 2 ** 32 + low;
      expect(settled.has(cookie)).toBe(false);
      waiting.delete(cookie);
      settled.set(cookie, request.failure);
    },
  };
  return { memory, settled, parser: replyParser(sink, { structuredReplies: structured }) };
}

describe('NBD replies, however a server cuts, mixes and orders them', () => {
  it('settle every request once, with its data in its place and nowhere else', () => {
    fc.assert(
      fc.property(goodReplies, cuts, fc.boolean(), ({ bytes, failed, content }, sizes, byWindows) => {
        const { memory, settled, parser } = requestsFor(true);
        const faults = portions(bytes, sizes).map((portion) => take(parser, portion, byWindows));
        expect(faults.every((fault) => fault === undefined)).toBe(true);
        expect([...settled.keys()].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
        expect(settled.get(3)?.type).toBe(failed ? 'NoSpace' : undefined);
        expect(guardsIntact(memory)).toBe(true);
        expect(content.equals(memory.subarray(guard, guard + diskLength))).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it('never throw, settle twice, keep much or touch other memory when they are spoiled', () => {
    fc.assert(
      fc.property(spoiledReplies, cuts, fc.boolean(), fc.boolean(), (bytes, sizes, structured, byWindows) => {
        const { memory, parser } = requestsFor(structured);
        const steps = portions(bytes, sizes).map((portion) => ({
          fault: take(parser, portion, byWindows),
          held: parser.held,
        }));
        expect(steps.every(({ held }) => held <= carryMax)).toBe(true);
        // Once something is wrong, it stays wrong.
        const firstFault = steps.findIndex(({ fault }) => fault !== undefined);
        expect(firstFault < 0 || steps.slice(firstFault).every(({ fault }) => fault === steps[firstFault]?.fault)).toBe(
          true,
        );
        expect(guardsIntact(memory)).toBe(true);
      }),
      { numRuns: 800 },
    );
  });
});

/** Gives a parser bytes as TLS does, or as a plain socket fills its windows. */
function take(parser: ReplyParser, bytes: Buffer, byWindows: boolean): string | undefined {
  if (!byWindows) return parser.feed(bytes);
  let fault: string | undefined;
  for (let at = 0; at < bytes.length;) {
    const window = parser.window();
    const taken = Math.min(window.length, bytes.length - at);
    // A socket that is given no room never reads again.
    if (taken === 0) throw new Error('an empty window');
    window.set(bytes.subarray(at, at + taken));
    fault = parser.filled(taken);
    at += taken;
  }
  return fault;
}
const guardsIntact = (memory: Uint8Array): boolean =>
  [...memory.subarray(0, guard), ...memory.subarray(-guard)].every((byte) => byte === 0xee);
