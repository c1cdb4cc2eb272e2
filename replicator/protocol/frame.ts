import { extent, type Extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { MiB } from '#core/units';
import { blocksIn, digestLength, grain } from '#replicator/pipeline/digest';

/*
 * Frames, as bytes: what gateway, receiver and manager say to each other over TLS.
 *
 *     u32 length of content | u8 type | u8 flags | u16 zero | content            (big-endian; digests little-endian)
 *
 *     message   JSON
 *     data      u64 start | u32 length | u32 zero | digests of its blocks | bytes, packed as the flags say
 *     zero, same, askSettled, askDigests, askRecorded   u64 start | u64 length
 *     settled   (u64 start | u64 length)...           answers askSettled
 *     digests   u64 start | digests                   answers askDigests (read again) and askRecorded (from the journal)
 *     flush, ack   u64 sequence number
 *     keepalive nothing
 *
 * Every length is bounded by its type before a byte of content is kept, so a peer can make us hold one frame of data
 * and no more. What breaks a rule ends the decoder: after it nothing can be trusted to begin a frame.
 */

/** How the bytes of a data frame are packed. */
export const packings = ['none', 'lz4', 'zstd'] as const;
/** One way to pack the bytes of a data frame. */
export type Packing = (typeof packings)[number];

/** One frame, taken apart. */
export type Frame =
  | { readonly type: 'message'; readonly json: string }
  | {
      readonly type: 'data';
      readonly range: Extent;
      readonly digests: BigUint64Array;
      readonly packing: Packing;
      /** The bytes, still packed. In a buffer of the decoder's `allocate`, whose `buffer` this is. */
      readonly packed: Uint8Array;
      readonly buffer: Buffer;
    }
  | { readonly type: 'zero' | 'same'; readonly range: Extent }
  | { readonly type: 'askSettled' | 'askDigests' | 'askRecorded'; readonly range: Extent }
  | { readonly type: 'settled'; readonly ranges: readonly Extent[] }
  | { readonly type: 'digests'; readonly start: number; readonly digests: BigUint64Array }
  | { readonly type: 'flush'; readonly sequence: number }
  | { readonly type: 'ack'; readonly sequence: number }
  | { readonly type: 'keepalive' };

/** How bytes broke the rules. */
export type FrameError =
  | { readonly type: 'UnknownType'; readonly code: number }
  | { readonly type: 'TooLong'; readonly frame: Frame['type']; readonly length: number; readonly max: number }
  | { readonly type: 'Malformed'; readonly frame: Frame['type']; readonly detail: string };

/** The most bytes of disk in one data frame. */
export const dataMax = MiB;
/** The most ranges or digests in one answer: a segment of 1 GiB has this many blocks. */
export const blocksMax = 16_384;
const rangeLength = 16;
const dataHead = 16;
const frameHead = 8;

/** Bytes before the data in a data frame, at most: who leaves this much room in front can send without copying. */
export const dataHeadMax = frameHead + dataHead + (dataMax / grain) * digestLength;

const codes = {
  message: 1,
  data: 2,
  zero: 3,
  same: 4,
  askSettled: 5,
  askDigests: 6,
  settled: 7,
  digests: 8,
  flush: 9,
  ack: 10,
  keepalive: 11,
  askRecorded: 12,
} as const satisfies Record<Frame['type'], number>;

/** The longest content of each type. */
const lengthMax: Record<Frame['type'], number> = {
  // An inventory of a guest is the longest that is said in words.
  message: MiB,
  data: dataHead + (dataMax / grain) * digestLength + dataMax,
  zero: rangeLength,
  same: rangeLength,
  askSettled: rangeLength,
  askDigests: rangeLength,
  askRecorded: rangeLength,
  settled: blocksMax * rangeLength,
  digests: 8 + blocksMax * digestLength,
  flush: 8,
  ack: 8,
  keepalive: 0,
};

const types = new Map<number, Frame['type']>(
  Object.entries(codes).map(([type, code]) => [code, type as Frame['type']]),
);

/** Everything but data as bytes. Lengths are the caller's to keep within bounds. */
export function encodeFrame(frame: Exclude<Frame, { type: 'data' }>): Buffer {
  const content = contentOf(frame);
  // Written in full: here and below. Buffers of zeroes are memory of their own, which costs more than all that is put into it.
  const encoded = Buffer.allocUnsafe(frameHead + content.length);
  encoded.writeUInt32BE(content.length, 0);
  encoded.writeUInt32BE(codes[frame.type] * 2 ** 24, 4);
  encoded.set(content, frameHead);
  return encoded;
}

function contentOf(frame: Exclude<Frame, { type: 'data' }>): Uint8Array {
  switch (frame.type) {
    case 'message':
      return Buffer.from(frame.json);
    case 'zero':
    case 'same':
    case 'askSettled':
    case 'askDigests':
    case 'askRecorded':
      return rangesContent([frame.range]);
    case 'settled':
      return rangesContent(frame.ranges);
    case 'digests': {
      const start = Buffer.allocUnsafe(8);
      start.writeBigUInt64BE(BigInt(frame.start));
      return Buffer.concat([start, digestsContent(frame.digests)]);
    }
    case 'flush':
    case 'ack': {
      const sequence = Buffer.allocUnsafe(8);
      sequence.writeBigUInt64BE(BigInt(frame.sequence));
      return sequence;
    }
    case 'keepalive':
      return Buffer.alloc(0);
  }
}

function rangesContent(ranges: readonly Extent[]): Buffer {
  const content = Buffer.allocUnsafe(ranges.length * rangeLength);
  ranges.forEach(({ start, length }, index) => {
    content.writeBigUInt64BE(BigInt(start), index * rangeLength);
    content.writeBigUInt64BE(BigInt(length), index * rangeLength + 8);
  });
  return content;
}

const digestsContent = (digests: BigUint64Array): Uint8Array =>
  new Uint8Array(digests.buffer, digests.byteOffset, digests.byteLength);

/** The length of what goes before the bytes of a data frame. */
export const dataHeadLength = (range: Extent): number => frameHead + dataHead + blocksIn(range.length) * digestLength;

/** Writes what goes before the bytes of a data frame into the last `dataHeadLength` bytes of `into`. Returns that part. */
export function encodeDataHead(into: Buffer, { range, digests, packing, packedLength }: DataHead): Buffer {
  const head = into.subarray(into.length - dataHeadLength(range));
  head.writeUInt32BE(head.length - frameHead + packedLength, 0);
  head.writeUInt8(codes.data, 4);
  head.writeUInt8(packings.indexOf(packing), 5);
  head.writeUInt16BE(0, 6);
  head.writeBigUInt64BE(BigInt(range.start), frameHead);
  head.writeUInt32BE(range.length, frameHead + 8);
  head.writeUInt32BE(0, frameHead + 12);
  head.set(digestsContent(digests), frameHead + dataHead);
  return head;
}

/** What a data frame says about its bytes. */
export interface DataHead {
  readonly range: Extent;
  readonly digests: BigUint64Array;
  readonly packing: Packing;
  readonly packedLength: number;
}

/** Turns bytes as they arrive into frames. */
export interface FrameDecoder {
  /** The frames that `chunk` completes, in order; or how it broke the rules, after which it takes no more. */
  feed(chunk: Uint8Array): Result<readonly Frame[], FrameError>;
  /** Bytes held of a frame that is not complete. */
  readonly held: number;
}

/** A decoder for one direction of one connection. `allocate` makes room for the content of data frames. */
export function frameDecoder(
  allocate: (length: number) => Buffer = (length) => Buffer.allocUnsafe(length),
): FrameDecoder {
  const head = Buffer.allocUnsafe(frameHead);
  let headHeld = 0;
  let current:
    | { readonly type: Frame['type']; readonly flags: number; readonly buffer: Buffer; readonly length: number }
    | undefined;
  let held = 0;
  let broken: FrameError | undefined;

  const beginFrame = (): FrameError | undefined => {
    const begun = readHead(head);
    if (!begun.ok) return begun.error;
    const { type, flags, length } = begun.value;
    current = { type, flags, length, buffer: type === 'data' ? allocate(length) : Buffer.allocUnsafe(length) };
    headHeld = 0;
    held = 0;
    return undefined;
  };
  const take = (chunk: Uint8Array, frames: Frame[]): FrameError | undefined => {
    for (let at = 0; at < chunk.length || (current && held === current.length);) {
      if (!current) {
        const part = chunk.subarray(at, at + frameHead - headHeld);
        head.set(part, headHeld);
        headHeld += part.length;
        at += part.length;
        const failed = headHeld === frameHead ? beginFrame() : undefined;
        if (failed) return failed;
        continue;
      }
      const part = chunk.subarray(at, at + current.length - held);
      current.buffer.set(part, held);
      held += part.length;
      at += part.length;
      if (held < current.length) continue;
      const frame = readContent(
        current.type,
        current.flags,
        current.buffer.subarray(0, current.length),
        current.buffer,
      );
      current = undefined;
      held = 0;
      if (!frame.ok) return frame.error;
      frames.push(frame.value);
    }
    return undefined;
  };
  return {
    get held() {
      return current ? held : headHeld;
    },
    feed: (chunk) => {
      const frames: Frame[] = [];
      broken ??= take(chunk, frames);
      return broken ? err(broken) : ok(frames);
    },
  };
}

function readHead(head: Buffer): Result<{ type: Frame['type']; flags: number; length: number }, FrameError> {
  const code = head.readUInt8(4);
  const type = types.get(code);
  if (!type) return err({ type: 'UnknownType', code });
  const length = head.readUInt32BE(0);
  const max = lengthMax[type];
  if (length > max) return err({ type: 'TooLong', frame: type, length, max });
  const flags = head.readUInt8(5);
  if (head.readUInt16BE(6) !== 0 || flags >= (type === 'data' ? packings.length : 1)) {
    return err(malformed(type, 'reserved bits are set'));
  }
  return ok({ type, flags, length });
}

const malformed = (frame: Frame['type'], detail: string): FrameError => ({ type: 'Malformed', frame, detail });

function readContent(type: Frame['type'], flags: number, content: Buffer, buffer: Buffer): Result<Frame, FrameError> {
  switch (type) {
    case 'message':
      return ok({ type, json: content.toString() });
    case 'data':
      return readData(flags, content, buffer);
    case 'zero':
    case 'same':
    case 'askSettled':
    case 'askDigests':
    case 'askRecorded': {
      const ranges = readRanges(content);
      const [range] = ranges ?? [];
      return range && ranges?.length === 1 ? ok({ type, range }) : err(malformed(type, 'it is not one range'));
    }
    case 'settled': {
      const ranges = readRanges(content);
      return ranges ? ok({ type, ranges }) : err(malformed(type, 'it is not a list of ranges'));
    }
    case 'digests': {
      const start = content.length < 8 ? NaN : Number(content.readBigUInt64BE(0));
      const fits = Number.isSafeInteger(start) && (content.length - 8) % digestLength === 0;
      return fits ? ok({ type, start, digests: readDigests(content.subarray(8)) }) : err(malformed(type, 'bad list'));
    }
    case 'flush':
    case 'ack': {
      const sequence = content.length === 8 ? Number(content.readBigUInt64BE(0)) : NaN;
      return Number.isSafeInteger(sequence) ? ok({ type, sequence }) : err(malformed(type, 'it is not one number'));
    }
    case 'keepalive':
      return ok({ type });
  }
}

function readData(flags: number, content: Buffer, buffer: Buffer): Result<Frame, FrameError> {
  const wrong = (detail: string) => err(malformed('data', detail));
  if (content.length < dataHead) return wrong('it is too short');
  const start = Number(content.readBigUInt64BE(0));
  const length = content.readUInt32BE(8);
  if (length === 0 || length > dataMax) return wrong(`it has ${length} bytes of disk, and may have ${dataMax}`);
  if (start % grain !== 0 || !Number.isSafeInteger(start + length)) return wrong('it does not start at a block');
  const digestsEnd = dataHead + blocksIn(length) * digestLength;
  const packing = packings[flags];
  if (content.readUInt32BE(12) !== 0 || packing === undefined) return wrong('reserved bits are set');
  if (content.length < digestsEnd) return wrong('it has too few digests');
  const packed = content.subarray(digestsEnd);
  if (packing === 'none' ? packed.length !== length : packed.length >= length)
    return wrong('its bytes are too many or too few');
  const digests = readDigests(content.subarray(dataHead, digestsEnd));
  return ok({ type: 'data', range: extent(start, length), digests, packing, packed, buffer });
}

function readDigests(content: Buffer): BigUint64Array {
  const digests = new BigUint64Array(content.length / digestLength);
  new Uint8Array(digests.buffer).set(content);
  return digests;
}

/** Ranges of whole blocks, the last of a disk perhaps shorter; never empty ones. */
function readRanges(content: Buffer): readonly Extent[] | undefined {
  if (content.length % rangeLength !== 0) return undefined;
  const ranges: Extent[] = [];
  for (let at = 0; at < content.length; at += rangeLength) {
    const start = Number(content.readBigUInt64BE(at));
    const length = Number(content.readBigUInt64BE(at + 8));
    if (start % grain !== 0 || length === 0 || !Number.isSafeInteger(start + length)) return undefined;
    ranges.push(extent(start, length));
  }
  return ranges;
}

/** One sentence for a person. */
export function describeFrameError(error: FrameError): string {
  switch (error.type) {
    case 'UnknownType':
      return `a frame of unknown type ${error.code}`;
    case 'TooLong':
      return `a ${error.frame} frame of ${error.length} bytes, where ${error.max} are allowed`;
    case 'Malformed':
      return `a malformed ${error.frame} frame: ${error.detail}`;
  }
}
