import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { position, revision, type RecordedFact, type StreamId } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { factId } from '#core/ids';
import { instant } from '#core/units';
import { valueOf } from '#test/support/value-of';
import { keepLog } from './keep-log.ts';

// More streams take turns than appends wait at once, and some have several facts in a row.
const streams: readonly StreamId[] = ['migration-vm-1', 'wave-night', 'migration-vm-2'];
const facts: readonly RecordedFact[] = Array.from({ length: 2_000 }, (_, i) => ({
  id: factId(`00000000-0000-4000-8000-${String(i).padStart(12, '0')}`),
  stream: streams[(i % 7) % streams.length] ?? 'wave-night',
  revision: revision(0),
  position: position(i + 1),
  type: 'OutcomeUnknown',
  data: { i },
  metadata: {
    ...{ time: instant(i), actor: 'world', correlationId: 'w', schemaVersion: 1, previousHash: '0' },
    model: { id: 'migration', version: '1' },
  },
}));

it('the facts of a run are kept in the order in which they happened, whatever the log', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealift-keep-'));
  try {
    const kept = [
      inMemoryEventLog(),
      valueOf(await openSqliteEventLog({ path: join(folder, 'a.db'), mode: 'create' })),
    ];
    for (const log of kept) {
      await keepLog(log, facts);
      const read: RecordedFact[] = [];
      for await (const fact of log.readAll()) read.push(fact);
      expect(read.map(({ data, stream, metadata: { time } }) => [data, stream, time])).toEqual(
        facts.map(({ data, stream, metadata: { time } }) => [data, stream, time]),
      );
      await log.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
