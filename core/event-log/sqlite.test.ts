import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyChain } from '#core/event-log/chain';
import type { Bytes } from '#core/units';
import { collect, note, notes } from '#test/event-log/notes';
import {
  describeLogFault,
  LogReadError,
  revision,
  type EventLog,
  type LogFault,
  type RecordedFact,
} from './event-log.ts';
import { layoutVersion } from './sqlite-file.ts';
import { openSqliteEventLog, type SqliteOptions } from './sqlite.ts';

let folder: string;
let path: string;
const toClose: EventLog[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-sqlite-'));
  path = join(folder, 'run.db');
});
afterEach(async () => {
  await Promise.all(toClose.splice(0).map((log) => log.close()));
  await rm(folder, { recursive: true });
});

async function open(mode: SqliteOptions['mode'] = 'create', sizeMax?: Bytes): Promise<EventLog> {
  const opened = await openSqliteEventLog({ path, mode, ...(sizeMax === undefined ? {} : { sizeMax }) });
  if (!opened.ok) throw new Error(describeLogFault(opened.error));
  toClose.push(opened.value);
  return opened.value;
}

/** The fault that opening answers with, in every mode, with the promise that nothing in the folder was touched. */
async function refused(
  modes: readonly SqliteOptions['mode'][] = ['create', 'existing', 'readOnly'],
): Promise<LogFault> {
  const before = await contents();
  const faults: LogFault[] = [];
  for (const mode of modes) {
    const opened = await openSqliteEventLog({ path, mode });
    if (opened.ok) await opened.value.close();
    else faults.push(opened.error);
    expect(await contents()).toEqual(before);
  }
  expect(faults).toEqual(modes.map(() => faults[0]));
  const [fault] = faults;
  if (fault === undefined) throw new Error('it was opened');
  expect(describeLogFault(fault)).toContain(path);
  return fault;
}

/** Every file in the folder and the hash of what is in it. */
async function contents(): Promise<Record<string, string>> {
  const names = (await readdir(folder)).toSorted();
  const hashes = await Promise.all(
    names.map(async (name) =>
      (await lstat(join(folder, name))).isFile()
        ? createHash('sha256')
            .update(await readFile(join(folder, name)))
            .digest('hex')
        : 'not a file',
    ),
  );
  return Object.fromEntries(names.map((name, i) => [name, hashes[i] ?? '']));
}

/** Root may read and write everything, so root is somebody else here. */
async function asAnyone<T>(what: () => Promise<T>): Promise<T> {
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65_534);
  try {
    return await what();
  } finally {
    if (root) process.seteuid?.(0);
  }
}

/** A log with some facts in it, closed. */
async function written(count = 40): Promise<void> {
  const log = await open();
  for (let i = 0; i < count; i += 1) await log.append(`note-${i % 3}`, notes(`n${i}`.repeat(20)), 'any');
  await log.close();
}

/** Changes the file as no log would. */
async function tamper(change: (database: Database.Database) => void): Promise<void> {
  const database = new Database(path);
  change(database);
  database.close();
  await rm(`${path}-wal`, { force: true });
  await rm(`${path}-shm`, { force: true });
}

describe('the file', () => {
  it('is made with its folder when it may be, and not otherwise', async () => {
    path = join(folder, 'deep', 'er', 'run.db');
    for (const mode of ['existing', 'readOnly'] as const)
      expect(await openSqliteEventLog({ path, mode })).toEqual({
        ok: false,
        error: { type: 'LogNotFound', where: path },
      });
    expect(await readdir(folder)).toEqual([]);
    await (await open('create')).close();
    expect(await readdir(join(folder, 'deep', 'er'))).toEqual(['run.db']);
  });

  it('goes on where it ended', async () => {
    const first = await open();
    await first.append('note-1', notes('a', 'b'), 'none');
    await first.close();
    const second = await open('create');
    expect(await second.append('note-1', notes('c'), revision(1))).toMatchObject({ ok: true, value: { revision: 2 } });
    expect(await verifyChain(second.readAll())).toMatchObject({ ok: true, value: { facts: 3 } });
  });

  it('is a database any SQLite tool can read, with a view for people', async () => {
    const log = await open();
    await log.append('note-1', [{ ...note('hello'), type: 'Greeted' }], 'none');
    const shell = new Database(path, { readonly: true });
    expect(shell.prepare('SELECT * FROM timeline').all()).toEqual([
      {
        position: 1,
        time_utc: '2023-11-14 22:13:20.000',
        stream: 'note-1',
        revision: 0,
        type: 'Greeted',
        actor: 'operator:tester',
        data: '{"text":"hello"}',
      },
    ]);
    shell.close();
  });

  it('is not changed from outside by mistake', async () => {
    await written(3);
    const shell = new Database(path);
    expect(() => shell.exec("UPDATE facts SET data = '{}'")).toThrow('a fact is never changed');
    expect(() => shell.exec('DELETE FROM facts')).toThrow('a fact is never removed');
    shell.close();
  });

  it('is durable at every commit', async () => {
    // What SQLite was told is all a test can see of it without cutting the power.
    const log = await open();
    await log.append('note-1', notes('a'), 'none');
    const shell = new Database(path);
    expect(shell.pragma('journal_mode', { simple: true })).toBe('wal');
    shell.close();
  });

  it('is left alone by a reader, and takes no append from one', async () => {
    await written();
    const before = await contents();
    const log = await open('readOnly');
    expect(await verifyChain(log.readAll())).toMatchObject({ ok: true, value: { facts: 40 } });
    expect(await log.append('note-1', notes('x'), 'any')).toMatchObject({
      ok: false,
      error: { type: 'LogUnavailable', where: path, written: 'no' },
    });
    await log.close();
    expect(await log.append('note-1', notes('x'), 'any')).toEqual({ ok: false, error: { type: 'LogClosed' } });
    expect((await contents())['run.db']).toBe(before['run.db']);
  });
});

describe('a file that is refused', () => {
  it('is empty', async () => {
    await writeFile(path, '');
    expect(await refused()).toEqual({ type: 'LogCorrupt', where: path, detail: 'the file is empty' });
  });

  it('is no database, however short or long', async () => {
    for (const text of ['x', 'SQLite format 3', 'name: wave-1\n'.repeat(1000)]) {
      await writeFile(path, text);
      expect(await refused()).toEqual({ type: 'LogForeign', where: path, detail: 'no SQLite database' });
    }
  });

  it('is the database of another program', async () => {
    const other = new Database(path);
    other.exec('CREATE TABLE facts (a); INSERT INTO facts VALUES (1)');
    expect(await refused()).toMatchObject({ type: 'LogForeign', detail: expect.stringContaining('no application id') });
    other.pragma('journal_mode = WAL');
    other.pragma('application_id = 0x0f055112');
    other.pragma('wal_checkpoint(TRUNCATE)');
    expect(await refused()).toMatchObject({ type: 'LogForeign', detail: expect.stringContaining('0xf055112') });
    other.close();
  });

  it('is a folder', async () => {
    await mkdir(path);
    expect(await refused()).toMatchObject({ type: 'LogUnreachable', where: path });
  });

  it('is behind a link that leads nowhere but to itself', async () => {
    await symlink(path, path);
    expect(await refused()).toMatchObject({ type: 'LogUnreachable', detail: expect.stringContaining('ELOOP') });
  });

  it('may not be read', async () => {
    await written(1);
    await chmod(path, 0);
    await chmod(folder, 0o755);
    for (const mode of ['create', 'existing', 'readOnly'] as const)
      expect(await asAnyone(() => openSqliteEventLog({ path, mode }))).toMatchObject({
        ok: false,
        error: { type: 'LogUnreachable', where: path, detail: expect.stringContaining('EACCES') },
      });
  });

  it('may be read but not written', async () => {
    await written(1);
    await chmod(path, 0o444);
    await chmod(folder, 0o555);
    for (const mode of ['create', 'existing'] as const)
      expect(await asAnyone(() => openSqliteEventLog({ path, mode }))).toMatchObject({
        ok: false,
        error: { type: 'LogUnreachable', where: path, detail: expect.stringContaining('EACCES') },
      });
    const before = await contents();
    const found = await asAnyone(async () => {
      const log = await open('readOnly');
      const facts = await collect(log.readAll());
      await log.close();
      return facts;
    });
    expect(found).toHaveLength(1);
    expect(await contents()).toEqual(before);
    await chmod(folder, 0o755);
  });

  it('has a newer layout', async () => {
    await written(1);
    await tamper((database) => database.pragma(`user_version = ${layoutVersion + 1}`));
    expect(await refused()).toEqual({ type: 'LogTooNew', where: path, schemaVersion: 2, supported: 1 });
  });

  it('has facts of a newer schema', async () => {
    await written(2);
    await tamper((database) =>
      database.exec(
        `INSERT INTO facts (stream, revision, id, type, data, metadata)
         VALUES ('note-9', 0, 'x', 'Noted', '{}', '{"schemaVersion":7}')`,
      ),
    );
    expect(await refused()).toEqual({ type: 'LogTooNew', where: path, schemaVersion: 7, supported: 2 });
  });

  it('lacks its table', async () => {
    await written(1);
    await tamper((database) => database.exec('DROP VIEW timeline; DROP TABLE facts'));
    expect(await refused()).toMatchObject({ type: 'LogCorrupt', detail: 'no such table: facts' });
  });

  it('is cut off anywhere', async () => {
    await written();
    const whole = await readFile(path);
    for (let size = whole.length - 1; size > 100; size -= Math.ceil(whole.length / 23)) {
      await writeFile(path, whole.subarray(0, size));
      expect(await refused()).toMatchObject({ type: 'LogCorrupt', where: path });
    }
  });

  it('has pages that were overwritten', async () => {
    await written(200);
    const whole = await readFile(path);
    for (let page = 1; page * 4096 < whole.length; page += 1) {
      const damaged = Buffer.from(whole).fill(0xa5, page * 4096, (page + 1) * 4096);
      await writeFile(path, damaged);
      expect(await refused()).toMatchObject({ type: 'LogCorrupt', where: path });
    }
  });
});

describe('a flipped bit', () => {
  it('is refused, noticed while reading, shown by the chain, or harmless', async () => {
    await written(60);
    const whole = await readFile(path);
    const original = await readStored();
    if (original instanceof Error) throw original;

    /** What comes of a damaged file. */
    const outcome = async (damaged: Buffer): Promise<string> => {
      const opened = await openSqliteEventLog({ path, mode: 'existing' });
      if (!opened.ok) {
        const untouched = damaged.equals(await readFile(path));
        return untouched && opened.error.type !== 'LogNotFound' ? 'refused' : 'refused and changed';
      }
      await opened.value.close();
      const found = await readStored();
      if (found instanceof LogReadError) return 'noticed while reading';
      if (found instanceof Error) return `a crash: ${found.message}`;
      if (!(await verifyChain(found)).ok) return 'shown by the chain';
      // The last fact of each of the three streams has no successor to vouch for it.
      return JSON.stringify(found.slice(0, -3)) === JSON.stringify(original.slice(0, -3)) ? 'harmless' : 'not noticed';
    };
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 7 }), async (at, bit) => {
        const damaged = Buffer.from(whole);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
        for (const file of await readdir(folder)) await rm(join(folder, file));
        await writeFile(path, damaged);
        expect(['refused', 'noticed while reading', 'shown by the chain', 'harmless']).toContain(
          await outcome(damaged),
        );
      }),
      { numRuns: 50 },
    );
  });

  async function readStored(): Promise<RecordedFact[] | Error> {
    const opened = await openSqliteEventLog({ path, mode: 'readOnly' });
    if (!opened.ok) return new LogReadError(opened.error);
    try {
      return await collect(opened.value.readAll({ asStored: true }));
    } catch (error) {
      return error as Error;
    } finally {
      await opened.value.close();
    }
  }
});
