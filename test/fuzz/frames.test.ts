import { xxh64 } from '@node-rs/xxhash';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extent, type Extent } from '#core/disk/extent';
import { blocksIn, grain } from '#replicator/pipeline/digest';
import {
  dataMax,
  describeFrameError,
  encodeDataHead,
  encodeFrame,
  frameDecoder,
  packings,
  type Frame,
} from '#replicator/protocol/frame';
import { readMessage } from '#replicator/protocol/message';
import { packer, packingsHere, unpack } from '#replicator/protocol/packer';

const range: fc.Arbitrary<Extent> = fc
  .tuple(fc.nat(2 ** 30), fc.integer({ min: 1, max: 2 ** 40 }))
  .map(([block, length]) => extent(block * grain, length));
const digests = (count: number): fc.Arbitrary<BigUint64Array> =>
  fc
    .array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: count, maxLength: count })
    .map((list) => new BigUint64Array(list));
const sequence = fc.maxSafeNat();

/** A frame and its bytes. */
interface Encoded {
  readonly frame: object;
  readonly bytes: Buffer;
}

const plain: fc.Arbitrary<Exclude<Frame, { type: 'data' }>> = fc.oneof(
  fc.string().map((json) => ({ type: 'message', json }) as const),
  fc.tuple(fc.constantFrom('zero', 'same'), range).map(([type, at]) => ({ type, range: at }) as const),
  fc
    .tuple(fc.constantFrom('askSettled', 'askDigests', 'askRecorded'), range)
    .map(([type, at]) => ({ type, range: at }) as const),
  fc.array(range, { maxLength: 20 }).map((ranges) => ({ type: 'settled', ranges }) as const),
  fc.tuple(fc.nat(), digests(5)).map(([start, list]) => ({ type: 'digests', start, digests: list }) as const),
  sequence.map((number) => ({ type: 'flush', sequence: number }) as const),
  sequence.map((number) => ({ type: 'ack', sequence: number }) as const),
  fc.constant({ type: 'keepalive' } as const),
);
const data: fc.Arbitrary<Encoded> = fc
  .tuple(fc.nat(1_000), fc.integer({ min: 1, max: 3 * grain }), fc.constantFrom(...packings), fc.nat(255))
  .chain(([block, length, packing, fill]) =>
    digests(blocksIn(length)).map((list) => {
      const at = extent(block * grain, length);
      const packed = Buffer.alloc(packing === 'none' ? length : Math.floor(length / 2), fill);
      const head = encodeDataHead(Buffer.alloc(400), {
        range: at,
        digests: list,
        packing,
        packedLength: packed.length,
      });
      const frame = { type: 'data', range: at, digests: list, packing, packed: xxh64(packed) };
      return { frame, bytes: Buffer.concat([head, packed]) };
    }),
  );
const encoded: fc.Arbitrary<Encoded> = fc.oneof(
  { weight: 4, arbitrary: plain.map((frame) => ({ frame, bytes: encodeFrame(frame) })) },
  { weight: 1, arbitrary: data },
);

const cutAt = (bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] => {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
};
const shown = (frame: Frame): object => {
  if (frame.type !== 'data') return frame;
  const { type, range: at, digests: list, packing, packed } = frame;
  return { type, range: at, digests: list, packing, packed: xxh64(packed) };
};

describe('frames', () => {
  it('arrive as they were sent, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(encoded, { maxLength: 8 }), fc.array(fc.nat()), (sent, cuts) => {
        const decoder = frameDecoder();
        const arrived: object[] = [];
        for (const chunk of cutAt(Buffer.concat(sent.map(({ bytes }) => bytes)), cuts)) {
          const frames = decoder.feed(chunk);
          if (!frames.ok) throw new Error(describeFrameError(frames.error));
          arrived.push(...frames.value.map(shown));
        }
        expect(arrived).toEqual(sent.map(({ frame }) => frame));
        expect(decoder.held).toBe(0);
      }),
    );
  });

  it('that are noise or damaged are a typed error at most, and nothing after it is believed', () => {
    const damage = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(
        fc.array(encoded, { minLength: 1, maxLength: 4 }),
        fc.array(damage, { maxLength: 5 }),
        fc.uint8Array({ maxLength: 64 }),
        fc.array(fc.nat()),
        (sent, damages, noise, cuts) => {
          const bytes = Buffer.concat([...sent.map((one) => one.bytes), noise]);
          for (const [at, flip] of damages) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip;
          const decoder = frameDecoder();
          let broken = false;
          for (const chunk of cutAt(bytes, cuts)) {
            const frames = decoder.feed(chunk);
            if (broken) expect(frames.ok).toBe(false);
            if (frames.ok) continue;
            broken = true;
            expect(describeFrameError(frames.error)).toMatch(/frame/);
          }
          expect(decoder.held).toBeLessThanOrEqual(dataMax + 4_096);
        },
      ),
    );
  });

  it('make a decoder hold no more than the bound of their type, whatever length they claim', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (type, flags, length) => {
        const allocated: number[] = [];
        const decoder = frameDecoder((room) => {
          allocated.push(room);
          return Buffer.alloc(0);
        });
        const head = Buffer.alloc(8);
        head.writeUInt32BE(length, 0);
        head.writeUInt8(type, 4);
        head.writeUInt8(flags, 5);
        const before = process.memoryUsage.rss();
        decoder.feed(head);
        for (const room of allocated) expect(room).toBeLessThanOrEqual(dataMax + 4_096);
        expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 2 ** 20);
      }),
    );
  });

  it('whose bytes are fewer or more than they say are refused', () => {
    const at = extent(0, grain);
    const list = new BigUint64Array(1);
    for (const packedLength of [0, 1, grain - 1, grain + 1]) {
      const head = encodeDataHead(Buffer.alloc(64), { range: at, digests: list, packing: 'none', packedLength });
      const frames = frameDecoder().feed(Buffer.concat([head, Buffer.alloc(packedLength)]));
      expect(frames).toMatchObject({ ok: false, error: { type: 'Malformed', frame: 'data' } });
    }
  });
});

describe('messages', () => {
  it('that are any JSON at all are read or refused in a sentence', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (json) => {
        const read = readMessage(json);
        expect(read.ok || read.error.startsWith('a message that')).toBe(true);
      }),
    );
  });

  it('with one field of the wrong kind are refused', () => {
    const good = {
      type: 'OpenRound',
      session: 'm-1',
      disk: 'vda',
      target: 'disk.raw',
      size: 1_024,
      round: 0,
      mode: 'full',
      overwrite: false,
    };
    expect(readMessage(JSON.stringify(good)).ok).toBe(true);
    const wrong = fc.constantFrom<unknown>(-1, 1.5, null, [], {}, '', 'x'.repeat(5_000), true);
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(good)), wrong, (field, value) => {
        // A target without a name is for the receiver to refuse, in a sentence.
        const same = (field === 'overwrite' && value === true) || (field === 'target' && value === '');
        expect(readMessage(JSON.stringify({ ...good, [field]: value })).ok).toBe(same);
      }),
    );
  });

  it('carry an error only if all of it is there', () => {
    const error = { type: 'SizeMismatch', target: 'disk.raw', source: 5, actual: 6 };
    expect(readMessage(JSON.stringify({ type: 'Failed', error }))).toEqual({
      ok: true,
      value: { type: 'Failed', error },
    });
    for (const field of Object.keys(error)) {
      const { [field as keyof typeof error]: _gone, ...rest } = error;
      expect(readMessage(JSON.stringify({ type: 'Failed', error: rest })).ok).toBe(false);
    }
    const nested = { type: 'SourceFailed', source: 'x', error: { type: 'IoError', at: 1, length: 2, detail: 'd' } };
    expect(readMessage(JSON.stringify({ type: 'Failed', error: nested })).ok).toBe(true);
    const bad = { ...nested, error: { ...nested.error, at: 'far' } };
    expect(readMessage(JSON.stringify({ type: 'Failed', error: bad })).ok).toBe(false);
    expect(readMessage(JSON.stringify({ type: 'Failed', error: { type: 'toString' } })).ok).toBe(false);
  });
});

describe.each(packingsHere.filter((packing) => packing !== 'none'))('bytes packed with %s', (packing) => {
  const text = fc.array(fc.constantFrom('sealift ', 'moves ', 'disks '), { minLength: 100, maxLength: 400 });

  it('unpack to what they were', () => {
    fc.assert(
      fc.property(text, (words) => {
        const bytes = Buffer.from(words.join(''));
        const packed = packer(packing).pack(bytes);
        expect(packed && Buffer.from(unpack(packing, packed, bytes.length) ?? [])).toEqual(bytes);
      }),
    );
  });

  it('that are damaged, noise, or of another length are refused without a throw', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.uint8Array(), (words, at, flip, noise) => {
        const bytes = Buffer.from(words.join(''));
        const packed = Buffer.from(packer(packing).pack(bytes) ?? []);
        expect(unpack(packing, packed, bytes.length - 1)).toBeUndefined();
        expect(unpack(packing, packed, bytes.length + 1)).toBeUndefined();
        unpack(packing, noise, 1_000);
        packed[at % packed.length] = (packed[at % packed.length] ?? 0) ^ flip;
        const unpacked = unpack(packing, packed, bytes.length);
        expect(unpacked === undefined || unpacked.length === bytes.length).toBe(true);
      }),
    );
  });

  it('are not made of what does not shrink, and it is tried ever less often', () => {
    const seed =
      fc.sample(fc.uint8Array({ minLength: 256, maxLength: 256 }), { numRuns: 1, seed: 7 })[0] ?? new Uint8Array(0);
    // A linear congruence over the seed: as good as random to a compressor.
    let state = seed.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 1);
    const noise = Buffer.from(
      Array.from({ length: grain }, () => (state = (state * 1_664_525 + 1_013_904_223) >>> 0) >>> 24),
    );
    const pack = packer(packing);
    for (let chunk = 0; chunk < 100; chunk += 1) expect(pack.pack(noise)).toBeUndefined();
    const zeroes = Buffer.alloc(grain, 'a');
    const tried = Array.from({ length: 40 }, () => pack.pack(zeroes)).findIndex((packed) => packed !== undefined);
    expect(tried).toBeGreaterThan(0);
    expect(tried).toBeLessThanOrEqual(31);
  });
});
