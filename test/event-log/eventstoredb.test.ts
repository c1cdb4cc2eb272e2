import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyChain } from '#core/event-log/chain';
import { describeLogFault, LogReadError, revision, type EventLog, type LogFault } from '#core/event-log/event-log';
import { openEventStoreDb } from '#core/event-log/eventstoredb';
import { startEventStoreDbDouble, type Death, type EventStoreDbDouble } from '#test/event-log/eventstoredb-double';
import { jsonEvent } from '#test/event-log/eventstoredb-store';
import { collect, note, notes, take, textOf } from '#test/event-log/notes';

let double: EventStoreDbDouble;
let log: EventLog;
const toClose: EventLog[] = [];
beforeEach(async () => {
  double = await startEventStoreDbDouble();
  log = await open();
});
afterEach(async () => {
  await Promise.all(toClose.splice(0).map((one) => one.close()));
  double.stop();
});

async function open(connectionString = double.connectionString): Promise<EventLog> {
  const opened = await openEventStoreDb({ connectionString });
  if (!opened.ok) throw new Error(describeLogFault(opened.error));
  toClose.push(opened.value);
  return opened.value;
}
const where = (): string => double.connectionString.replace('?tls=false', '');
const stored = (stream: string): unknown[] =>
  double.store.streamOf(stream).map(({ data }) => (JSON.parse(Buffer.from(data).toString()) as { text: string }).text);
const faultOf = async (reading: Promise<unknown>): Promise<LogFault> => {
  const error: unknown = await reading.then(
    () => new Error('it was read'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof LogReadError) return error.fault;
  throw error;
};

describe('a server that dies during an append', () => {
  it.each<[Death, unknown[]]>([
    ['beforeWriting', []],
    ['afterWriting', ['a', 'b']],
  ])('%s leaves it unknown what was written, and asking again resolves it', async (death, written) => {
    const batch = notes('a', 'b');
    double.dieAtNextAppend(death);
    expect(await log.append('migration-1', batch, 'none')).toEqual({
      ok: false,
      error: { type: 'LogUnavailable', where: where(), detail: expect.any(String), written: 'unknown' },
    });
    expect(stored('migration-1')).toEqual(written);
    await double.start();
    expect(await log.append('migration-1', batch, 'none')).toMatchObject({ ok: true, value: { revision: 1 } });
    expect(stored('migration-1')).toEqual(['a', 'b']);

    double.dieAtNextAppend(death);
    const next = notes('c');
    expect(await log.append('migration-1', next, revision(1))).toMatchObject({ error: { written: 'unknown' } });
    await double.start();
    expect(await log.append('migration-1', next, revision(1))).toMatchObject({ ok: true, value: { revision: 2 } });
    expect(await verifyChain(log.readStream('migration-1'))).toMatchObject({ ok: true, value: { facts: 3 } });
  });

  it('has written nothing when it was gone before', async () => {
    double.stop();
    expect(await log.append('migration-1', notes('a'), 'none')).toMatchObject({
      ok: false,
      error: { type: 'LogUnavailable', where: where(), written: 'no' },
    });
    await double.start();
    expect(await log.append('migration-1', notes('a'), 'none')).toMatchObject({ ok: true });
  });
});

describe('a server that dies during a read', () => {
  it('ends a subscription with a fault, and a new one goes on where it ended', async () => {
    await log.append('migration-1', notes('a', 'b'), 'none');
    const subscription = log.subscribe()[Symbol.asyncIterator]();
    expect(textOf((await subscription.next()).value)).toBe('a');
    const last = (await subscription.next()).value;
    const next = faultOf(subscription.next());
    double.stop();
    expect(await next).toMatchObject({ type: 'LogUnreachable', where: where() });
    await double.start();
    const again = take(1, log.subscribe({ after: last.position }));
    await log.append('migration-1', notes('c'), revision(1));
    expect((await again).map(textOf)).toEqual(['c']);
  });

  it('does not reach one who has let go', async () => {
    const clustered = await open(double.clusterConnectionString);
    double.stop();
    // This one finds out that the connection is gone, so that the next must find the cluster again, and cannot.
    await faultOf(collect(clustered.readStream('migration-1')));
    const subscription = clustered.subscribe()[Symbol.asyncIterator]();
    const next = subscription.next();
    await subscription.return?.();
    expect((await next).done).toBe(true);
    // By the time this one gives up, so has the one that nobody waits for; an error of it would end this process.
    await faultOf(collect(clustered.readStream('migration-1')));
  });

  it('is told to whoever reads', async () => {
    double.stop();
    for (const read of [log.readStream('migration-1'), log.readAll(), log.subscribe()])
      expect(await faultOf(collect(read))).toMatchObject({ type: 'LogUnreachable', where: where() });
  });
});

describe('several writers', () => {
  it('of one revision are decided by the server: one wins, the other hears the real one', async () => {
    const other = await open();
    await log.append('migration-1', notes('start'), 'none');
    const results = await Promise.all([
      log.append('migration-1', notes('a'), revision(0)),
      other.append('migration-1', notes('b'), revision(0)),
    ]);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(results.find(({ ok }) => !ok)).toMatchObject({
      error: { type: 'RevisionConflict', expected: 0, actual: 1 },
    });
    expect(stored('migration-1')).toHaveLength(2);
  });

  it('of any revision all get through, one after the other', async () => {
    const other = await open();
    const texts = Array.from({ length: 10 }, (_, i) => `n${i}`);
    const results = await Promise.all(
      texts.map((text, i) => (i % 2 === 0 ? log : other).append('migration-1', notes(text), 'any')),
    );
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(new Set(stored('migration-1'))).toEqual(new Set(texts));
    expect(await verifyChain(log.readStream('migration-1'))).toMatchObject({ ok: true, value: { facts: 10 } });
  });

  it('are noticed by one that believed to own the stream', async () => {
    const other = await open();
    await log.append('migration-1', notes('a'), 'none');
    await other.append('migration-1', notes('b'), revision(0));
    expect(await log.append('migration-1', notes('c'), revision(0))).toMatchObject({
      error: { type: 'RevisionConflict', actual: 1 },
    });
    expect(await log.append('migration-1', notes('c'), revision(1))).toMatchObject({ ok: true });
    expect(await verifyChain(log.readStream('migration-1'))).toMatchObject({ ok: true });
  });
});

describe('what others wrote', () => {
  it('is passed over where all is read, and refused where it stands in a stream of ours', async () => {
    await log.append('migration-1', notes('a'), 'none');
    double.store.append('migration-1', [jsonEvent('Intruder', { text: 'x' })], 'any');
    await log.append('migration-2', notes('b'), 'none');
    expect((await collect(log.readAll())).map(textOf)).toEqual(['a', 'b']);
    expect((await take(2, log.subscribe())).map(textOf)).toEqual(['a', 'b']);
    const fault = await faultOf(collect(log.readStream('migration-1')));
    expect(fault).toMatchObject({ type: 'LogCorrupt', detail: expect.stringContaining('event 1 of migration-1') });
    expect(await log.append('migration-1', notes('c'), 'any')).toMatchObject({ error: { written: 'no' } });
  });

  it('with a newer Sealift is refused, except as stored', async () => {
    const metadata = { ...note('').metadata, schemaVersion: 9, previousHash: '0'.repeat(64) };
    double.store.append('migration-1', [jsonEvent('Noted', { text: 'future' }, metadata)], 'none');
    const tooNew = { type: 'LogTooNew', where: where(), schemaVersion: 9, supported: 2 };
    expect(await faultOf(collect(log.readStream('migration-1')))).toEqual(tooNew);
    expect(await faultOf(collect(log.readAll()))).toEqual(tooNew);
    expect(await faultOf(take(1, log.subscribe()))).toEqual(tooNew);
    expect(await collect(log.readAll({ asStored: true }))).toHaveLength(1);
  });
});

describe('a batch that is larger than the server takes', () => {
  it('is refused as a whole, with what to do about it', async () => {
    const batch = [note('x'.repeat(700_000)), note('y'.repeat(700_000))];
    expect(await log.append('migration-1', batch, 'none')).toEqual({
      ok: false,
      error: {
        type: 'LogUnavailable',
        where: where(),
        detail: expect.stringContaining('--max-append-size'),
        written: 'no',
      },
    });
    expect(stored('migration-1')).toEqual([]);
    expect(await log.append('migration-1', notes('z'), 'none')).toMatchObject({ ok: true });
  });
});

describe('opening', () => {
  it('finds the leader of a cluster', async () => {
    const clustered = await open(double.clusterConnectionString);
    expect(await clustered.append('migration-1', notes('a'), 'none')).toMatchObject({ ok: true });
    expect((await collect(log.readStream('migration-1'))).map(textOf)).toEqual(['a']);
  });

  it('finds out whether a server is there', async () => {
    double.stop();
    expect(await openEventStoreDb({ connectionString: double.connectionString })).toMatchObject({
      ok: false,
      error: { type: 'LogUnreachable', where: where() },
    });
  });

  it.each([
    ['no scheme', 'operator:secret@host:2113', 'esdb://'],
    ['another scheme', 'http://operator:secret@host:2113', 'esdb://'],
    ['nothing', '', 'esdb://'],
    ['a password that is not encoded', 'esdb://operator:top@secret@host:2113', 'percent-encoded'],
    ['a port that is none', 'esdb://operator:secret@host:port', 'port'],
    ['an option nobody knows', 'esdb://operator:secret@host:2113?tsl=false', 'tsl'],
    ['an option the client ignores', 'esdb://operator:secret@host:2113?tlsVerifyCert=false', 'tlsCAFile'],
    ['an option without a value', 'esdb://operator:secret@host:2113?tls=', 'tls'],
    ['an option with a wrong value', 'esdb://operator:secret@host:2113?tls=perhaps', 'true or false'],
    ['a certificate that is not there', 'esdb://operator:secret@host:2113?tlsCAFile=/nowhere.crt', 'certificate'],
  ])('refuses %s and keeps the password to itself', async (_, connectionString, hint) => {
    const opened = await openEventStoreDb({ connectionString });
    const sentence = opened.ok ? '' : describeLogFault(opened.error);
    expect(sentence).toContain(hint);
    expect(sentence).not.toContain('secret');
  });
});
