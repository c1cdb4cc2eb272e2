import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { eventLogContract } from '#test/contract/event-log.contract';

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-contract-'));
});
afterAll(() => rm(folder, { recursive: true }));

eventLogContract('in memory', async () => inMemoryEventLog(), { histories: 200 });

eventLogContract('SQLite', async () => {
  const opened = await openSqliteEventLog({ path: join(folder, `${(files += 1)}.db`), mode: 'create' });
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  return opened.value;
});
