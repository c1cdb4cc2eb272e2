import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { MiB } from '#core/units';
import { collect, notes, textOf } from '#test/event-log/notes';
import { position } from './event-log.ts';
import { sqliteReader } from './sqlite-read.ts';
import { openSqliteEventLog } from './sqlite.ts';

it('holds no more than some MiB of large facts at a time', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealift-read-'));
  const path = join(folder, 'run.db');
  const opened = await openSqliteEventLog({ path, mode: 'create' });
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  const texts = Array.from({ length: 12 }, (_, i) => `${i}`.padEnd(MiB, '.'));
  await opened.value.append('note-1', notes(...texts), 'none');
  await opened.value.close();

  const database = new Database(path, { readonly: true });
  const reader = sqliteReader(database, path);
  expect(reader.page(position(0), undefined)).toMatchObject({ searched: 4, atEnd: false, facts: { length: 4 } });
  for (const read of [reader.readAll({}), reader.readStream('note-1', {}), reader.readAll({ category: 'note' })])
    expect((await collect(read)).map(textOf)).toEqual(texts);
  expect((await collect(reader.readStream('note-1', { backwards: true }))).map(textOf)).toEqual(texts.toReversed());
  database.close();
  await rm(folder, { recursive: true });
});
