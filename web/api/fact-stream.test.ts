import { describe, expect, it } from 'vitest';
import type { EventLog, ProposedFact } from '#core/event-log/event-log';
import { LogReadError, position } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { factId } from '#core/ids';
import { instant } from '#core/units';
import { factStream } from './fact-stream.ts';

const proposed = (n: number, text = ''): ProposedFact => ({
  id: factId(`fact-${n}`),
  type: 'Noted',
  data: { n, text },
  metadata: {
    time: instant(n),
    actor: 'world',
    correlationId: 'c',
    schemaVersion: 2,
    model: { id: 'm', version: '1' },
  },
});

async function logOf(count: number, text = ''): Promise<EventLog> {
  const log = inMemoryEventLog();
  for (let n = 1; n <= count; n += 1) await log.append('note-1', [proposed(n, text)], 'any');
  return log;
}

const beat = () => ({ now: instant(7), head: position(3) });
const open = (log: Pick<EventLog, 'subscribe'>, after = 0, heartbeatMs = 60_000) => {
  const stopping = new AbortController();
  const stream = factStream(log, { after: position(after), beat, stopping: stopping.signal, heartbeatMs });
  return { reader: stream.getReader(), stopping };
};
const textOf = async (reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> =>
  new TextDecoder().decode((await reader.read()).value);
const ids = (text: string): readonly number[] => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));

describe('factStream', () => {
  it('greets at once, then gives every fact after a position, in order, with its position', async () => {
    const { reader } = open(await logOf(5), 2);
    expect(await textOf(reader)).toBe('retry: 1000\n\nevent: beat\ndata: {"now":7,"head":3}\n\n');
    const text = await textOf(reader);
    expect(ids(text)).toEqual([3, 4, 5]);
    expect(text).toMatch(/^event: fact\nid: 3\ndata: \{"id":"fact-3",.*\}\n\n/);
    await reader.cancel();
  });

  it('goes on with what is appended later', async () => {
    const log = await logOf(1);
    const { reader } = open(log);
    await textOf(reader);
    expect(ids(await textOf(reader))).toEqual([1]);
    const next = textOf(reader);
    await log.append('note-1', [proposed(2)], 'any');
    expect(ids(await next)).toEqual([2]);
    await reader.cancel();
  });

  it('beats when there is nothing to say', async () => {
    const { reader } = open(await logOf(0), 0, 1);
    await textOf(reader);
    expect(await textOf(reader)).toContain('event: beat');
    expect(await textOf(reader)).toContain('event: beat');
    await reader.cancel();
  });

  it('loses no fact that arrives while it beats', async () => {
    const log = await logOf(0);
    const { reader } = open(log, 0, 1);
    await textOf(reader);
    const seen: number[] = [];
    for (let n = 1; seen.length < 40; n += 1) {
      if (n <= 40) await log.append('note-1', [proposed(n)], 'any');
      seen.push(...ids(await textOf(reader)));
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
    await reader.cancel();
  });

  it('reads the log no faster than its client takes it', async () => {
    const log = await logOf(2_000, 'x'.repeat(1_000));
    let given = 0;
    const counting: Pick<EventLog, 'subscribe'> = {
      async *subscribe(options) {
        for await (const fact of log.subscribe(options)) {
          given += 1;
          yield fact;
        }
      },
    };
    const { reader } = open(counting);
    await textOf(reader);
    await textOf(reader);
    const afterOne = given;
    await new Promise((resolve) => setTimeout(resolve, 20));
    // One chunk of 64 KiB is some fifty such facts, of two thousand.
    expect(given).toBe(afterOne);
    expect(given).toBeLessThan(100);
    await reader.cancel();
  });

  it('ends when the server stops', async () => {
    const { reader, stopping } = open(await logOf(0));
    await textOf(reader);
    const last = reader.read();
    stopping.abort();
    const rest = await last;
    const end = rest.done ? rest : await reader.read();
    expect(end.done).toBe(true);
  });

  it('says so as its last event when the log cannot be read on', async () => {
    const fault = { type: 'LogCorrupt', where: 'run.db', detail: 'page 7 is torn' } as const;
    const failing: Pick<EventLog, 'subscribe'> = {
      subscribe: () => ({
        [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new LogReadError(fault)) }),
      }),
    };
    const { reader } = open(failing);
    await textOf(reader);
    expect(await textOf(reader)).toContain('event: fault\ndata: {"detail":"the event log run.db is damaged');
    expect((await reader.read()).done).toBe(true);
  });

  it('lets go of the log when its client goes', async () => {
    const log = await logOf(0);
    let signal: AbortSignal | undefined;
    const watched: Pick<EventLog, 'subscribe'> = {
      subscribe: (options) => {
        signal = options?.signal;
        return log.subscribe(options);
      },
    };
    const { reader } = open(watched);
    await textOf(reader);
    const pending = reader.read();
    await reader.cancel();
    await pending;
    expect(signal?.aborted).toBe(true);
  });
});
