import { describe, expect, it } from 'vitest';
import { revision, type EventLog, type ProposedFact, type StreamId } from '#core/event-log/event-log';
import { factId } from '#core/ids';
import { err, ok } from '#core/result';
import { instant, millis } from '#core/units';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { rehearsalLog } from './rehearsal-log.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const fact = (n: number): ProposedFact => ({
  id: factId(`f-${n}`),
  type: 'Noted',
  data: { n },
  metadata: {
    time: instant(n),
    actor: 'driver',
    correlationId: 'wave-1',
    schemaVersion: 2,
    model: { id: 'migration', version: '1' },
  },
});
const stream: StreamId = 'migration-web';

describe('the log of a rehearsal', () => {
  it('answers at once, and keeps all facts in the order in which they came', async () => {
    const keep = inMemoryEventLog();
    const log = rehearsalLog(keep, virtualClock({ turn }), () => undefined);
    expect(log.append(stream, [fact(0), fact(1)], 'none')).toEqual(ok({ revision: 1, position: 2 }));
    expect(log.append('migration-db', [fact(2)], 'none')).toEqual(ok({ revision: 0, position: 3 }));
    expect(await log.written()).toBeUndefined();
    const kept: unknown[] = [];
    for await (const { stream: of, data } of keep.readAll()) kept.push([of, data]);
    expect(kept).toEqual([
      [stream, { n: 0 }],
      [stream, { n: 1 }],
      ['migration-db', { n: 2 }],
    ]);
  });

  it('refuses a stale revision and says the real one', () => {
    const log = rehearsalLog(undefined, virtualClock({ turn }), () => undefined);
    log.append(stream, [fact(0)], 'none');
    expect(log.append(stream, [fact(1)], 'none')).toEqual(
      err({ type: 'RevisionConflict', stream, expected: 'none', actual: 0 }),
    );
  });

  it('knows one stream beside the others, however its facts come', () => {
    const log = rehearsalLog(undefined, virtualClock({ turn }), () => undefined);
    const append = log.appendTo(stream);
    expect(append(stream, [fact(0)], 'none')).toEqual(ok({ revision: 0, position: 1 }));
    expect(log.append(stream, [fact(1)], 'none').ok).toBe(false);
    expect(log.append('migration-db', [fact(2)], 'none')).toEqual(ok({ revision: 0, position: 2 }));
    expect(append(stream, [fact(3)], revision(0))).toEqual(ok({ revision: 1, position: 3 }));
  });

  it('says once what the log said that is to keep the facts, and takes no more', async () => {
    const full = { type: 'LogFull', where: '/full.db', detail: 'no space' } as const;
    const keep: Pick<EventLog, 'append'> = { append: async () => err(full) };
    const refusals: unknown[] = [];
    const log = rehearsalLog(keep, virtualClock({ turn }), (error) => refusals.push(error));
    log.append(stream, [fact(0)], 'none');
    log.append('migration-db', [fact(1)], 'none');
    expect(await log.written()).toEqual(full);
    expect(refusals).toEqual([full]);
    expect(log.append('migration-app', [fact(2)], 'none')).toEqual(err(full));
  });

  it('lets time stand still while the log that keeps is far behind', async () => {
    const clock = virtualClock({ turn });
    let release: () => void = () => undefined;
    const written = new Promise<void>((resolve) => (release = resolve));
    const keep: Pick<EventLog, 'append'> = {
      append: async () => written.then(() => ok({ revision: 0 as never, position: 1 as never })),
    };
    const log = rehearsalLog(keep, clock, () => undefined);
    for (let n = 0; n < 5_000; n += 1) log.append(`migration-${n}`, [fact(n)], 'none');
    let later = false;
    const run = clock.run(clock.wait(millis(1)).then(() => (later = true)));
    for (let turns = 0; turns < 5; turns += 1) await turn();
    expect(later).toBe(false);
    release();
    await run;
    expect(later).toBe(true);
  });
});
