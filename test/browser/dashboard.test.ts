import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import type { EventLog } from '#core/event-log/event-log';
import { needs } from '#test/support/programs';
import { smallFleet, type SmallFleet } from '#test/support/small-fleet';
import { runView } from '#web/api/run-view';
import { startServer, type WebServer } from '#web/server';

const programs = needs('chromium');
const names = ['web-01', 'db-main', 'mail'] as const;

describe.skipIf(!programs.available)(programs.title('the dashboard in Chromium'), () => {
  let browser: Browser;
  const opened: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  });

  const page = async (width = 1_400): Promise<Page> => {
    const made = await browser.newPage({ viewport: { width, height: 900 } });
    opened.push(() => made.close());
    return made;
  };
  const fleet = async (minutes: number): Promise<SmallFleet> => {
    const made = await smallFleet({ tempers: ['plain', 'plain', 'plain'], names: [...names] });
    opened.push(() => made.stop());
    await made.advance(minutes);
    return made;
  };
  const serve = async (log: EventLog, moved?: SmallFleet, port = 0): Promise<WebServer> => {
    const run = runView(log, {
      mode: moved ? 'live' : 'replay',
      source: 'test',
      speed: 60,
      ...(moved && { now: () => moved.clock.now() }),
    });
    const started = await startServer({
      ports: { run, facts: log, ...(moved && { commands: moved.commands }) },
      port,
      dashboard: 'dist/dashboard',
    });
    if (!started.ok) throw new Error(started.error.type);
    opened.push(async () => {
      await started.value.stop();
      await run.close();
    });
    return started.value;
  };
  const cell = (on: Page, vm: string, column: string) => on.locator(`[data-id="${vm}"] .${column}`);

  it('lists every VM with its two axes, and shows one with its facts', async () => {
    const moved = await fleet(300);
    const { url } = await serve(moved.log, moved);
    const on = await page();
    await on.goto(url);
    for (const vm of names) await cell(on, vm, 'lifecycle').getByText('Cut over').waitFor();
    await on.locator('[data-id="web-01"] a').first().click();
    await on.getByText('Lifecycle, moved by decisions').waitFor();
    await on.getByText('Replication, moved by machines').waitFor();
    await on.getByText('Target validated').first().waitFor();
    expect(on.url()).toContain('#/migrations/web-01');
  });

  it('can be scrubbed back: an earlier moment shows the state of then, and takes no commands', async () => {
    const moved = await fleet(300);
    const { url } = await serve(moved.log, moved);
    const on = await page();
    await on.goto(url);
    await cell(on, 'web-01', 'lifecycle').getByText('Cut over').waitFor();
    const slider = on.getByRole('slider', { name: 'Moment of the run' });
    await slider.focus();
    await on.keyboard.press('Home');
    await cell(on, 'web-01', 'lifecycle').getByText('Draft').waitFor();
    await on.waitForURL(/at=\d+/);
    // The moment is in the address: whoever opens it stands there too.
    const other = await page();
    await other.goto(on.url());
    await cell(other, 'web-01', 'lifecycle').getByText('Draft').waitFor();
    await on
      .getByRole('button', { name: /^Live|Follow/ })
      .last()
      .click();
    await cell(on, 'web-01', 'lifecycle').getByText('Cut over').waitFor();
  });

  it('follows facts as they come, and commands what is legal', async () => {
    const moved = await fleet(1);
    const { url } = await serve(moved.log, moved);
    const on = await page();
    await on.goto(`${url}/#/migrations/web-01`);
    await on.getByText('Lifecycle, moved by decisions').waitFor();
    const before = moved.migration('web-01')?.count ?? 0;
    await moved.advance(20);
    const pauseButton = on.locator('[data-command="PauseReplication"]');
    await expect
      .poll(() => pauseButton.getAttribute('aria-disabled').then((value) => value !== 'true'), { timeout: 15_000 })
      .toBe(true);
    await pauseButton.click();
    const dialog = on.locator('dialog[open]');
    await dialog.waitFor();
    for (const field of await dialog.locator('input, textarea').all()) await field.fill('busy hour');
    await dialog.locator('button[type="submit"]').click();
    await expect.poll(() => moved.migration('web-01')?.snapshot.value.replication, { timeout: 15_000 }).toBe('paused');
    await on.getByText('Replication paused').first().waitFor();
    expect(moved.migration('web-01')?.count ?? 0).toBeGreaterThan(before);
  });

  it('replays a recording, says so, and takes no commands', async () => {
    const moved = await fleet(300);
    const { url } = await serve(moved.log);
    const on = await page();
    await on.goto(`${url}/#/migrations/db-main`);
    await on.getByText('Target validated').first().waitFor();
    await on
      .getByText(/Recording|Replay/)
      .first()
      .waitFor();
    expect(await on.locator('[data-command="Finalize"]').getAttribute('aria-disabled')).toBe('true');
  });

  it('goes on after the server was gone, without a fact twice', async () => {
    const moved = await fleet(30);
    const first = await serve(moved.log, moved);
    const on = await page();
    await on.goto(first.url);
    await on.locator('[data-id="web-01"]').waitFor();
    await first.stop();
    await on.getByText('The server cannot be reached').waitFor();
    await moved.advance(300);
    await serve(moved.log, moved, first.port);
    await cell(on, 'web-01', 'lifecycle').getByText('Cut over').waitFor();
    let facts = 0;
    for await (const _ of moved.log.readAll()) facts += 1;
    await on
      .getByText(new RegExp(`of ${facts}\\b`))
      .first()
      .waitFor();
  });

  it('says that nothing has happened yet, and fits a narrow window', async () => {
    const { url } = await serve(inMemoryEventLog());
    const on = await page(360);
    await on.goto(url);
    await on.getByText('Nothing has happened yet').waitFor();
    const overflow = await on.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
  });
});
