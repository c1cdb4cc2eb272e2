import { extent, type Extent } from '#core/disk/extent';
import { KiB, MiB } from '#core/units';

/*
 * What guest and gateway say to each other on the data connection, as bytes. The gateway asks, the guest answers, in any
 * order: an answer carries the number of its question.
 *
 *     u32 length of content | u8 type | u8 u8 u8 zero | u32 number of the question | content         (big-endian)
 *
 *     open      name of the disk                                          answered by opened or failed
 *     read      u64 start | u32 length | name of the disk                 by data, zero or failed
 *     changes   u64 start | u64 length | u64 mark | u8 length of the name | name of the disk | owner of the mark
 *                                                                         by extents or failed
 *     opened    u64 size | u32 block size
 *     data      as many bytes as were asked for
 *     zero      nothing: all that was asked for is zeroes
 *     extents   u64 up to where they tell | (u64 start | u64 length)...
 *     failed    JSON
 *     keepalive nothing, number 0
 *
 * Each type has a greatest length, checked before a byte of content is kept. Whatever breaks a rule ends the decoder.
 */

/** What the gateway says. */
export type Question =
  | { readonly type: 'open'; readonly id: number; readonly disk: string }
  | {
      readonly type: 'read';
      readonly id: number;
      readonly disk: string;
      readonly start: number;
      readonly length: number;
    }
  | {
      readonly type: 'changes';
      readonly id: number;
      readonly disk: string;
      readonly range: Extent;
      readonly mark: { readonly owner: string; readonly number: number };
    };

/** What the guest says, beside the content of disks. */
export type Answer =
  | { readonly type: 'opened'; readonly id: number; readonly size: number; readonly blockSize: number }
  | { readonly type: 'zero'; readonly id: number }
  | { readonly type: 'extents'; readonly id: number; readonly until: number; readonly extents: readonly Extent[] }
  | { readonly type: 'failed'; readonly id: number; readonly json: string };

/** Anything but data. */
export type SmallFrame = Question | Answer | { readonly type: 'keepalive' };
type FrameType = SmallFrame['type'] | 'data';

/** The most bytes of disk in one answer. */
export const readMax = MiB;
/** The most extents in one answer. */
export const extentsMax = 4_096;
const headLength = 12;
const nameMax = 100;
const ownerMax = 200;

const codes = {
  open: 1,
  read: 2,
  changes: 3,
  opened: 16,
  data: 17,
  zero: 18,
  extents: 19,
  failed: 20,
  keepalive: 32,
} as const satisfies Record<FrameType, number>;

const lengthMax: Record<FrameType, number> = {
  open: nameMax,
  read: 12 + nameMax,
  changes: 25 + nameMax + ownerMax,
  opened: 12,
  data: readMax,
  zero: 0,
  extents: 8 + extentsMax * 16,
  failed: 16 * KiB,
  keepalive: 0,
};

const typeOf = new Map<number, FrameType>(Object.entries(codes).map(([type, code]) => [code, type as FrameType]));

/** A frame as bytes. Names and lengths are the caller's to keep within bounds. */
export function encodeFrame(frame: SmallFrame): Buffer {
  const content = contentOf(frame);
  return Buffer.concat([headOf(frame.type, frame.type === 'keepalive' ? 0 : frame.id, content.length), content]);
}

/** What goes before the bytes of an answer with content. */
export const dataHead = (id: number, length: number): Buffer => headOf('data', id, length);

function headOf(type: FrameType, id: number, length: number): Buffer {
  // Written in full: here and below. Buffers of zeroes are memory of their own, which costs more than all that is put into it.
  const head = Buffer.allocUnsafe(headLength);
  head.writeUInt32BE(length, 0);
  head.writeUInt32BE(codes[type] * 2 ** 24, 4);
  head.writeUInt32BE(id, 8);
  return head;
}

function contentOf(frame: SmallFrame): Buffer {
  switch (frame.type) {
    case 'open':
      return Buffer.from(frame.disk);
    case 'read': {
      const fixed = Buffer.allocUnsafe(12);
      fixed.writeBigUInt64BE(BigInt(frame.start), 0);
      fixed.writeUInt32BE(frame.length, 8);
      return Buffer.concat([fixed, Buffer.from(frame.disk)]);
    }
    case 'changes': {
      const disk = Buffer.from(frame.disk);
      const fixed = numbers(frame.range.start, frame.range.length, frame.mark.number);
      return Buffer.concat([fixed, Buffer.from([disk.length]), disk, Buffer.from(frame.mark.owner)]);
    }
    case 'opened': {
      const content = Buffer.allocUnsafe(12);
      content.writeBigUInt64BE(BigInt(frame.size), 0);
      content.writeUInt32BE(frame.blockSize, 8);
      return content;
    }
    case 'extents':
      return numbers(frame.until, ...frame.extents.flatMap(({ start, length }) => [start, length]));
    case 'failed':
      return Buffer.from(frame.json);
    case 'zero':
    case 'keepalive':
      return Buffer.alloc(0);
  }
}

function numbers(...values: readonly number[]): Buffer {
  const content = Buffer.allocUnsafe(values.length * 8);
  values.forEach((value, index) => content.writeBigUInt64BE(BigInt(value), index * 8));
  return content;
}

/** Who takes what a decoder finds. Each call may say, in a sentence, how it breaks a rule: that ends the decoder. */
export interface FrameTaker {
  take(frame: SmallFrame): string | undefined;
  /** Where the content of answer `id` goes: exactly `length` bytes. A sentence if nobody asked for that. */
  roomFor(id: number, length: number): Uint8Array | string;
  /** All of it is there. */
  filled(id: number): void;
}

/** Takes bytes as they arrive. Answers how they broke the rules, after which it must not be fed any more. */
export type FrameFeed = (chunk: Uint8Array) => string | undefined;

/** A decoder of one direction. Holds the content of one small frame at most; content of disks goes straight to its place. */
export function frameFeed(taker: FrameTaker): FrameFeed {
  const head = Buffer.allocUnsafe(headLength);
  let headHeld = 0;
  let current: { readonly type: FrameType; readonly id: number; readonly into: Uint8Array } | undefined;
  let held = 0;

  const beginFrame = (): string | undefined => {
    const begun = readHead(head);
    if (typeof begun === 'string') return begun;
    const { type, id, length } = begun;
    const into = type === 'data' ? taker.roomFor(id, length) : Buffer.allocUnsafe(length);
    if (typeof into === 'string') return into;
    current = { type, id, into };
    held = 0;
    return undefined;
  };
  const endFrame = ({ type, id, into }: NonNullable<typeof current>): string | undefined => {
    current = undefined;
    headHeld = 0;
    if (type === 'data') {
      taker.filled(id);
      return undefined;
    }
    const frame = readContent(type, id, Buffer.from(into.buffer, into.byteOffset, into.length));
    return frame === undefined ? `a malformed ${type} frame` : taker.take(frame);
  };
  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      if (current === undefined) {
        const part = chunk.subarray(at, at + headLength - headHeld);
        head.set(part, headHeld);
        headHeld += part.length;
        at += part.length;
        const wrong = headHeld === headLength ? beginFrame() : undefined;
        if (wrong !== undefined) return wrong;
      } else {
        const part = chunk.subarray(at, at + current.into.length - held);
        current.into.set(part, held);
        held += part.length;
        at += part.length;
      }
      if (current === undefined || held < current.into.length) continue;
      const wrong = endFrame(current);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };
}

function readHead(head: Buffer): { readonly type: FrameType; readonly id: number; readonly length: number } | string {
  const type = typeOf.get(head.readUInt8(4));
  if (type === undefined) return `a frame of unknown type ${head.readUInt8(4)}`;
  const length = head.readUInt32BE(0);
  if (length > lengthMax[type]) return `a ${type} frame of ${length} bytes, where ${lengthMax[type]} are allowed`;
  const id = head.readUInt32BE(8);
  if (head.readUInt8(5) !== 0 || head.readUInt16BE(6) !== 0 || (type === 'keepalive' && id !== 0))
    return `a ${type} frame with reserved bits set`;
  return { type, id, length };
}

function readContent(type: Exclude<FrameType, 'data'>, id: number, content: Buffer): SmallFrame | undefined {
  switch (type) {
    case 'open':
      return isName(content) ? { type, id, disk: content.toString() } : undefined;
    case 'read': {
      if (content.length < 12 || !isName(content.subarray(12))) return undefined;
      const start = Number(content.readBigUInt64BE(0));
      const length = content.readUInt32BE(8);
      const fits = Number.isSafeInteger(start + length) && length > 0 && length <= readMax;
      return fits ? { type, id, disk: content.subarray(12).toString(), start, length } : undefined;
    }
    case 'changes':
      return readChanges(id, content);
    case 'opened': {
      const size = content.length === 12 ? Number(content.readBigUInt64BE(0)) : NaN;
      const blockSize = content.length === 12 ? content.readUInt32BE(8) : 0;
      // Lengths are divided by it, and BlockDevice promises a power of two.
      const fits = Number.isSafeInteger(size) && blockSize >= 512 && (blockSize & (blockSize - 1)) === 0;
      return fits && size % blockSize === 0 ? { type, id, size, blockSize } : undefined;
    }
    case 'extents':
      return readExtents(id, content);
    case 'failed':
      return { type, id, json: content.toString() };
    case 'zero':
      return { type, id };
    case 'keepalive':
      return { type };
  }
}

function readChanges(id: number, content: Buffer): SmallFrame | undefined {
  if (content.length < 25) return undefined;
  const [start = NaN, length = NaN, number = NaN] = [0, 8, 16].map((at) => Number(content.readBigUInt64BE(at)));
  const name = content.subarray(25, 25 + content.readUInt8(24));
  const owner = content.subarray(25 + content.readUInt8(24));
  const fits = Number.isSafeInteger(start + length) && Number.isSafeInteger(number) && length > 0;
  if (!fits || !isName(name) || owner.length === 0 || owner.length > ownerMax) return undefined;
  return {
    type: 'changes',
    id,
    disk: name.toString(),
    range: extent(start, length),
    mark: { owner: owner.toString(), number },
  };
}

/** In order, apart from each other, not empty, and before where they end to tell. */
function readExtents(id: number, content: Buffer): SmallFrame | undefined {
  if (content.length < 8 || content.length % 16 !== 8) return undefined;
  const until = Number(content.readBigUInt64BE(0));
  if (!Number.isSafeInteger(until)) return undefined;
  const extents: Extent[] = [];
  let end = 0;
  for (let at = 8; at < content.length; at += 16) {
    const start = Number(content.readBigUInt64BE(at));
    const length = Number(content.readBigUInt64BE(at + 8));
    if (length === 0 || start < end || !(start + length <= until)) return undefined;
    extents.push(extent(start, length));
    end = start + length;
  }
  return { type: 'extents', id, until, extents };
}

const isName = (content: Buffer): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(content.toString('latin1'));
