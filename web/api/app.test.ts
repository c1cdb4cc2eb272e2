import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { everyTemper, smallFleet, type SmallFleet } from '#test/support/small-fleet';
import { webApp } from './app.ts';
import { runView, type RunView } from './run-view.ts';

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

describe('the API over a live fleet', () => {
  let fleet: SmallFleet;
  let run: RunView;
  let request: (path: string, init?: RequestInit) => Promise<Response>;
  const json = async (path: string, init?: RequestInit): Promise<Record<string, unknown>> =>
    (await (await request(path, init)).json()) as Record<string, unknown>;
  /** Waits until what was appended is folded: the view follows the log by itself. */
  const settled = async (): Promise<void> => {
    let last = 0;
    for await (const fact of fleet.log.readAll()) last = fact.position;
    while ((run.extent().head ?? 0) < last) await new Promise((resolve) => setImmediate(resolve));
  };

  beforeEach(async () => {
    fleet = await smallFleet({ tempers: everyTemper.slice(0, 4) });
    run = runView(fleet.log, { mode: 'live', source: 'small fleet', speed: 60, now: () => fleet.clock.now() });
    await run.caughtUp;
    const { signal: stopping } = new AbortController();
    const app = webApp({ run, facts: fleet.log, commands: fleet.commands }, { dashboard: '/nowhere', stopping });
    request = async (path, init) => app.request(`http://127.0.0.1:8080${path}`, init);
  });
  afterEach(async () => {
    await run.close();
    await fleet.stop();
  });

  it('says which run it is and how far it is read', async () => {
    await fleet.advance(5);
    await settled();
    const summary = await json('/api/run');
    expect(summary).toMatchObject({
      mode: 'live',
      source: 'small fleet',
      speed: 60,
      takesCommands: true,
      migrations: 4,
      waves: 1,
      now: fleet.start + 5 * 60_000,
      fault: null,
    });
    expect(summary['span']).toMatchObject({ from: fleet.start });
    expect(summary['head']).toBe(run.extent().head);
  });

  it('lists migrations with both axes and how far they are', async () => {
    await fleet.advance(3);
    await settled();
    const { migrations } = (await json('/api/migrations')) as { migrations: Record<string, unknown>[] };
    expect(migrations.map(({ id }) => id)).toEqual(['vm-01', 'vm-02', 'vm-03', 'vm-04']);
    expect(migrations[0]).toMatchObject({
      lifecycle: 'protected',
      replication: 'fullSync',
      outcome: 'certain',
      round: { round: 0, kind: 'full' },
    });
    expect(migrations[3]).toMatchObject({ lifecycle: 'blocked', asksOperator: true });
  });

  it('shows one migration with its plan and every command, possible or not and why', async () => {
    await fleet.advance(3);
    await settled();
    const shown = await json('/api/migrations/vm-01');
    expect(shown).toMatchObject({ id: 'vm-01', plan: { vm: { name: 'vm-01' } }, roundsDone: 0 });
    expect(shown['commands']).toContainEqual({ command: 'PauseReplication', possible: true });
    expect(shown['commands']).toContainEqual({
      command: 'Finalize',
      possible: false,
      why: 'Finalize is not possible in state protected: lifecycle is protected and replication is fullSync',
    });
  });

  it('shows one wave with its window and members', async () => {
    expect(await json('/api/waves/1')).toMatchObject({
      id: '1',
      name: 'Wave 1',
      state: 'preparing.admitting',
      approvedBy: 'ines',
      members: ['vm-01', 'vm-02', 'vm-03', 'vm-04'],
    });
    expect(await json('/api/waves')).toMatchObject({ waves: [{ id: '1', ended: false }] });
  });

  it('carries a command out once, however often it is repeated under one key', async () => {
    await fleet.advance(2);
    const pause = post(
      { type: 'PauseReplication', data: { reason: 'backup window' } },
      { 'idempotency-key': 'key-1', 'sealift-operator': 'Ann' },
    );
    const first = await request('/api/migrations/vm-01/commands', pause);
    expect([first.status, await first.json()]).toEqual([200, { id: 'key-1', done: true }]);
    expect((await request('/api/migrations/vm-01/commands', pause)).status).toBe(200);
    await settled();
    const paused = [];
    for await (const fact of fleet.log.readStream('migration-vm-01'))
      if (fact.type === 'ReplicationPaused') paused.push(fact);
    expect(paused).toHaveLength(1);
    expect(paused[0]?.metadata).toMatchObject({ actor: 'operator:Ann', commandId: 'key-1' });
    expect(await json('/api/migrations/vm-01')).toMatchObject({ replication: 'paused' });
  });

  it('commands a wave', async () => {
    const response = await request('/api/waves/1/commands', post({ type: 'PauseWave', data: { reason: 'storm' } }));
    expect(response.status).toBe(200);
    await settled();
    expect(await json('/api/waves/1')).toMatchObject({ state: 'preparing.paused' });
  });

  it('answers 409 to what is not possible, with the reason and what is', async () => {
    const response = await request('/api/migrations/vm-01/commands', post({ type: 'Finalize', data: {} }));
    expect(response.status).toBe(409);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const document = (await response.json()) as { legal: string[] };
    expect(document).toMatchObject({
      type: 'urn:sealift:problem:NotNow',
      status: 409,
      error: { type: 'NotNow', command: 'Finalize' },
    });
    expect(document.legal).toContain('CancelMigration');
    expect(document.legal).not.toContain('Finalize');
  });

  it.each([
    ['a body that is no JSON', '/api/migrations/vm-01/commands', post('{'), 400, 'NotJson'],
    [
      'a body of another type',
      '/api/migrations/vm-01/commands',
      { ...post('{}'), headers: {} },
      415,
      'MediaTypeNotJson',
    ],
    [
      'an unknown command',
      '/api/migrations/vm-01/commands',
      post({ type: 'Explode', data: {} }),
      422,
      'InvalidCommand',
    ],
    [
      'a key that is no id',
      '/api/migrations/vm-01/commands',
      post({ type: 'Finalize', data: {} }, { 'idempotency-key': 'a b' }),
      400,
      'InvalidHeader',
    ],
    [
      'a name that is none',
      '/api/migrations/vm-01/commands',
      post({ type: 'Finalize', data: {} }, { 'sealift-operator': '<x>' }),
      400,
      'InvalidHeader',
    ],
    ['a migration that is not there', '/api/migrations/vm-99', {}, 404, 'NoSuchMigration'],
    [
      'a command to one that is not there',
      '/api/migrations/vm-99/commands',
      post({ type: 'Finalize', data: {} }),
      404,
      'NoSuchMigration',
    ],
    ['a wave that is not there', '/api/waves/99', {}, 404, 'NoSuchWave'],
    ['an address that is not there', '/api/nothing', {}, 404, 'NoSuchRoute'],
    ['a limit that is no number', '/api/facts?limit=many', {}, 400, 'InvalidQuery'],
    ['a limit that is too high', '/api/facts?limit=10001', {}, 400, 'InvalidQuery'],
    ['a position that is negative', '/api/facts/stream?after=-1', {}, 400, 'InvalidQuery'],
  ])('answers %s with a problem document', async (_, path, init, status, type) => {
    const response = await request(path, init);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ type: `urn:sealift:problem:${type}`, status, error: { type } });
  });

  it('says where a command does not fit', async () => {
    const misspelt = await json(
      '/api/migrations/vm-01/commands',
      post({ type: 'RollBack', data: { reason: ' ', acceptLossOfTargetWrite: true } }),
    );
    expect(misspelt['error']).toEqual({
      type: 'InvalidCommand',
      problems: [
        'data.reason: say why, for those who read the log',
        'data.acceptLossOfTargetWrites: Invalid input: expected boolean, received undefined',
        'data: Unrecognized key: "acceptLossOfTargetWrite"',
      ],
    });
  });

  it('refuses a plan whose disk has no possible name, at its place', async () => {
    const { plan } = (await json('/api/migrations/vm-01')) as { plan: { disks: object[] } };
    const drafted = await json(
      '/api/migrations/new/commands',
      post({ type: 'DraftMigration', data: { plan: { ...plan, disks: [{ id: 'a/b', size: 512 }] } } }),
    );
    expect(drafted['detail']).toMatch(/^data\.plan\.disks\.0\.id: disk id must be 1 to 100 letters/);
  });

  it('takes no body without end', async () => {
    const response = await request('/api/migrations/vm-01/commands', post(`"${'x'.repeat(5_000_000)}"`));
    expect(response.status).toBe(413);
  });

  describe('turns away requests that come from elsewhere', () => {
    it.each([
      ['a rebound name', { host: 'evil.example:8080' }, '/api/run', 'GET'],
      ['a name that begins like loopback', { host: '127.0.0.1.evil.example' }, '/api/run', 'GET'],
      [
        'a post of another origin',
        { host: '127.0.0.1:8080', origin: 'http://evil.example' },
        '/api/migrations/vm-01/commands',
        'POST',
      ],
      [
        'a post of a page without origin',
        { host: '127.0.0.1:8080', origin: 'null' },
        '/api/migrations/vm-01/commands',
        'POST',
      ],
      [
        'a post the browser calls cross-site',
        { host: 'localhost:8080', 'sec-fetch-site': 'cross-site' },
        '/api/migrations/vm-01/commands',
        'POST',
      ],
    ])('%s', async (_, headers, path, method) => {
      const body = method === 'POST' ? post({ type: 'VerifySource', data: {} }) : {};
      const response = await request(path, {
        ...body,
        method,
        headers: { 'content-type': 'application/json', ...headers },
      });
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ status: 403 });
    });

    it('but not those of its own page, whatever the port', async () => {
      const own = { host: 'localhost:9000', origin: 'http://localhost:9000', 'sec-fetch-site': 'same-origin' };
      const response = await request('/api/waves/1/commands', post({ type: 'PauseWave', data: { reason: 'x' } }, own));
      expect(response.status).toBe(200);
    });
  });

  it('tells the browser to load nothing from elsewhere and to be framed by nobody', async () => {
    const { headers } = await request('/api/run');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('gives facts by the page, and says where the next one begins', async () => {
    await fleet.advance(1);
    const first = (await json('/api/facts?limit=10')) as { facts: { position: number }[]; next: number; more: boolean };
    expect(first.facts.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect([first.next, first.more]).toEqual([10, true]);
    const rest = (await json(`/api/facts?after=${first.next}&limit=10000`)) as typeof first;
    expect(rest.facts[0]?.position).toBe(11);
    expect(rest.more).toBe(false);
    const none = (await json(`/api/facts?after=${rest.next}`)) as typeof first;
    expect([none.facts, none.next]).toEqual([[], rest.next]);
  });

  it('shows how to build the page when there is none', async () => {
    const response = await request('/');
    expect(response.status).toBe(503);
    expect(await response.text()).toContain('npm run build');
  });
});

describe('the API over a recording', () => {
  it('refuses commands, and says that it is a recording', async () => {
    const fleet = await smallFleet({ tempers: ['plain'] });
    await fleet.advance(100);
    await fleet.stop();
    const run = runView(fleet.log, { mode: 'replay', source: 'run-7.db', speed: 1 });
    await run.caughtUp;
    const { signal: stopping } = new AbortController();
    const app = webApp({ run, facts: fleet.log, commands: fleet.commands }, { dashboard: '/nowhere', stopping });
    for (const path of ['migrations/vm-01', 'waves/1']) {
      const answer = await app.request(`http://localhost/api/${path}/commands`, post({ type: 'Finalize', data: {} }));
      expect(answer.status).toBe(409);
      expect(await answer.json()).toMatchObject({
        title: 'This is a recording',
        detail: 'run-7.db is a recording: it can be looked at, and nothing in it can be changed',
      });
    }
    const summary = (await (await app.request('http://localhost/api/run')).json()) as Record<string, unknown>;
    expect(summary).toMatchObject({ mode: 'replay', takesCommands: false });
    expect(summary['now']).toBe((summary['span'] as { to: number }).to);
    await run.close();
  });

  it('says that another process drives a live run without commands', async () => {
    const fleet = await smallFleet({ tempers: ['plain'] });
    const run = runView(fleet.log, { mode: 'live', source: 'run-8.db', speed: 1 });
    await run.caughtUp;
    const { signal: stopping } = new AbortController();
    const app = webApp({ run, facts: fleet.log }, { dashboard: '/nowhere', stopping });
    const answer = await app.request(
      'http://localhost/api/migrations/vm-01/commands',
      post({ type: 'VerifySource', data: {} }),
    );
    expect(await answer.json()).toMatchObject({ status: 409, error: { type: 'NotDrivenHere' } });
    await run.close();
    await fleet.stop();
  });
});
