import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { verifyChain } from '#core/event-log/chain';
import { describeLogFault, type EventLog, type RecordedFact } from '#core/event-log/event-log';
import { openSqliteEventLog, type SqliteOptions } from '#core/event-log/sqlite';
import { collect } from '#test/event-log/notes';
import { buildWriter, type WriterProgram } from '#test/event-log/writer-process';

describe('a SQLite log that another process writes', () => {
  let folder: string;
  let path: string;
  let program: WriterProgram;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealift-processes-'));
    path = join(folder, 'run.db');
    program = await buildWriter();
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    await program.remove();
  });
  const open = async (mode: SqliteOptions['mode']): Promise<EventLog> => {
    const opened = await openSqliteEventLog({ path, mode });
    if (!opened.ok) throw new Error(describeLogFault(opened.error));
    return opened.value;
  };

  it('is replayed and followed while it grows', async () => {
    const writer = program.start({ path, run: '1', seed: 1, lanes: 2, batches: 150 });
    await writer.open;
    const log = await open('readOnly');
    const stop = new AbortController();
    const seen: RecordedFact[] = [];
    const following = (async () => {
      for await (const fact of log.subscribe({ signal: stop.signal })) seen.push(fact);
    })();
    const lengths: number[] = [];
    let running = true;
    const ended = writer.ended.finally(() => (running = false));
    while (running) {
      const verified = await verifyChain(log.readAll());
      lengths.push(verified.ok ? verified.value.facts : -1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await ended).toEqual({ status: 0, errors: '' });
    expect(lengths).not.toContain(-1);
    expect(new Set(lengths).size).toBeGreaterThan(2);

    const total = [...writer.acknowledged.values()].reduce((sum, revision) => sum + revision + 1, 0);
    await vi.waitFor(() => expect(seen.length).toBe(total), { timeout: 5_000 });
    stop.abort();
    await following;
    expect(seen).toEqual(await collect(log.readAll()));
    await log.close();
  });

  it('is written by two at once, each its own streams, and none loses a fact', async () => {
    const writers = ['2', '3'].map((run) => program.start({ path, run, seed: Number(run), lanes: 2, batches: 60 }));
    const log = await open('existing');
    for (const { ended } of writers) expect(await ended).toEqual({ status: 0, errors: '' });
    for (const { acknowledged } of writers)
      for (const [stream, revision] of acknowledged)
        expect(await collect(log.readStream(stream as `${string}-${string}`))).toHaveLength(revision + 1);
    expect(await verifyChain(log.readAll())).toMatchObject({ ok: true });
    await log.close();
  });
});
