import type { BlockEventFormat, PageFormat } from './trace-format.ts';

/*
 * One page of a ring buffer of the kernel, as `trace_pipe_raw` hands it out (Documentation/trace/ring-buffer-design):
 *
 *     u64 timestamp | commit: bytes of records, with flags above | records...
 *
 *     record: u32 head (type_len: 5 bits, time: 27 bits) | payload
 *       type_len 1..28  payload of so many times 4 bytes
 *       type_len 0      u32 length, which counts itself, | payload
 *       29 padding      time 0: the rest of the page is empty; otherwise u32 length as above, nothing in it
 *       30, 31          u32 more: time stamps
 *
 * Little-endian: with the other order the bits of the head are the other way round, and no tracking is offered there.
 */

/** A completed request that changed, or may have changed, the content of a disk. */
export interface CompletedRequest {
  readonly dev: number;
  /** In sectors of 512 bytes, from the start of the whole disk. Beyond its end for commands that have no place. */
  readonly sector: number;
  readonly sectors: number;
  /** Kind and flags of the request, in letters: `WS`, `FWFS`, `D`, `N`. */
  readonly isDiscard: boolean;
}

/** What a page had beside its records. */
export interface PageEnd {
  /** Whether the kernel says that records before this page were overwritten or dropped. */
  readonly missed: boolean;
  /** Whether all of it was understood. If not, what was not may have been a write. */
  readonly intact: boolean;
}

const padding = 29;
const timeExtend = 30;
const timeStamp = 31;
const lettersOf = { F: 0x46, R: 0x52, D: 0x44 };
// The two highest bits of the lower half of `commit`: some were missed, and how many stands at the end of the page.
const missedBit = 0x8000_0000;
const lengthMask = 0x3fff_ffff;

/** Hands out every write on a page, in order. Records of events that are not among `formats` make it not intact. */
export function readPage(
  page: Buffer,
  { commit, data }: PageFormat,
  formats: ReadonlyMap<number, BlockEventFormat>,
  onRequest: (request: CompletedRequest) => void,
): PageEnd {
  if (page.length < data.offset) return { missed: false, intact: false };
  const head = page.readUInt32LE(commit.offset);
  const missed = (head & missedBit) !== 0;
  const end = data.offset + (head & lengthMask);
  if (end > page.length) return { missed, intact: false };
  let at = data.offset;
  while (at + 4 <= end) {
    const recordHead = page.readUInt32LE(at);
    const type = recordHead & 0x1f;
    at += 4;
    if (type === timeExtend || type === timeStamp) {
      at += 4;
      continue;
    }
    if (type === padding && recordHead >>> 5 === 0) return { missed, intact: true };
    if (type >= 1 && type <= 28) {
      const length = type * 4;
      if (at + length > end || !readRecord(page, at, length, formats, onRequest)) return { missed, intact: false };
      at += length;
      continue;
    }
    // Padding with a length, or a long record: the length counts its own four bytes.
    if (at + 4 > end) return { missed, intact: false };
    const length = page.readUInt32LE(at) - 4;
    if (length < 0 || at + 4 + length > end) return { missed, intact: false };
    if (type === 0 && !readRecord(page, at + 4, length, formats, onRequest)) return { missed, intact: false };
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return { missed, intact: at >= end };
}

function readRecord(
  page: Buffer,
  at: number,
  length: number,
  formats: ReadonlyMap<number, BlockEventFormat>,
  onRequest: (request: CompletedRequest) => void,
): boolean {
  const format = length >= 2 ? formats.get(page.readUInt16LE(at)) : undefined;
  if (format === undefined || format.rwbs.offset + format.rwbs.size > length) return false;
  const sectors = page.readUInt32LE(at + format.sectors.offset);
  // A flush has no sectors.
  if (sectors === 0) return true;
  // `F` in front is a flush before the write.
  const letters = at + format.rwbs.offset;
  const first = page[letters] === lettersOf.F ? page[letters + 1] : page[letters];
  // The kernel has filtered reads already, where it can.
  if (first === lettersOf.R) return true;
  const place = at + format.sector.offset;
  onRequest({
    dev: page.readUInt32LE(at + format.dev.offset),
    // Two halves: as a double it is exact as far as any disk goes.
    sector: page.readUInt32LE(place + 4) * 2 ** 32 + page.readUInt32LE(place),
    sectors,
    isDiscard: first === lettersOf.D,
  });
  return true;
}
