import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { EventLog, StreamId } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { factId } from '#core/ids';
import { migrationSchemaVersion } from '#core/migration/facts';
import { migrationModel } from '#core/migration/machine';
import { instant } from '#core/units';
import { needs } from '#test/support/programs';
import { toldFailing, toldMoved, toldRolledBack, toldStart, type ToldFact } from '#test/support/told-migration';
import { valueOf } from '#test/support/value-of';
import { audit } from './audit.ts';
import { setStage, type Served, type Stage } from './dashboard-page.ts';

const programs = needs('chromium');

describe.skipIf(!programs.available)(programs.title('the page of a guest that is moved from inside'), () => {
  let stage: Stage;
  let served: Served;
  beforeAll(async () => {
    stage = await setStage();
    const log = inMemoryEventLog();
    await appendTold(log, 'failing', toldFailing);
    await appendTold(log, 'moved', toldMoved);
    await appendTold(log, 'back', toldRolledBack);
    served = await stage.serve(log, { mode: 'replay', source: 'told', speed: 1 });
  });
  afterAll(async () => {
    await served?.stop();
    await stage?.close();
  });
  const pages: Page[] = [];
  const open = async (...[hash, options]: [string, Parameters<Stage['open']>[2]?]): Promise<Page> => {
    const page = await stage.open(served, hash, options);
    pages.push(page);
    return page;
  };
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
    expect(stage.complaints()).toEqual([]);
  });
  const panel = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
  /** Everything in a panel, also what is folded away. */
  const wholeText = (page: Page, name: string) => panel(page, name).evaluate((one) => one.textContent ?? '');

  it('shows the step that goes on with what it is tried for, and the steps before it', async () => {
    const page = await open('#/migrations/failing');
    const steps = panel(page, 'Steps');
    expect(await steps.getByRole('heading', { level: 3 }).innerText()).toBe('Launch the target');
    expect(await steps.locator('[data-item=retrying]').innerText()).toMatch(/attempt 2[\s\S]*tried again in 3 m/);
    await steps.getByText('earlier steps').click();
    expect(await steps.innerText()).toMatch(/Fix up the replica[\s\S]*Quiesce the source[\s\S]*Verify the source/);
    expect(await panel(page, 'Readiness').innerText()).toMatch(/Debian GNU[\s\S]*Warnings[\s\S]*3 passed/);
  });

  it('shows each edit as a difference, and what a guest wrote as text', async () => {
    const page = await open('#/migrations/failing');
    const fixUp = panel(page, 'Fix-up');
    expect(await fixUp.locator('ins').count()).toBe(4);
    await fixUp.getByRole('button', { name: 'Open all' }).click();
    expect(await fixUp.getByLabel('Difference of /etc/fstab').innerText()).toMatch(/^-\/dev\/vda1.*\n\+UUID=/m);
    expect(await fixUp.getByLabel(/^Command that makes/).innerText()).toContain('update-initramfs');
    expect(await fixUp.innerText()).toContain('<b>on</b> the target');
    const console = panel(page, 'Console').getByLabel('Console of web-01', { exact: true });
    expect(await console.innerText()).toContain('Started <script>document.title');
    // It is read from its end, and scrolls inside itself.
    expect(await console.evaluate((one) => one.scrollTop + one.clientHeight >= one.scrollHeight - 1)).toBe(true);
    expect(await page.title()).not.toContain('owned');
  });

  it('stands at the moment of the scrubber in all its parts', async () => {
    const page = await open('#/migrations/failing');
    await panel(page, 'Console').waitFor();
    await page.keyboard.press('Home');
    await panel(page, 'Console').waitFor({ state: 'detached' });
    expect(await panel(page, 'Fix-up').count()).toBe(0);
    expect(await panel(page, 'Steps').innerText()).toContain('No step has begun.');
    expect(await panel(page, 'Readiness').innerText()).toContain('The source has not been verified.');
    for (let n = 0; n < 3; n += 1) await page.keyboard.press('ArrowRight');
    await expect.poll(() => panel(page, 'Readiness').innerText()).toMatch(/1 failed[\s\S]*Remedy: remove old kernels/);
    await page.keyboard.press('End');
    await panel(page, 'Console').waitFor();
  });

  it('counts the bytes of every disk, and shares nothing out that is known of all', async () => {
    const page = await open('#/migrations/failing?at=11');
    const disks = panel(page, 'Disks');
    const cells = (name: string) => disks.locator(`tbody[data-disk="${name}"] tr:first-child`).innerText();
    expect(await cells('vda')).toMatch(/8\.00 GiB\s+—\s+0 B\s+—/);
    expect(await cells('All')).toMatch(/48\.0 GiB\s+5\.00 GiB\s+0 B\s+10\.0 GiB left/);
    await page.keyboard.press('End');
    await expect.poll(() => cells('vdb')).toMatch(/40\.0 GiB\s+40\.0 GiB\s+40\.0 GiB × 4/);
  });

  it('says what the target did not pass', async () => {
    const page = await open('#/migrations/moved');
    expect(await panel(page, 'Validation').innerText()).toMatch(/answers 502\s+Remedy: start the application/);
    expect(await wholeText(page, 'Validation')).toContain('it has 10.0.2.15');
    expect(await panel(page, 'Fix-up').innerText()).toContain('Done and verified');
  });

  it('is well in every part, wide and narrow, light and dark, open and closed', async () => {
    for (const [hash, width, scheme] of [
      ['#/migrations/failing', 1280, 'light'],
      ['#/migrations/back', 400, 'dark'],
      ['#/migrations/moved', 400, 'light'],
    ] as const) {
      const page = await open(hash, { width, scheme, height: 800 });
      await panel(page, 'Console').waitFor();
      expect(await audit(page)).toEqual([]);
      await panel(page, 'Fix-up').getByRole('button', { name: 'Open all' }).click();
      const closed = page.locator('details:not([open]) > summary');
      while ((await closed.count()) > 0) await closed.first().click();
      expect(await audit(page)).toEqual([]);
    }
  });
});

/** Appends what is told as one migration, in one batch. */
async function appendTold(log: EventLog, id: string, facts: readonly ToldFact[]): Promise<void> {
  const stream: StreamId = `migration-${id}`;
  let time: number = toldStart;
  const proposed = facts.map(([wait, { type, data }], n) => {
    time += wait * 1_000;
    const metadata = {
      ...{ time: instant(time), actor: 'world', correlationId: stream, schemaVersion: migrationSchemaVersion },
      model: migrationModel,
    };
    return { id: factId(`${id}-${n}`), type, data, metadata };
  });
  valueOf(await log.append(stream, proposed, 'none'));
}
