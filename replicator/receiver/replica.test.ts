import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '#core/clock';
import { extent } from '#core/disk/extent';
import { ok } from '#core/result';
import { bytes, instant, offset, round } from '#core/units';
import { memoryDevice } from '#replicator/disk/memory-device';
import { compareDisks } from '#replicator/pipeline/compare-disks';
import { digestBlockWith, digestsOf, grain } from '#replicator/pipeline/digest';
import type { PipelineLimits } from '#replicator/pipeline/pipeline-limits';
import { replicaSink } from '#replicator/pipeline/replica-sink';
import type { ReplicationError, RoundMode } from '#replicator/pipeline/replication';
import { runPipeline, type RunOutcome } from '#replicator/pipeline/run-pipeline';
import type { Result } from '#core/result';
import { crashingReplica, type CrashingReplica } from '#test/support/crashing-replica';
import { valueOf } from '#test/support/value-of';
import type { JournalHeader } from './journal-shapes.ts';

const blocks = 24;
// The last block is short, as on real disks.
const size = (blocks - 1) * grain + 1_536;
const header: JournalHeader = { format: 1, session: 'm-1', disk: 'vda', size, grain, digest: 'xxh64' };
const limits: PipelineLimits = { windowMax: 8 * grain, buffersMax: 3, chunkMax: 4 * grain, flushEvery: 3 * grain };
const clock: Clock = { now: () => instant(1), wait: async () => undefined };

/** One character per block: the block is filled with it; a dot is a hole. */
const diskOf = (picture: string): Buffer =>
  Buffer.concat(Array.from(picture).map((letter) => Buffer.alloc(grain, letter === '.' ? 0 : letter))).subarray(
    0,
    size,
  );
const picture = fc.string({ unit: fc.constantFrom('.', '.', 'a', 'b'), minLength: blocks, maxLength: blocks });

interface Asked {
  readonly round: number;
  readonly mode: RoundMode;
  readonly source: Buffer;
  readonly dirty?: readonly number[];
}

/** Runs one round until it is complete or the process dies. */
async function attempt(
  replica: CrashingReplica,
  { round: number, mode, source, dirty = [] }: Asked,
  callsLeft: number,
): Promise<Result<RunOutcome | 'was complete', ReplicationError>> {
  const opened = replica.open(callsLeft);
  const started = await opened.begin(round(number), mode, instant(1));
  if (!started.ok) {
    await opened.close();
    return started;
  }
  if (started.value.type === 'Complete') return ok('was complete');
  const sink = replicaSink(opened);
  const ran = await runPipeline({
    mode,
    source: memoryDevice(source, { writable: false }),
    sourceName: 'memory',
    changes: async (range) =>
      ok(
        dirty
          .filter((block) => block * grain < range.length)
          .map((block) => extent(block * grain, Math.min(grain, size - block * grain))),
      ),
    sink,
    digests: undefined,
    clock,
    limits,
  });
  await sink.close();
  return ran;
}

/** Runs a round through as many deaths as are drawn, then to its end. Returns how much was sent in all. */
async function through(replica: CrashingReplica, asked: Asked, deaths: readonly number[], lot: () => number) {
  let sent = 0;
  for (const callsLeft of [...deaths, Infinity]) {
    const ran = await attempt(replica, asked, callsLeft);
    if (ran.ok && ran.value !== 'was complete') sent += ran.value.tally.sent;
    if (ran.ok) return sent;
    expect(replica.dead).toBe(true);
    replica.crash(lot);
  }
  throw new Error('a round without a death did not complete');
}

const deaths = fc.array(fc.nat(30), { maxLength: 4 });
const lots = fc.infiniteStream(fc.nat(1_000));
const lotOf = (stream: Iterator<number>) => (): number => stream.next().value as number;

describe('a replica', () => {
  it('ends equal to its source, wherever its process dies and whatever of its writes survives', async () => {
    const dirtyBlocks = fc.uniqueArray(fc.nat(blocks - 1), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(picture, picture, dirtyBlocks, deaths, lots, async (before, after, dirty, dying, stream) => {
        const lot = lotOf(stream);
        const replica = crashingReplica(header, diskOf('.'.repeat(blocks)));
        const full = diskOf(before);
        await through(replica, { round: 0, mode: 'full', source: full }, dying, lot);
        expect(Buffer.compare(replica.disk.content, full)).toBe(0);
        const changed = diskOf(
          Array.from(before)
            .map((was, at) => (dirty.includes(at) ? (after[at] ?? was) : was))
            .join(''),
        );
        await through(replica, { round: 1, mode: 'changes', source: changed, dirty }, dying, lot);
        expect(Buffer.compare(replica.disk.content, changed)).toBe(0);
        const rescanned = diskOf(after);
        await through(replica, { round: 2, mode: 'rescan', source: rescanned }, dying, lot);
        expect(Buffer.compare(replica.disk.content, rescanned)).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('has the root of what is on it, also after deaths', async () => {
    await fc.assert(
      fc.asyncProperty(picture, deaths, lots, async (shown, dying, stream) => {
        const replica = crashingReplica(header, diskOf('.'.repeat(blocks)));
        const source = diskOf(shown);
        await through(replica, { round: 0, mode: 'full', source }, dying, lotOf(stream));
        const compared = valueOf(
          await compareDisks(memoryDevice(source), replica.disk, { sourceName: 'source', targetName: 'target' }),
        );
        const opened = replica.open(Infinity);
        expect(valueOf(await opened.begin(round(0), 'full', instant(1)))).toEqual({
          type: 'Complete',
          root: compared.equal ? compared.root : 'different',
          size,
        });
      }),
      { numRuns: 40 },
    );
  });

  it('is not read or sent again what was acked', async () => {
    const source = diskOf('abababababababababababab');
    const replica = crashingReplica(header, diskOf('.'.repeat(blocks)));
    let sent = 0;
    for (const callsLeft of [9, 9, Infinity]) {
      const opened = replica.open(callsLeft);
      valueOf(await opened.begin(round(0), 'full', instant(1)));
      const settled = opened.settled(extent(0, size)).reduce((sum, { length }) => sum + length, 0);
      await opened.close();
      const ran = await attempt(replica, { round: 0, mode: 'full', source }, callsLeft);
      if (ran.ok && ran.value !== 'was complete') {
        expect(settled).toBeGreaterThan(0);
        expect([ran.value.tally.read, ran.value.tally.sent]).toEqual([size - settled, size - settled]);
        expect(ran.value.tally.resumed).toBe(settled);
        sent = ran.value.tally.sent;
      } else replica.crash(() => 1);
    }
    expect(sent).toBeLessThan(size);
  });

  it('refuses a delta that does not stand on a complete round', async () => {
    const replica = crashingReplica(header, diskOf('.'.repeat(blocks)));
    const opened = replica.open(Infinity);
    const asked = { asked: 1, last: -1, lastIsComplete: false };
    expect(await opened.begin(round(1), 'changes', instant(1))).toEqual({
      ok: false,
      error: { type: 'RoundOutOfOrder', ...asked },
    });
    valueOf(await opened.begin(round(0), 'full', instant(1)));
    expect(await opened.begin(round(1), 'changes', instant(1))).toMatchObject({ ok: false, error: { last: 0 } });
    valueOf(await opened.complete(undefined));
    expect(await opened.begin(round(2), 'changes', instant(1))).toMatchObject({ ok: false });
    expect(valueOf(await opened.begin(round(1), 'changes', instant(2)))).toMatchObject({
      type: 'Open',
      resumed: false,
    });
    expect(await opened.begin(round(0), 'full', instant(3))).toMatchObject({ ok: false });
    // A rescan looks at everything, so it may follow a round that was given up.
    expect(valueOf(await opened.begin(round(2), 'rescan', instant(4)))).toMatchObject({ type: 'Open', resumed: true });
  });

  it('that is rescanned in a round begun as a delta takes nothing of the delta for settled', async () => {
    const replica = crashingReplica(header, Buffer.alloc(size));
    const picture = diskOf('a'.repeat(blocks));
    valueOf(await attempt(replica, { round: 0, mode: 'full', source: picture }, Infinity));
    const opened = replica.open(Infinity);
    valueOf(await opened.begin(round(1), 'changes', instant(1)));
    const block = Buffer.alloc(grain, 'b');
    valueOf(await opened.write(offset(0), digestsOf(block, digestBlockWith('xxh64')), block));
    valueOf(await opened.commit());
    expect(opened.settled(extent(0, size))).toEqual([extent(0, grain)]);
    // Why it is rescanned is that what the delta was told may not be all that changed.
    expect(await opened.begin(round(1), 'rescan', instant(2))).toMatchObject({ ok: true, value: { type: 'Open' } });
    expect(opened.settled(extent(0, size))).toEqual([]);
    await opened.close();
  });

  it('stays open when the roots differ', async () => {
    const replica = crashingReplica(header, diskOf('.'.repeat(blocks)));
    const opened = replica.open(Infinity);
    valueOf(await opened.begin(round(0), 'full', instant(1)));
    expect(await opened.complete('another')).toMatchObject({
      ok: false,
      error: { type: 'RootMismatch', source: 'another' },
    });
    await opened.close();
    const again = replica.open(Infinity);
    expect(valueOf(await again.begin(round(0), 'full', instant(2)))).toMatchObject({ type: 'Open', openedAt: 1 });
  });

  it('looks at all of a rescan again whose roots differ, and goes on with any other round', async () => {
    for (const [mode, settled] of [
      ['rescan', []],
      ['full', [extent(0, size)]],
    ] as const) {
      const replica = crashingReplica(header, diskOf('.'.repeat(blocks)));
      const opened = replica.open(Infinity);
      valueOf(await opened.begin(round(0), mode, instant(1)));
      valueOf(await opened.zero(extent(0, size)));
      expect(await opened.complete('another')).toMatchObject({ ok: false, error: { type: 'RootMismatch' } });
      await opened.close();
      const again = replica.open(Infinity);
      valueOf(await again.begin(round(0), mode, instant(2)));
      expect(again.settled(extent(0, size))).toEqual(settled);
      await again.close();
    }
  });

  it('says what is there when it is read again, and has it on record once it was said to be right and is durable', async () => {
    const replica = crashingReplica(header, diskOf('a'.repeat(blocks)));
    const opened = replica.open(Infinity);
    valueOf(await opened.begin(round(0), 'rescan', instant(1)));
    const digests = digestsOf(diskOf('a'.repeat(blocks)), digestBlockWith('xxh64'));
    const none = new BigUint64Array(blocks);
    expect(valueOf(opened.recorded(extent(0, size)))).toEqual(none);
    expect(valueOf(await opened.reread(extent(0, size)))).toEqual(digests);
    expect(valueOf(opened.recorded(extent(0, size)))).toEqual(none);
    opened.same(extent(0, size));
    valueOf(await opened.commit());
    expect(valueOf(opened.recorded(extent(0, size)))).toEqual(digests);
  });

  it('journals nothing of a batch in which one write failed', async () => {
    const replica = crashingReplica(header, diskOf('.'.repeat(blocks)));
    const opened = replica.open(2);
    valueOf(await opened.begin(round(0), 'full', instant(1)));
    const block = Buffer.alloc(grain, 'a');
    const digests = digestsOf(block, digestBlockWith('xxh64'));
    await Promise.all([opened.write(offset(0), digests, block), opened.write(offset(grain), digests, block)]);
    expect(await opened.commit()).toMatchObject({ ok: false, error: { type: 'TargetFailed', target: 'memory' } });
    expect(opened.settled(extent(0, size))).toEqual([]);
    // What failed stays failed: a later ack would pass over the hole.
    expect(await opened.zero({ start: offset(0), length: bytes(grain) })).toMatchObject({ ok: false });
    expect(await opened.commit()).toMatchObject({ ok: false });
  });

  it('commits nothing that its disk has not taken yet', async () => {
    const replica = crashingReplica(header, diskOf('.'.repeat(blocks)));
    const opened = replica.open(Infinity);
    valueOf(await opened.begin(round(0), 'full', instant(1)));
    const release = replica.holdWrites();
    const block = Buffer.alloc(grain, 'a');
    const written = opened.write(offset(0), digestsOf(block, digestBlockWith('xxh64')), block);
    const committed = opened.commit();
    await new Promise((resolve) => setImmediate(resolve));
    expect(opened.settled(extent(0, size))).toEqual([]);
    release();
    expect([await written, await committed]).toEqual([ok(undefined), ok(undefined)]);
    expect(opened.settled(extent(0, size))).toEqual([extent(0, grain)]);
  });
});
