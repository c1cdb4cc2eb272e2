import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { needs } from '#test/support/programs';
import { everyTemper, multiplied, smallFleet, type SmallFleet } from '#test/support/small-fleet';
import { valueOf } from '#test/support/value-of';
import { audit } from './audit.ts';
import { setStage, type Served, type Stage } from './dashboard-page.ts';

const programs = needs('chromium');

describe.skipIf(!programs.available)(programs.title('the dashboard in Chromium'), () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(() => stage?.close());
  const pages: Page[] = [];
  const open: Stage['open'] = async (...args) => {
    const page = await stage.open(...args);
    pages.push(page);
    return page;
  };
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
    expect(stage.complaints()).toEqual([]);
  });

  /** The lifecycle state that is marked as current. */
  const currentState = (page: Page, axis = 'lifecycle') =>
    page.locator(`[data-axis=${axis}] .way > li > button[aria-current=step]`);
  const row = (page: Page, id: string) => page.locator(`.row[data-id="${id}"]`);

  describe('over a live run', () => {
    let fleet: SmallFleet;
    let served: Served;
    const live = () => ({ mode: 'live', source: 'small fleet', speed: 60, now: () => fleet.clock.now() }) as const;
    beforeEach(async () => {
      fleet = await smallFleet({ tempers: ['plain', 'blocked'], names: ['web-01', 'mail'] });
      await fleet.advance(3);
      served = await stage.serve(fleet.log, live(), { commands: fleet.commands });
    });
    afterEach(async () => {
      await served.stop();
      await fleet.stop();
    });

    it('lists every VM in its wave, and says which of them needs someone', async () => {
      const page = await open(served);
      await expect.poll(() => page.locator('.row[data-id]').count()).toBe(2);
      const text = await row(page, 'web-01').innerText();
      expect(text).toContain('Protected');
      expect(await row(page, 'mail').innerText()).toContain('Blocked');
      expect(await page.getByRole('complementary', { name: 'Needs you' }).innerText()).toContain('mail');
      expect(await page.getByRole('region', { name: 'Wave 1' }).innerText()).toContain('opens in');
    });

    it('follows what happens', async () => {
      const page = await open(served, '#/migrations/web-01');
      await expect.poll(() => currentState(page).innerText()).toContain('Protected');
      await fleet.advance(100);
      await expect.poll(() => currentState(page).innerText()).toContain('Cut over');
      expect(await currentState(page, 'replication').innerText()).toContain('Held');
      expect(await page.getByRole('button', { name: 'Live' }).getAttribute('aria-pressed')).toBe('true');
    });

    it('scrubs back to any moment, and forward to the present again', async () => {
      await fleet.advance(100);
      const page = await open(served, '#/migrations/web-01');
      await expect.poll(() => currentState(page).innerText()).toContain('Cut over');
      const track = page.getByRole('slider', { name: 'Moment of the run' });
      const box = await track.boundingBox();
      if (!box) throw new Error('the scrubber is on the page');
      await page.mouse.move(box.x + box.width - 1, box.y + 20);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width / 2, box.y + 20, { steps: 5 });
      await page.mouse.up();
      await expect.poll(() => currentState(page).innerText()).toContain('Protected');
      expect(page.url()).toMatch(/#\/migrations\/web-01\?at=\d+$/);
      expect(await page.locator('[data-banner=past]').innerText()).toContain('You are looking at the past');
      await page.getByRole('button', { name: 'Back to the present' }).click();
      await expect.poll(() => currentState(page).innerText()).toContain('Cut over');
      expect(page.url()).toMatch(/web-01$/);
    });

    it('stands still in the past while the run goes on, and sends nothing from there', async () => {
      const page = await open(served, '#/migrations/web-01?at=20');
      const shown = await page.locator('sealift-scrubber .reading b').innerText();
      await fleet.advance(60);
      await expect.poll(() => page.locator('sealift-scrubber .reading').innerText()).toMatch(/of \d{2,}/);
      expect(await page.locator('sealift-scrubber .reading b').innerText()).toBe(shown);
      const pause = page.locator('[data-command=PauseReplication]');
      expect(await pause.getAttribute('aria-disabled')).toBe('true');
      expect(await pause.getAttribute('title')).toMatch(/looking at the past/);
    });

    it('steps from fact to fact with the arrow keys', async () => {
      const page = await open(served, '#/migrations/web-01');
      const reading = (): Promise<string> => page.locator('sealift-scrubber .reading').innerText();
      await expect.poll(reading).toMatch(/fact (\d+) of \1$/m);
      await page.keyboard.press('Home');
      await expect.poll(reading).toMatch(/fact 1 of/);
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      await expect.poll(reading).toMatch(/fact 3 of/);
      await expect.poll(() => currentState(page).innerText()).toContain('Ready');
      await page.keyboard.press('End');
      await expect.poll(reading).toMatch(/fact (\d+) of \1$/m);
    });

    it('goes to the moment of a fact that is chosen, and to when a state was entered', async () => {
      const page = await open(served, '#/migrations/web-01');
      await page.locator('button[data-type=ProtectionStarted]').click();
      await expect.poll(() => currentState(page, 'replication').innerText()).toContain('Initiating');
      await page.locator('[data-axis=lifecycle] button[data-state=verifying]').click();
      await expect.poll(() => currentState(page).innerText()).toContain('Verifying');
    });

    it('sends a command, with what it needs, and shows what came of it', async () => {
      const page = await open(served, '#/migrations/web-01');
      await page.locator('[data-command=PauseReplication]').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Pause' }).click();
      expect(await dialog.innerText()).toContain('Fill this in.');
      await dialog.getByRole('textbox', { name: /^Why/ }).fill('backup window');
      await dialog.getByRole('button', { name: 'Pause' }).click();
      await expect.poll(() => page.locator('.answer').innerText()).toContain('Pause: done.');
      await expect.poll(() => page.locator('[data-axis=replication] .beside.current').innerText()).toContain('Paused');
      const last = await page.locator('sealift-fact-list [aria-current]').innerText();
      expect(last).toContain('backup window');
      // What is not possible any more says why.
      expect(await page.locator('[data-command=PauseReplication]').getAttribute('aria-disabled')).toBe('true');
      await page.locator('[data-command=ResumeReplication]').click();
      await expect.poll(() => currentState(page, 'replication').innerText()).not.toContain('Paused');
    });

    it('says why a command was refused that had become impossible', async () => {
      const page = await open(served, '#/migrations/mail');
      // The run goes on between the look and the click.
      await page.route('**/commands', (route) =>
        fleet.advance(0).then(() =>
          route.fulfill({
            status: 409,
            contentType: 'application/problem+json',
            body: JSON.stringify({ title: 'The command is not possible now', detail: 'somebody was faster' }),
          }),
        ),
      );
      await page.locator('[data-command=VerifySource]').click();
      await expect.poll(() => page.getByRole('alert').innerText()).toContain('somebody was faster');
    });

    it('says that its server is gone, and goes on without a gap or a double when it is back', async () => {
      const page = await open(served);
      const shown = (): Promise<number> =>
        page.evaluate(
          () =>
            (document.querySelector('sealift-app') as unknown as { session: { history: { count: number } } }).session
              .history.count,
        );
      const { port } = served.server;
      await served.stop();
      await page.locator('[data-banner=lost]').waitFor();
      await fleet.advance(30);
      served = await stage.serve(fleet.log, live(), { commands: fleet.commands, port });
      await page
        .getByRole('button', { name: 'Try now' })
        .click({ timeout: 5_000 })
        .catch(() => undefined);
      await page.locator('[data-banner=lost]').waitFor({ state: 'detached' });
      let count = 0;
      for await (const _ of fleet.log.readAll()) count += 1;
      await expect.poll(shown).toBe(count);
    });
  });

  describe('over a recording in a file', () => {
    let folder: string;
    let served: Served;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sealift-recording-'));
      const path = join(folder, 'run.db');
      const written = valueOf(await openSqliteEventLog({ path, mode: 'create' }));
      const fleet = await smallFleet({ tempers: everyTemper, waveSize: 6, log: written });
      await fleet.advance(96);
      await fleet.stop();
      await written.close();
      const log = valueOf(await openSqliteEventLog({ path, mode: 'readOnly' }));
      const running = await stage.serve(log, { mode: 'replay', source: path, speed: 1 });
      served = { ...running, stop: () => running.stop().then(() => log.close()) };
    });
    afterAll(async () => {
      await served?.stop();
      await rm(folder, { recursive: true });
    });

    it('can be stood in at any moment, and changed at none', async () => {
      const page = await open(served, '#/migrations/vm-01');
      expect(await page.getByText('Recording', { exact: true }).count()).toBe(1);
      await expect.poll(() => currentState(page).innerText()).toContain('Cut over');
      expect(await page.locator('[data-gate]').innerText()).toContain('This is a recording');
      await page.keyboard.press('Home');
      await expect.poll(() => currentState(page).innerText()).toContain('Draft');
    });

    it('plays by itself', async () => {
      const page = await open(served, '#/?at=1');
      await page.getByLabel('Speed').selectOption('600');
      await page.getByRole('button', { name: 'Play' }).click();
      await expect.poll(() => row(page, 'vm-01').innerText()).toMatch(/Full sync|Parked/);
      await page.getByRole('button', { name: 'Pause', exact: true }).click();
      expect(page.url()).toMatch(/at=\d+/);
    });

    it('opens at the moment of an address that was shared, and the way back leads there again', async () => {
      const page = await open(served, '#/?at=60');
      const reading = (): Promise<string> => page.locator('sealift-scrubber .reading').innerText();
      expect(await reading()).toContain('fact 60 of');
      await row(page, 'vm-01').getByRole('link').click();
      await page.getByRole('heading', { level: 1, name: 'vm-01' }).waitFor();
      expect(page.url()).toMatch(/migrations\/vm-01\?at=60$/);
      await page.goBack();
      await row(page, 'vm-02').waitFor();
      expect(await reading()).toContain('fact 60 of');
    });

    it('is searched and filtered, and says when nothing is left', async () => {
      const page = await open(served);
      await page.getByRole('searchbox').fill('hyper-v');
      await expect.poll(() => page.locator('.row[data-id]').count()).toBe(4);
      await page.getByRole('searchbox').fill('nothing like this');
      await page.getByText('None of 12 VMs matches.').waitFor();
      await page.getByRole('button', { name: 'Show all' }).click();
      await expect.poll(() => page.locator('.row[data-id]').count()).toBe(12);
    });

    it.each([
      ['fleet', '#/'],
      ['wave', '#/waves/1'],
      ['VM that moved', '#/migrations/vm-01'],
      ['VM that needs someone', '#/migrations/vm-03'],
      ['VM in the past', '#/migrations/vm-10?at=900'],
      ['VM that is not there', '#/migrations/nobody'],
      ['address that is none', '#/elsewhere/x'],
    ])('has names, contrast and room on the page of a %s, wide and narrow, light and dark', async (_, hash) => {
      for (const [width, scheme] of [
        [1440, 'light'],
        [1440, 'dark'],
        [360, 'dark'],
        [900, 'light'],
      ] as const) {
        const page = await open(served, hash, { width, scheme, height: 800 });
        await page.waitForTimeout(50);
        expect(await audit(page)).toEqual([]);
        await page.close();
      }
    });

    it('shows the focus of the keyboard, and everything can be reached by it', async () => {
      const page = await open(served, '#/migrations/vm-03');
      const focused = (): Promise<{ name: string; outline: string }> =>
        page.evaluate(() => {
          let at = document.activeElement;
          while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
          // Past the last control the focus leaves the page.
          if (at === document.body) return { name: '', outline: 'none' };
          return { name: at?.textContent?.trim() ?? '', outline: at ? getComputedStyle(at).outlineStyle : 'none' };
        });
      await page.keyboard.press('Tab');
      expect(await focused()).toEqual({ name: 'To the content', outline: 'solid' });
      const reached = new Set<string>();
      for (let n = 0; n < 90; n += 1) {
        await page.keyboard.press('Tab');
        const { name, outline } = await focused();
        if (name === '') continue;
        expect(outline, `the focus on ${name}`).toBe('solid');
        reached.add(name);
      }
      for (const name of ['Verify source', 'Finalize', 'Resume', 'Wave 1']) expect([...reached]).toContain(name);
    });
  });

  it('says that there is nothing yet over an empty log', async () => {
    const served = await stage.serve(inMemoryEventLog(), { mode: 'live', source: 'empty', speed: 1 });
    const page = await open(served);
    await page.getByText('Nothing has happened yet').waitFor();
    expect(await audit(page)).toEqual([]);
    await page.close();
    await served.stop();
  });

  it('draws of hundreds of VMs only those in sight, and reaches any moment at once', async () => {
    const fleet = await smallFleet({ tempers: everyTemper });
    await fleet.advance(20);
    await fleet.stop();
    const log = inMemoryEventLog();
    for (const fact of await multiplied(fleet.log, 25)) await log.append(fact.stream, [fact], 'any');
    const served = await stage.serve(log, { mode: 'replay', source: 'full', speed: 1 });
    const page = await open(served);
    await page
      .getByText('300 VMs', { exact: false })
      .first()
      .or(page.getByRole('button', { name: 'All 300' }))
      .first()
      .waitFor();
    await expect.poll(() => page.locator('.row[data-id]').count()).toBeLessThan(100);
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await row(page, 'vm-12-24').waitFor();
    await page.close();
    await served.stop();
  });
});
