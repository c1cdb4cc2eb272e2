import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { extent } from '#core/disk/extent';
import { grain } from '#replicator/pipeline/digest';
import { emptyJournal, encodeRecord, readJournal, type JournalRecord } from '#replicator/receiver/journal';
import type { JournalHeader } from '#replicator/receiver/journal-shapes';

/*
 * The bytes of a journal after a crash: its last record is there, or not, or some sectors of it never arrived although the
 * file is as long as if they had. Whatever is read was written, and all that was whole is read.
 */

/** A journal, and what a crash left of its last record. */
export interface JournalWalk {
  /** Blocks of each record, whose digests are listed; none: a round that is begun. */
  readonly records: readonly number[];
  /** How many sectors of the last record arrived, and which did not. */
  readonly arrived: number;
  readonly missing: readonly number[];
}

/** Whatever a crash may leave. */
export const anyJournalWalk: fc.Arbitrary<JournalWalk> = fc.record({
  records: fc.array(fc.oneof(fc.nat(4), fc.nat(400)), { minLength: 1, maxLength: 6 }),
  arrived: fc.integer({ min: 0, max: 8 }),
  missing: fc.array(fc.nat(7), { maxLength: 3 }),
});

const blocks = 400;
const header: JournalHeader = {
  ...{ format: 1, session: 'm-1', disk: 'vda', size: blocks * grain, grain, digest: 'xxh64' },
};
const sector = 512;

/** Reads it, and throws what is wrong. */
export function soundJournal(walk: JournalWalk): void {
  const records = walk.records.map(recordOf);
  const first = Buffer.from(emptyJournal(header));
  const before = Buffer.concat([first, ...records.slice(0, -1).map(encodeRecord)]);
  const whole = Buffer.concat([before, encodeRecord(records.at(-1) ?? recordOf(0, 0))]);
  proveRead(whole, records, records.length, walk);
  // Sectors are the disk's: a record may begin in the middle of one that was there before.
  const end = Math.min(whole.length, before.length - (before.length % sector) + walk.arrived * sector);
  const left = Buffer.from(whole.subarray(0, Math.max(before.length, end)));
  for (const nth of walk.missing) {
    const from = Math.max(before.length, before.length - (before.length % sector) + nth * sector);
    left.fill(0, Math.min(left.length, from), Math.min(left.length, from - (from % sector) + sector));
  }
  proveRead(left, records, left.equals(whole) ? records.length : records.length - 1, walk);
}

/** So many records are read, each as it was written. */
function proveRead(bytes: Buffer, records: readonly JournalRecord[], whole: number, walk: JournalWalk): void {
  const read = readJournal(bytes);
  const given = `given records of ${walk.records.join(', ')} blocks, ${walk.arrived} sectors of the last, without ${walk.missing.join(', ')}`;
  if (!read.ok) throw new Error(`L19 a journal with a torn end is not read: ${read.error.type}, ${given}`);
  const [, ...found] = read.value.records;
  if (found.length > whole) throw new Error(`L19 half a record is believed, ${given}`);
  if (found.length < whole) throw new Error(`L19 a whole record is not read, ${given}`);
  if (!isDeepStrictEqual(found, records.slice(0, whole))) throw new Error(`L19 a record is read otherwise, ${given}`);
}

const recordOf = (count: number, nth: number): JournalRecord =>
  count === 0
    ? { type: 'RoundOpened', opened: { round: nth, mode: 'full', at: 1_000 } }
    : { type: 'Durable', entries: [{ ...extent(0, count * grain), digests: digestsOf(count, nth) }] };

const digestsOf = (count: number, nth: number): BigUint64Array =>
  BigUint64Array.from({ length: count }, (_, block) => BigInt(block + 1) * 0x9e3779b97f4a7c15n + BigInt(nth)).map(
    (digest) => BigInt.asUintN(64, digest),
  );
