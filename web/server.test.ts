import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { runView } from '#web/api/run-view';
import type { WebPorts } from './ports.ts';
import { describeStartError, startServer, type ServerOptions, type WebServer } from './server.ts';

let folder: string;
let dashboard: string;
let ports: WebPorts;
const running: WebServer[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-web-'));
  dashboard = join(folder, 'dashboard');
  await mkdir(join(dashboard, 'assets'), { recursive: true });
  await writeFile(join(folder, 'secret.txt'), 'not for you');
  const log = inMemoryEventLog();
  ports = { run: runView(log, { mode: 'live', source: 'test', speed: 1 }), facts: log };
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  await ports.run.close();
  await rm(folder, { recursive: true });
});

const start = async (options: Partial<ServerOptions> = {}): Promise<WebServer> => {
  const started = await startServer({ ports, dashboard, port: 0, ...options });
  if (!started.ok) throw new Error(describeStartError(started.error));
  running.push(started.value);
  return started.value;
};

describe('startServer', () => {
  it.each(['0.0.0.0', '192.168.1.4', '::', 'example.com', '127.0.0.1.example.com', '0127.0.0.1'])(
    'refuses to listen on %s',
    async (host) => {
      const started = await startServer({ ports, dashboard, port: 0, host });
      expect(started).toEqual({ ok: false, error: { type: 'NotLoopback', host } });
      expect(describeStartError({ type: 'NotLoopback', host })).toMatch(
        /only a loopback address is allowed.*SSH tunnel/,
      );
    },
  );

  it.each(['127.0.0.1', 'localhost', '127.8.9.1'])('listens on %s', async (host) => {
    const { url } = await start({ host });
    expect((await fetch(`${url}/api/run`)).status).toBe(200);
  });

  it('says that a port is taken, and what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const started = await startServer({ ports, dashboard, port });
    expect(started).toEqual({ ok: false, error: { type: 'PortTaken', host: '127.0.0.1', port } });
    expect(describeStartError({ type: 'PortTaken', host: '127.0.0.1', port })).toMatch(/choose another with --port/);
    other.close();
  });

  it('stops although a client reads its stream, and lets the port go', async () => {
    const server = await start();
    const response = await fetch(`${server.url}/api/facts/stream`);
    const reader = response.body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    const rest = reader?.read().then(
      ({ done }) => done,
      () => true,
    );
    await server.stop();
    expect(await rest).toBe(true);
    const again = await start({ port: server.port });
    expect(again.port).toBe(server.port);
  });

  it('turns away a request whose Host is another name', async () => {
    const { port } = await start();
    const { status } = await rawGet(port, 'evil.example');
    expect(status).toContain('403');
  });
});

describe('the dashboard', () => {
  beforeEach(async () => {
    await writeFile(join(dashboard, 'index.html'), '<!doctype html><title>Sealift</title>');
    await writeFile(join(dashboard, 'assets', 'app-1a2b.js'), 'export {};');
  });

  it('is asked for anew each time, and its digested files never', async () => {
    const { url } = await start();
    const page = await fetch(`${url}/`);
    expect([page.status, page.headers.get('cache-control'), page.headers.get('content-type')]).toEqual([
      200,
      'no-cache',
      'text/html; charset=utf-8',
    ]);
    const script = await fetch(`${url}/assets/app-1a2b.js`);
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  });

  it.each(['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/assets/../../secret.txt', '/%00', '/%'])(
    'gives nothing from outside its folder: %s',
    async (path) => {
      const { port } = await start();
      const { status, body } = await rawGet(port, '127.0.0.1', path);
      expect(status).toMatch(/ 40[04] /);
      expect(body).not.toContain('not for you');
    },
  );
});

/** A request as it is written: `fetch` would tidy its path and host first. */
async function rawGet(port: number, host: string, path = '/api/run'): Promise<{ status: string; body: string }> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  let text = '';
  for await (const part of socket) text += String(part);
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return { status: head.split('\r\n')[0] ?? '', body };
}
