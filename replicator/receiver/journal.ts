import { xxh64 } from '@node-rs/xxhash';
import type { Extent } from '#core/disk/extent';
import { extent } from '#core/disk/extent';
import { invariant } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import { MiB } from '#core/units';
import { digestLength, grain } from '#replicator/pipeline/digest';
import { blocksOf } from '#replicator/pipeline/block-set';
import {
  journalFormat,
  readClosed,
  readFormat,
  readHeader,
  readOpened,
  type ClosedRound,
  type JournalHeader,
  type OpenedRound,
} from './journal-shapes.ts';

/*
 * The journal of one replica: what of it is durable. Bytes only; where they are kept is another matter.
 *
 *     magic | record | record | ...        record = u32 length | u64 xxh64 of body | body        body = u8 type | content
 *
 * Records are only appended, and a record is written after what it tells of is on stable storage. So whatever prefix of
 * a journal survives is true: losing its end loses knowledge, which costs sending again, and never correctness.
 */

/** A run of blocks that is durable. */
export interface DurableEntry extends Extent {
  /** Their digests; `zero` if all are 0; `stored` if the file of digests had them on stable storage before this record. */
  readonly digests: BigUint64Array | 'zero' | 'stored';
}

/** One record. */
export type JournalRecord =
  | { readonly type: 'Header'; readonly header: JournalHeader }
  /** The target was made by us and held nothing but zeroes then. */
  | { readonly type: 'TargetCreated' }
  | { readonly type: 'RoundOpened'; readonly opened: OpenedRound }
  | { readonly type: 'Durable'; readonly entries: readonly DurableEntry[] }
  | { readonly type: 'RoundClosed'; readonly closed: ClosedRound };

/** Why bytes are not a journal. */
export type JournalFault =
  { readonly type: 'Corrupt'; readonly detail: string } | { readonly type: 'Unsupported'; readonly version: number };

/** The records of a journal, and how many bytes of it they are: what follows is a torn end. */
export interface ReadJournal {
  readonly records: readonly JournalRecord[];
  readonly length: number;
}

const magic = Buffer.from('SEALIFT JOURNAL\n');
const recordHead = 4 + 8;
const typeCodes = { Header: 1, TargetCreated: 2, RoundOpened: 3, Durable: 4, RoundClosed: 5 } as const;
const digestCodes = { listed: 0, zero: 1, stored: 2 } as const;
const entryLength = 8 + 8 + 1;

/**
 * The longest end of a journal that a crash can have torn: one record that was never acknowledged. A batch has at most
 * a window of blocks, which is far less. More than this behind a broken record was once whole: the medium is failing.
 */
export const tornMax = MiB;

/** A journal that says nothing but whose it is. */
export const emptyJournal = (header: JournalHeader): Uint8Array =>
  Buffer.concat([magic, encodeRecord({ type: 'Header', header })]);

/** One record as bytes. */
export function encodeRecord(record: JournalRecord): Uint8Array {
  const body = Buffer.concat([Buffer.of(typeCodes[record.type]), contentOf(record)]);
  const head = Buffer.allocUnsafe(recordHead);
  head.writeUInt32BE(body.length, 0);
  head.writeBigUInt64BE(xxh64(body), 4);
  return Buffer.concat([head, body]);
}

function contentOf(record: JournalRecord): Uint8Array {
  switch (record.type) {
    case 'Header':
      return Buffer.from(JSON.stringify(record.header));
    case 'TargetCreated':
      return Buffer.alloc(0);
    case 'RoundOpened':
      return Buffer.from(JSON.stringify(record.opened));
    case 'Durable':
      return Buffer.concat(record.entries.map(encodeEntry));
    case 'RoundClosed':
      return Buffer.from(JSON.stringify(record.closed));
  }
}

function encodeEntry({ start, length, digests }: DurableEntry): Uint8Array {
  const head = Buffer.allocUnsafe(entryLength);
  head.writeBigUInt64BE(BigInt(start), 0);
  head.writeBigUInt64BE(BigInt(length), 8);
  head.writeUInt8(typeof digests === 'string' ? digestCodes[digests] : digestCodes.listed, 16);
  if (typeof digests === 'string') return head;
  const list = Buffer.allocUnsafe(digests.length * digestLength);
  digests.forEach((digest, index) => list.writeBigUInt64BE(digest, index * digestLength));
  return Buffer.concat([head, list]);
}

/** Reads a journal up to its end or to where it is torn. Never throws, whatever the bytes are. */
export function readJournal(content: Uint8Array): Result<ReadJournal, JournalFault> {
  const data = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  if (!data.subarray(0, magic.length).equals(magic)) return err(corrupt('it does not begin as a journal does'));
  const records: JournalRecord[] = [];
  let at = magic.length;
  let size = 0;
  for (;;) {
    const body = bodyAt(data, at);
    if (!body) break;
    const record = decodeRecord(body, size);
    if (!record.ok) return record;
    if ((record.value.type === 'Header') !== (records.length === 0))
      return err(corrupt('its header is not at its start'));
    if (record.value.type === 'Header') size = record.value.header.size;
    records.push(record.value);
    at += recordHead + body.length;
  }
  if (records.length === 0) return err(corrupt('its header is damaged'));
  if (data.length - at > tornMax)
    return err(corrupt(`it is damaged at byte ${at}, with ${data.length - at} bytes behind`));
  return ok({ records, length: at });
}

const corrupt = (detail: string): JournalFault => ({ type: 'Corrupt', detail });

function bodyAt(data: Buffer, at: number): Buffer | undefined {
  if (at + recordHead > data.length) return undefined;
  const length = data.readUInt32BE(at);
  if (length === 0 || at + recordHead + length > data.length) return undefined;
  const body = data.subarray(at + recordHead, at + recordHead + length);
  return xxh64(body) === data.readBigUInt64BE(at + 4) ? body : undefined;
}

// From here on the checksum held: what cannot be read was written by another version, or by a mistake.
function decodeRecord(body: Buffer, size: number): Result<JournalRecord, JournalFault> {
  const content = body.subarray(1);
  switch (body[0]) {
    case typeCodes.Header: {
      const header = readHeader(content);
      return header ? ok({ type: 'Header', header }) : err(unsupportedOr(content, 'its header is not understood'));
    }
    case typeCodes.TargetCreated:
      return ok({ type: 'TargetCreated' });
    case typeCodes.RoundOpened: {
      const opened = readOpened(content);
      return opened ? ok({ type: 'RoundOpened', opened }) : err(corrupt('the record of a round is not understood'));
    }
    case typeCodes.Durable: {
      const entries = decodeEntries(content, size);
      return entries ? ok({ type: 'Durable', entries }) : err(corrupt('a record of durable blocks is not understood'));
    }
    case typeCodes.RoundClosed: {
      const closed = readClosed(content);
      return closed ? ok({ type: 'RoundClosed', closed }) : err(corrupt('the end of a round is not understood'));
    }
    default:
      return err(corrupt(`it has a record of type ${body[0]}, which is not known`));
  }
}

function unsupportedOr(content: Buffer, detail: string): JournalFault {
  const format = readFormat(content);
  return format !== undefined && format !== journalFormat ? { type: 'Unsupported', version: format } : corrupt(detail);
}

function decodeEntries(content: Buffer, size: number): readonly DurableEntry[] | undefined {
  const entries: DurableEntry[] = [];
  for (let at = 0; at < content.length;) {
    if (at + entryLength > content.length) return undefined;
    const start = Number(content.readBigUInt64BE(at));
    const length = Number(content.readBigUInt64BE(at + 8));
    const code = content.readUInt8(at + 16);
    const end = start + length;
    if (start % grain !== 0 || length === 0 || end > size || (end % grain !== 0 && end !== size)) return undefined;
    at += entryLength;
    const range = extent(start, length);
    if (code === digestCodes.zero) entries.push({ ...range, digests: 'zero' });
    else if (code === digestCodes.stored) entries.push({ ...range, digests: 'stored' });
    else if (code === digestCodes.listed) {
      const { first, end: last } = blocksOf(range, size);
      const digests = new BigUint64Array(last - first);
      if (at + digests.length * digestLength > content.length) return undefined;
      for (let block = 0; block < digests.length; block += 1)
        digests[block] = content.readBigUInt64BE(at + block * digestLength);
      at += digests.length * digestLength;
      entries.push({ ...range, digests });
    } else return undefined;
  }
  return entries;
}

/** Joins entries that touch and are told in the same way, so that a sync in order leaves few. Sorts by address. */
export function joinEntries(entries: readonly DurableEntry[]): readonly DurableEntry[] {
  const sorted = [...entries].sort((a, b) => a.start - b.start);
  const joined: { start: number; length: number; digests: DurableEntry['digests'][] }[] = [];
  for (const { start, length, digests } of sorted) {
    const last = joined.at(-1);
    const alike =
      last && (typeof digests === 'string' ? last.digests[0] === digests : typeof last.digests[0] !== 'string');
    if (last && alike && last.start + last.length === start) {
      last.length += length;
      last.digests.push(digests);
    } else joined.push({ start, length, digests: [digests] });
  }
  return joined.map(({ start, length, digests }) => ({ ...extent(start, length), digests: joinDigests(digests) }));
}

function joinDigests(digests: readonly DurableEntry['digests'][]): DurableEntry['digests'] {
  const [first] = digests;
  invariant(first !== undefined, 'a joined entry has at least one part');
  if (typeof first === 'string') return first;
  const lists = digests.filter((part) => typeof part !== 'string');
  const all = new BigUint64Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}
