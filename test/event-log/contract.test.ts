import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { describeLogFault, type EventLog } from '#core/event-log/event-log';
import { openEventStoreDb } from '#core/event-log/eventstoredb';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { bytes } from '#core/units';
import { eventLogContract } from '#test/contract/event-log.contract';
import { startEventStoreDbDouble } from '#test/event-log/eventstoredb-double';
import { needs } from '#test/support/programs';

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-contract-'));
});
afterAll(() => rm(folder, { recursive: true }));

eventLogContract('in memory', async () => inMemoryEventLog(), { histories: 200 });

eventLogContract('SQLite', async () => {
  const opened = await openSqliteEventLog({ path: join(folder, `${(files += 1)}.db`), mode: 'create' });
  if (!opened.ok) throw new Error(describeLogFault(opened.error));
  return opened.value;
});

// The server's limit for one append, less what goes around a fact.
const largeFact = bytes(1_000_000);

eventLogContract(
  'EventStoreDB, beside a double',
  async () => {
    const double = await startEventStoreDbDouble();
    const log = await openAt(double.connectionString);
    return { ...log, close: () => log.close().then(() => double.stop()) };
  },
  { largeFact, histories: 10 },
);

const server = needs('SEALIFT_EVENTSTOREDB');
describe.skipIf(!server.available)(server.title('a real server'), () => {
  eventLogContract('EventStoreDB', () => openAt(process.env['SEALIFT_EVENTSTOREDB'] ?? ''), { largeFact });
});

async function openAt(connectionString: string): Promise<EventLog> {
  const opened = await openEventStoreDb({ connectionString });
  if (!opened.ok) throw new Error(describeLogFault(opened.error));
  return opened.value;
}
