import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { grain } from '#replicator/pipeline/digest';
import { foldJournal } from './journal-state.ts';
import {
  emptyJournal,
  encodeRecord,
  joinEntries,
  readJournal,
  tornMax,
  type DurableEntry,
  type JournalRecord,
} from './journal.ts';
import type { JournalHeader } from './journal-shapes.ts';

const blocks = 64;
const header: JournalHeader = {
  format: 1,
  session: 'm-1',
  disk: 'vda',
  size: blocks * grain,
  grain,
  digest: 'xxh64',
};

const entry: fc.Arbitrary<DurableEntry> = fc
  .tuple(
    fc.nat(blocks - 1),
    fc.integer({ min: 1, max: 5 }),
    fc.constantFrom('zero', 'stored', 'listed'),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  )
  .map(([first, count, kind, digest]) => {
    const length = Math.min(count, blocks - first);
    const digests = kind === 'listed' ? new BigUint64Array(length).fill(digest) : (kind as 'zero' | 'stored');
    return { ...extent(first * grain, length * grain), digests };
  });
const record: fc.Arbitrary<JournalRecord> = fc.oneof(
  fc.constant<JournalRecord>({ type: 'TargetCreated' }),
  fc.nat(9).map((round): JournalRecord => ({ type: 'RoundOpened', opened: { round, mode: 'full', at: 1 } })),
  fc.nat(9).map((round): JournalRecord => ({ type: 'RoundClosed', closed: { round, root: 'abc' } })),
  fc.array(entry, { minLength: 1, maxLength: 4 }).map((entries): JournalRecord => ({ type: 'Durable', entries })),
);
const journalOf = (records: readonly JournalRecord[]): Buffer =>
  Buffer.concat([emptyJournal(header), ...records.map(encodeRecord)]);
const readOf = (content: Uint8Array): readonly JournalRecord[] => {
  const read = readJournal(content);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return read.value.records;
};

describe('a journal', () => {
  it('reads back what was written', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 8 }), (records) => {
        expect(readOf(journalOf(records))).toEqual([{ type: 'Header', header }, ...records]);
      }),
    );
  });

  it('cut anywhere behind its header, is what was whole before the cut, and says how much that was', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (records, where) => {
          const whole = journalOf(records);
          const headed = emptyJournal(header).length;
          const cut = headed + Math.floor(where * (whole.length - headed));
          const read = readJournal(whole.subarray(0, cut));
          if (!read.ok) throw new Error(JSON.stringify(read.error));
          const kept = read.value.records.slice(1);
          expect(kept).toEqual(records.slice(0, kept.length));
          expect(read.value.length).toBe(journalOf(kept as JournalRecord[]).length);
          const next = records[kept.length];
          if (next) expect(read.value.length + encodeRecord(next).length).toBeGreaterThan(cut);
        },
      ),
    );
  });

  it('with a damaged end, is what was sound before the damage', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 6 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (records, at, flip) => {
          const damaged = journalOf(records);
          const headed = emptyJournal(header).length;
          const byte = headed + (at % (damaged.length - headed));
          damaged[byte] = (damaged[byte] ?? 0) ^ flip;
          const kept = readOf(damaged).slice(1);
          expect(kept).toEqual(records.slice(0, kept.length));
          expect(kept.length).toBeLessThan(records.length);
        },
      ),
    );
  });

  it('never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (noise, headed) => {
        const content = headed ? Buffer.concat([emptyJournal(header), noise]) : noise;
        expect(readJournal(content).ok).toBe(headed);
      }),
    );
  });

  it('is not trusted when far more lies behind the damage than a crash can tear', () => {
    const damaged = Buffer.concat([journalOf([{ type: 'TargetCreated' }]), Buffer.alloc(tornMax + 1, 1)]);
    const read = readJournal(damaged);
    expect(read).toMatchObject({ ok: false, error: { type: 'Corrupt' } });
  });

  it('of another format is refused with its version, not taken for damage', () => {
    const newer = Buffer.concat([
      Buffer.from('SEALIFT JOURNAL\n'),
      encodeRecord({ type: 'Header', header: { ...header, format: 2 as 1 } }),
    ]);
    expect(readJournal(newer)).toEqual({ ok: false, error: { type: 'Unsupported', version: 2 } });
  });

  it('folds to the round that is open and what is durable in it', () => {
    const durable: DurableEntry = { ...extent(0, grain), digests: 'zero' };
    const records = readOf(
      journalOf([
        { type: 'TargetCreated' },
        { type: 'RoundOpened', opened: { round: 0, mode: 'full', at: 1 } },
        { type: 'Durable', entries: [{ ...durable, ...extent(grain, grain) }] },
        { type: 'RoundClosed', closed: { round: 0, root: 'abc' } },
        { type: 'RoundOpened', opened: { round: 1, mode: 'changes', at: 2 } },
        { type: 'Durable', entries: [durable] },
      ]),
    );
    expect(foldJournal(records)).toEqual({
      header,
      created: true,
      closed: { round: 0, root: 'abc' },
      opened: { round: 1, mode: 'changes', at: 2 },
      entries: [durable],
    });
  });

  it('joins what touches and is told alike, whatever the order it was written in', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7]), (order) => {
        const entries = order.map((block): DurableEntry => {
          const digests = block < 4 ? new BigUint64Array([BigInt(block + 1)]) : 'zero';
          return { ...extent(block * grain, grain), digests };
        });
        const joined = joinEntries(entries);
        const digestAt = new Map<number, bigint>();
        for (const { start, length, digests } of joined)
          for (let block = 0; block < length / grain; block += 1)
            digestAt.set(start / grain + block, typeof digests === 'string' ? 0n : (digests[block] ?? -1n));
        expect([...digestAt].sort(([a], [b]) => a - b)).toEqual(
          [...order].sort((a, b) => a - b).map((block) => [block, block < 4 ? BigInt(block + 1) : 0n]),
        );
        if (order.length === 8) expect(joined).toHaveLength(2);
      }),
    );
  });
});
