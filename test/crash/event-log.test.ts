import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { verifyChain } from '#core/event-log/chain';
import { describeLogFault, type EventLog, type RecordedFact, type StreamId } from '#core/event-log/event-log';
import { openSqliteEventLog, type SqliteOptions } from '#core/event-log/sqlite';
import { collect } from '#test/event-log/notes';
import { buildWriter, type Writer, type WriterProgram } from '#test/event-log/writer-process';

const kills = 100;
const lanes = 3;
const killedWithinMs = 40;
const seed = inject('seed');

/**
 * A killed process takes its memory with it and leaves what the operating system has; so this shows that recovery works
 * and that nothing is acknowledged early. That a sync reaches the disk takes a power failure to show.
 */
describe(`a process killed while it appends (seed ${seed})`, () => {
  let folder: string;
  let program: WriterProgram;
  let path: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealift-crash-'));
    program = await buildWriter();
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    await program.remove();
  });

  it(`loses nothing it acknowledged and leaves no half batch, ${kills} times`, { timeout: 180_000 }, async () => {
    const random = xoroshiro128plus(seed);
    let acknowledged = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      // Every tenth log is new, so that some are killed while they are made; the others are recovered again and again.
      if (kill % 10 === 0) path = join(folder, `${kill}.db`);
      const writer = program.start({ path, run: String(kill), seed: seed + kill, lanes });
      const early = kill % 10 === 0 && kill % 20 !== 0;
      if (!early) await writer.open;
      await pause(uniformInt(random, 0, early ? 150 : killedWithinMs));
      writer.child.kill('SIGKILL');
      expect(await writer.ended).toEqual({ status: null, errors: '' });
      acknowledged += await checkAfter(writer, kill, kill % 2 === 0 ? 'readOnly' : 'existing');
    }
    const log = await open('existing');
    expect(await verifyChain(log.readAll())).toMatchObject({ ok: true });
    await log.close();
    // Otherwise the kills came too early to show anything.
    expect(acknowledged).toBeGreaterThan(kills);
  });

  /** Returns how many facts were acknowledged. */
  async function checkAfter(writer: Writer, run: number, mode: SqliteOptions['mode']): Promise<number> {
    const opened = await openSqliteEventLog({ path, mode });
    if (!opened.ok) {
      // Killed before there was a log: then nothing can have been acknowledged.
      if (opened.error.type === 'LogNotFound' && writer.acknowledged.size === 0) return 0;
      throw new Error(describeLogFault(opened.error));
    }
    let count = 0;
    for (let lane = 0; lane < lanes; lane += 1) {
      const stream: StreamId = `crash-${run}.${lane}`;
      const facts = await collect(opened.value.readStream(stream));
      const revision = writer.acknowledged.get(stream) ?? -1;
      expect(facts.length).toBeGreaterThan(revision);
      expect(halfBatches(facts)).toEqual([]);
      expect(await verifyChain(facts)).toMatchObject({ ok: true });
      count += revision + 1;
    }
    await opened.value.close();
    return count;
  }

  async function open(mode: SqliteOptions['mode']): Promise<EventLog> {
    const opened = await openSqliteEventLog({ path, mode });
    if (!opened.ok) throw new Error(describeLogFault(opened.error));
    return opened.value;
  }
});

/** The batches that are not there whole and in order. */
function halfBatches(facts: readonly RecordedFact[]): unknown[] {
  const placed = facts.map(({ data }) => data as { batch: number; which: number; of: number });
  const wrong: unknown[] = [];
  let wanted = { batch: 0, which: 0 };
  for (const fact of placed) {
    if (fact.batch !== wanted.batch || fact.which !== wanted.which) wrong.push(fact);
    const last = fact.which === fact.of - 1;
    wanted = last ? { batch: fact.batch + 1, which: 0 } : { batch: fact.batch, which: fact.which + 1 };
  }
  return wanted.which === 0 ? wrong : [...wrong, placed.at(-1)];
}
