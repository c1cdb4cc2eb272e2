import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog } from '#core/event-log/event-log';
import { axesOf } from '#core/migration/abilities';
import { webApp } from '#web/api/app';
import { runView, type RunView } from '#web/api/run-view';
import { apiClient } from '#web/dashboard/client/api-client';
import { smallFleet, type SmallFleet } from '#test/support/small-fleet';
import { Session } from './session.ts';

/** A page without a browser: the real API, asked directly; a server that can be taken away. */
class Page {
  readonly session: Session;
  wall = 1_000;
  hash: string;
  isServerGone = false;
  readonly requests: string[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #streams = new Set<AbortController>();
  app: { request(path: string, init?: RequestInit): Promise<Response> | Response };

  constructor(app: Page['app'], hash = '#/') {
    this.app = app;
    this.hash = hash;
    this.session = new Session({
      api: apiClient('http://localhost', (input, init) =>
        this.#fetch(String(input instanceof Request ? input.url : input), init),
      ),
      wall: () => this.wall,
      wait: (ms, signal) => this.#wait(ms, signal),
      breathe: () => new Promise((resolve) => setImmediate(resolve)),
      address: { read: () => this.hash, write: (to) => void (this.hash = to) },
      newKey: () => `key-${this.requests.length}`,
      operator: { read: () => 'ann', write: () => undefined },
    });
  }

  /** Waits for the page to be as described, as long as the test may last. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve));
  }

  takeServerAway(): void {
    this.isServerGone = true;
    for (const stream of this.#streams) stream.abort();
    this.#streams.clear();
  }

  bringServerBack(app = this.app): void {
    this.app = app;
    this.isServerGone = false;
    for (const go of [...this.#waiting]) go();
  }

  async #fetch(url: string, init?: RequestInit): Promise<Response> {
    if (this.isServerGone) throw new TypeError('fetch failed: connection refused');
    this.requests.push(url.replace('http://localhost', ''));
    const cut = new AbortController();
    this.#streams.add(cut);
    const response = await this.app.request(url, init);
    const body = response.body?.pipeThrough(new TransformStream(), { signal: cut.signal });
    return new Response(body ?? null, { status: response.status, headers: response.headers });
  }

  // Only the pauses before another try are waited for here: silence is judged by a clock that this test does not run.
  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        this.#waiting.delete(go);
        resolve();
      };
      if (ms < 20_000) this.#waiting.add(go);
      signal.addEventListener('abort', go, { once: true });
    });
  }
}

let fleet: SmallFleet;
let run: RunView;
const pages: Page[] = [];
const appOver = (log: EventLog, view: RunView): Page['app'] =>
  webApp(
    { run: view, facts: log, commands: fleet.commands },
    { dashboard: '/nowhere', stopping: new AbortController().signal },
  );
const open = async (hash?: string): Promise<Page> => {
  const page = new Page(appOver(fleet.log, run), hash);
  pages.push(page);
  page.session.start();
  await page.until(() => page.session.connection.type === 'open');
  return page;
};

beforeEach(async () => {
  fleet = await smallFleet({ tempers: ['plain', 'plain'] });
  run = runView(fleet.log, { mode: 'live', source: 'test', speed: 60, now: () => fleet.clock.now() });
  await fleet.advance(5);
});
afterEach(async () => {
  for (const { session } of pages.splice(0)) session.stop();
  await fleet.stop();
  await run.close();
});

const lifecycleShown = ({ session }: Page, id = 'vm-01'): string | undefined => {
  const view = session.history.migrationAt(id, session.moment()?.index ?? -1);
  return view && axesOf(view.state).lifecycle;
};
const logLength = async (): Promise<number> => {
  let count = 0;
  for await (const _ of fleet.log.readAll()) count += 1;
  return count;
};

describe('a session', () => {
  it('reads what was there and follows what comes', async () => {
    const page = await open();
    expect(page.session.history.count).toBe(await logLength());
    await fleet.advance(100);
    const length = await logLength();
    await page.until(() => page.session.history.count === length);
    expect(page.session.moment()).toMatchObject({ index: length - 1, follows: true });
    expect(lifecycleShown(page)).toBe('cutOver');
  });

  it('stands in the past while the run goes on, and takes no commands there', async () => {
    const page = await open('#/migrations/vm-01');
    expect(page.session.gate()).toBeNull();
    page.session.jumpTo(3);
    const { length } = page.hash;
    expect(page.hash).toBe(`#/migrations/vm-01?at=${page.session.history.fact(3).position}`);
    await fleet.advance(10);
    const count = await logLength();
    await page.until(() => page.session.history.count === count);
    expect(page.session.moment()).toMatchObject({ index: 3, follows: false });
    expect(page.hash).toHaveLength(length);
    expect(page.session.gate()).toMatch(/looking at the past/);
    page.session.follow();
    expect(page.hash).toBe('#/migrations/vm-01');
    expect(page.session.gate()).toBeNull();
  });

  it('opens at the moment of a shared address', async () => {
    const fact = 12;
    const page = await open(`#/migrations/vm-01?at=${fact}`);
    expect(page.session.moment()).toMatchObject({ index: fact - 1, follows: false });
  });

  it('goes to the moment of an address that the browser went back to', async () => {
    const page = await open();
    page.hash = '#/?at=7';
    page.session.addressChanged();
    expect(page.session.moment()?.index).toBe(6);
    page.hash = '#/';
    page.session.addressChanged();
    expect(page.session.moment()?.follows).toBe(true);
  });

  it('steps along the facts of the page that is open', async () => {
    const page = await open('#/migrations/vm-02');
    const indexes = page.session.history.migrations.get('vm-02')?.indexes ?? [];
    page.session.jumpTo(indexes[4] ?? 0);
    page.session.step(1);
    expect(page.session.moment()?.index).toBe(indexes[5]);
    page.session.step(-3);
    expect(page.session.moment()?.index).toBe(indexes[2]);
  });

  it('plays from a moment and follows once it has caught up', async () => {
    const page = await open();
    page.session.jumpTo(0);
    page.session.play(60);
    page.wall += 1_000;
    page.session.tick();
    expect(page.session.moment()?.time).toBe(fleet.start + 60_000);
    page.session.pause();
    page.wall += 10_000;
    expect(page.session.moment()?.time).toBe(fleet.start + 60_000);
    page.session.play(600);
    page.wall += 60_000;
    page.session.tick();
    expect(page.session.motion.type).toBe('following');
  });

  it('resumes where it was when the server comes back, with no fact missing or doubled', async () => {
    const page = await open();
    page.takeServerAway();
    await page.until(() => page.session.connection.type === 'lost');
    expect(page.session.gate()).toBe('The server cannot be reached.');
    const head = page.session.history.head;
    await fleet.advance(20);
    page.requests.length = 0;
    page.bringServerBack();
    await page.until(() => page.session.connection.type === 'open');
    expect(page.requests).toContain(`/api/facts?after=${head}&limit=2000`);
    expect(page.session.history.count).toBe(await logLength());
    const positions = Array.from(
      { length: page.session.history.count },
      (_, n) => page.session.history.fact(n).position,
    );
    expect(new Set(positions).size).toBe(positions.length);
  });

  it('forgets the old run when another one answers', async () => {
    const page = await open();
    page.takeServerAway();
    await page.until(() => page.session.connection.type === 'lost');
    const other = await smallFleet({ seed: 2, tempers: ['plain'], names: ['other'] });
    const otherRun = runView(other.log, { mode: 'replay', source: 'other.db', speed: 1 });
    await otherRun.caughtUp;
    page.bringServerBack(appOver(other.log, otherRun));
    await page.until(() => page.session.connection.type === 'open');
    expect([...page.session.history.migrations.keys()]).toEqual(['other']);
    expect(page.session.gate()).toMatch(/recording/);
    await otherRun.close();
    await other.stop();
  });

  it('sends commands, and says why one was refused', async () => {
    const page = await open();
    const paused = await page.session.send({
      type: 'migration',
      id: 'vm-01',
      command: { type: 'PauseReplication', data: { reason: 'lunch' } },
    });
    expect(paused.ok).toBe(true);
    await page.until(() =>
      page.session.history.marks.some(({ index }) => page.session.history.fact(index).type === 'ReplicationPaused'),
    );
    const refused = await page.session.send({
      type: 'migration',
      id: 'vm-01',
      command: { type: 'Finalize', data: {} },
    });
    expect(refused).toMatchObject({ ok: false, error: { title: 'The command is not possible now', status: 409 } });
    page.takeServerAway();
    const unheard = await page.session.send({
      type: 'migration',
      id: 'vm-01',
      command: { type: 'Finalize', data: {} },
    });
    expect(unheard).toMatchObject({ ok: false, error: { title: 'The server did not answer' } });
  });

  it('gives a fact as the log holds it', async () => {
    const page = await open();
    const fact = await page.session.recorded(5);
    expect(fact?.position).toBe(page.session.history.fact(5).position);
    expect(fact?.metadata.previousHash).toMatch(/^[0-9a-f]{64}$/);
  });
});
