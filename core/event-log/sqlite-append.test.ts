import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { verifyChain } from '#core/event-log/chain';
import { bytes, KiB, MiB, type Bytes } from '#core/units';
import { collect, note, notes, take, textOf } from '#test/event-log/notes';
import { describeLogFault, revision, type EventLog } from './event-log.ts';
import { openSqliteEventLog, type SqliteOptions } from './sqlite.ts';

let folder: string;
let path: string;
const toClose: EventLog[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-append-'));
  path = join(folder, 'run.db');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(toClose.splice(0).map((log) => log.close()));
  await rm(folder, { recursive: true });
});

async function open(mode: SqliteOptions['mode'] = 'create', sizeMax?: Bytes): Promise<EventLog> {
  const opened = await openSqliteEventLog({ path, mode, ...(sizeMax === undefined ? {} : { sizeMax }) });
  if (!opened.ok) throw new Error(describeLogFault(opened.error));
  toClose.push(opened.value);
  return opened.value;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('group commit', () => {
  it('writes what was asked for in one turn of the event loop in one transaction', async () => {
    const log = await open();
    await log.append('note-0', notes('first'), 'none');
    const before = (await stat(`${path}-wal`)).size;
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => log.append(`note-${i + 1}`, notes('x'), 'none')),
    );
    expect(answers.every(({ ok }) => ok)).toBe(true);
    // A transaction of its own writes three pages at least; together they share all but a few.
    const pages = ((await stat(`${path}-wal`)).size - before) / 4096;
    expect(pages).toBeLessThan(40);
  });

  it('judges each append by itself, in the order they were asked for', async () => {
    const log = await open();
    const [a, stale, b, other, c] = await Promise.all([
      log.append('note-1', notes('a'), 'none'),
      log.append('note-1', notes('stale'), 'none'),
      log.append('note-1', notes('b1', 'b2'), revision(0)),
      log.append('note-2', notes('other'), revision(3)),
      log.append('note-1', notes('c'), revision(2)),
    ]);
    expect([a, stale, b, other, c].map(({ ok }) => ok)).toEqual([true, false, true, false, true]);
    expect((await collect(log.readAll())).map(textOf)).toEqual(['a', 'b1', 'b2', 'c']);
    expect(await verifyChain(log.readAll())).toMatchObject({ ok: true });
  });

  it('takes more than fits one transaction', async () => {
    const log = await open();
    const batch = Array.from({ length: 300 }, (_, i) => `n${i}`);
    const answers = await Promise.all(Array.from({ length: 20 }, () => log.append('note-1', notes(...batch), 'any')));
    expect(answers.map((answer) => answer.ok && answer.value.revision)).toEqual(
      answers.map((_, i) => 300 * (i + 1) - 1),
    );
    expect(await verifyChain(log.readAll())).toMatchObject({ ok: true, value: { facts: 6_000 } });
  });

  it('says where the last fact stands, whatever the size of the batch', async () => {
    const log = await open();
    for (let size = 1; size <= 25; size += 1) {
      const texts = Array.from({ length: size }, (_, i) => `${size}.${i}`);
      const answer = await log.append(`note-${size}`, notes(...texts), 'none');
      const facts = await collect(log.readStream(`note-${size}`));
      expect(facts.map(textOf)).toEqual(texts);
      const { revision: last, position: at } = facts[size - 1] ?? {};
      expect(answer).toEqual({ ok: true, value: { revision: last, position: at } });
    }
    expect(await verifyChain(log.readAll())).toMatchObject({ ok: true, value: { facts: (25 * 26) / 2 } });
  });

  it('hands a mistake of the caller back to that caller only', async () => {
    const log = await open();
    const unwritable = note('x', { size: 12n });
    const [first, wrong, last] = await Promise.allSettled([
      log.append('note-1', notes('a'), 'none'),
      log.append('note-2', [note('half'), unwritable], 'none'),
      log.append('note-3', notes('c'), 'none'),
    ]);
    expect([first, last]).toMatchObject([{ value: { ok: true } }, { value: { ok: true } }]);
    expect(wrong).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('BigInt') } });
    expect((await collect(log.readAll())).map(textOf)).toEqual(['a', 'c']);
  });
});

describe('a log that is full', () => {
  it('says so, keeps what it has, and goes on when there is room', async () => {
    const small = await open('create', bytes(256 * KiB));
    const kept: string[] = [];
    let refused;
    for (let i = 0; refused === undefined; i += 1) {
      const text = `${i}`.padEnd(10 * KiB, '.');
      const answer = await small.append('note-1', notes(text, text), 'any');
      if (answer.ok) kept.push(text, text);
      else refused = answer.error;
    }
    expect(refused).toMatchObject({ type: 'LogFull', where: path });
    expect((await small.append('note-1', notes('tiny'), 'any')).ok).toBe(true);
    expect((await collect(small.readAll())).map(textOf)).toEqual([...kept, 'tiny']);
    await small.close();

    const roomy = await open('existing', bytes(MiB));
    expect(await roomy.append('note-1', notes('x'.repeat(100 * KiB)), 'any')).toMatchObject({ ok: true });
    expect(await verifyChain(roomy.readAll())).toMatchObject({ ok: true, value: { facts: kept.length + 2 } });
  });

  it('refuses the one append that is too big, and none that came with it', async () => {
    const log = await open('create', bytes(256 * KiB));
    const big = note('x'.repeat(300 * KiB));
    const [before, tooBig, follows, after] = await Promise.all([
      log.append('note-1', notes('a'), 'none'),
      log.append('note-2', [note('small'), big], 'none'),
      log.append('note-2', notes('which does not start there'), revision(1)),
      log.append('note-3', notes('c'), 'none'),
    ]);
    expect([before.ok, after.ok]).toEqual([true, true]);
    expect(tooBig).toMatchObject({ ok: false, error: { type: 'LogFull', where: path } });
    expect(follows).toMatchObject({ ok: false, error: { type: 'RevisionConflict', actual: 'none' } });
    expect((await collect(log.readAll())).map(textOf)).toEqual(['a', 'c']);
  });
});

describe('a file that others have open', () => {
  it('shows a subscriber what another writer adds, and each writer the facts of the other', async () => {
    const [here, there] = [await open(), await open()];
    const reader = await open('readOnly');
    const seen = take(6, reader.subscribe());
    const mine = take(6, here.subscribe({ category: 'note' }));
    await here.append('note-1', notes('a'), 'none');
    await there.append('note-1', notes('b'), revision(0));
    expect(await here.append('note-1', notes('x'), revision(0))).toMatchObject({
      error: { type: 'RevisionConflict', actual: 1 },
    });
    await here.append('note-1', notes('c'), revision(1));
    for (const [i, text] of ['d', 'e', 'f'].entries())
      await (i % 2 === 0 ? there : here).append('note-2', notes(text), i === 0 ? 'none' : revision(i - 1));
    expect((await seen).map(textOf)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect((await mine).map(textOf)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(await verifyChain(here.readAll())).toMatchObject({ ok: true, value: { facts: 6 } });
  });

  it('waits for the lock of another program', async () => {
    const log = await open();
    const shell = new Database(path);
    shell.exec('BEGIN IMMEDIATE');
    let answered = false;
    const appended = log.append('note-1', notes('a'), 'none').finally(() => (answered = true));
    for (let i = 0; i < 3; i += 1) await turn();
    expect(answered).toBe(false);
    shell.exec('ROLLBACK');
    expect(await appended).toMatchObject({ ok: true });
    shell.close();
  });

  it('does not wait for ever, and has then written nothing', async () => {
    const log = await open();
    const shell = new Database(path);
    shell.exec('BEGIN IMMEDIATE');
    const appended = log.append('note-1', notes('a'), 'none');
    const start = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(start + 60_000);
    expect(await appended).toEqual({
      ok: false,
      error: { type: 'LogUnavailable', where: path, detail: expect.stringContaining('lock'), written: 'no' },
    });
    shell.exec('ROLLBACK');
    shell.close();
    expect(await collect(log.readAll())).toEqual([]);
    expect(await log.append('note-1', notes('a'), 'none')).toMatchObject({ ok: true });
  });

  it('acknowledges nothing once its name is gone, and goes on when it is back', async () => {
    const log = await open();
    await log.append('note-1', notes('a'), 'none');
    await rename(path, `${path}.moved`);
    const gone = { ok: false, error: { type: 'LogUnavailable', where: path, written: 'no' } };
    expect(await log.append('note-1', notes('b'), 'any')).toMatchObject(gone);
    const usurper = new Database(path);
    usurper.exec('CREATE TABLE t (a)');
    usurper.close();
    expect(await log.append('note-1', notes('b'), 'any')).toMatchObject(gone);
    await rename(`${path}.moved`, path);
    expect(await log.append('note-1', notes('b'), 'any')).toMatchObject({ ok: true, value: { revision: 1 } });
  });

  it('keeps its write-ahead log when a reader is the last to leave, and is one file when a writer is', async () => {
    const writer = await open();
    const reader = await open('readOnly');
    await collect(reader.readAll());
    await writer.append('note-1', notes('a'), 'none');
    await writer.close();
    expect((await collect(reader.readAll())).map(textOf)).toEqual(['a']);
    await reader.close();
    const again = await open('existing');
    expect((await collect(again.readAll())).map(textOf)).toEqual(['a']);
    await again.close();
    await expect(stat(`${path}-wal`)).rejects.toThrow('ENOENT');
    await expect(stat(`${path}-shm`)).rejects.toThrow('ENOENT');
  });
});
