import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { millis, seconds } from '#core/units';
import { connectQmp, type QmpClient } from '#replicator/qmp/client';
import { needs } from '#test/support/programs';
import { startMachine, type TestMachine } from '#test/support/qemu-machine';
import { valueOf } from '#test/support/value-of';

const connected = async (machine: TestMachine): Promise<QmpClient> =>
  valueOf(await connectQmp({ path: machine.qmpSocket }));

const vm = needs('qemu-system-x86_64');
describe.skipIf(!vm.available)(vm.title('QMP client against a QEMU without a guest'), () => {
  let machine: TestMachine;
  let client: QmpClient;
  beforeAll(async () => {
    machine = await startMachine('qemu-system-x86_64', () => ['-machine', 'none']);
    client = await connected(machine);
  });
  afterAll(async () => {
    await client.close();
    await machine.dispose();
  });

  it('reads the version from the greeting', async () => {
    const answer = await client.execute('query-version');
    expect(answer).toMatchObject({ ok: true, value: { qemu: client.version } });
  });

  it('answers more commands than QEMU queues, each with its own answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        index % 2 === 0 ? client.execute('query-status') : client.execute('no-such-command'),
      ),
    );
    expect(answers.filter(({ ok }) => ok)).toHaveLength(20);
    expect(answers[1]).toMatchObject({
      error: { type: 'CommandFailed', command: 'no-such-command', class: 'CommandNotFound' },
    });
  });

  it('reads an answer of hundreds of kilobytes', async () => {
    const schema = valueOf(await client.execute('query-qmp-schema'));
    expect(JSON.stringify(schema).length).toBeGreaterThan(100_000);
  });

  it('waits for the event a command causes', async () => {
    const stopped = client.waitFor('STOP', undefined, { timeout: seconds(5) });
    await client.execute('stop');
    expect(await stopped).toMatchObject({ ok: true, value: { name: 'STOP' } });
    await client.execute('cont');
  });

  it('gives up waiting in time, or when told to', async () => {
    expect(await client.waitFor('NEVER', undefined, { timeout: millis(1) })).toMatchObject({
      error: { type: 'TimedOut' },
    });
    const abort = new AbortController();
    const waiting = client.waitFor('NEVER', undefined, { signal: abort.signal });
    abort.abort();
    expect(await waiting).toMatchObject({ error: { type: 'Aborted' } });
  });

  it('says so when another client holds the monitor', async () => {
    expect(await connectQmp({ path: machine.qmpSocket }, { timeout: millis(200) })).toMatchObject({
      error: { type: 'ConnectFailed', detail: expect.stringContaining('does another hold it') },
    });
    expect((await client.execute('query-status')).ok).toBe(true);
  });

  it('refuses at once to send for a caller who cancelled', async () => {
    expect(await client.execute('stop', undefined, { signal: AbortSignal.abort() })).toMatchObject({
      error: { type: 'NotSent' },
    });
  });
});

describe.skipIf(!vm.available)(vm.title('QMP client whose QEMU dies'), () => {
  it('settles every command, ends every follower and says what is not known', async () => {
    const machine = await startMachine('qemu-system-x86_64', () => ['-machine', 'none']);
    const client = await connected(machine);
    const events = client.events();
    const waiting = client.waitFor('NEVER');
    process.kill(machine.pid, 'SIGSTOP'); // So that the commands are surely sent and surely not answered.
    const commands = Array.from({ length: 9 }, () => client.execute('query-status'));
    await machine.dispose();
    const outcomes = (await Promise.all(commands)).map((outcome) => !outcome.ok && outcome.error.type);
    expect(outcomes).toEqual([...Array<string>(8).fill('OutcomeUnknown'), 'NotSent']);
    expect(await waiting).toMatchObject({ error: { type: 'ConnectionLost' } });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(client.isOpen).toBe(false);
    expect(await client.execute('query-status')).toMatchObject({ error: { type: 'NotSent' } });
    await client.close();
  });

  it('says that nothing listens, and where', async () => {
    expect(await connectQmp({ path: '/nonexistent/qmp' })).toMatchObject({
      error: { type: 'ConnectFailed', address: '/nonexistent/qmp' },
    });
  });
});

const daemon = needs('qemu-storage-daemon');
describe.skipIf(!daemon.available)(daemon.title('QMP client against qemu-storage-daemon'), () => {
  it('adds and removes a block node, over TCP too', async () => {
    const machine = await startMachine('qemu-storage-daemon', () => [
      ...['--chardev', 'socket,host=127.0.0.1,port=0,server=on,wait=off,id=tcp', '--monitor', 'chardev=tcp'],
    ]);
    const client = await connected(machine);
    const port = await tcpPort(client);
    const second = valueOf(await connectQmp({ host: '127.0.0.1', port }));
    expect(await second.execute('blockdev-add', { 'node-name': 'n', driver: 'null-co' })).toEqual({
      ok: true,
      value: {},
    });
    await second.close();
    expect(await client.execute('blockdev-del', { 'node-name': 'n' })).toEqual({ ok: true, value: {} });
    await client.close();
    await machine.dispose();
  });
});

async function tcpPort(client: QmpClient): Promise<number> {
  const chardevs = await client.execute('query-chardev');
  const port = /127\.0\.0\.1:(\d+)/.exec(JSON.stringify(chardevs))?.[1];
  if (port === undefined) throw new Error(`no TCP chardev in ${JSON.stringify(chardevs)}`);
  return Number(port);
}
