import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReportInput } from '#scenarios/report/report-input';
import { reportPage } from '#scenarios/report/report';
import { locate, needs } from '#test/support/programs';
import { sampleReportInput, sampleSeeds } from '#test/support/report-samples';
import { audit } from './audit.ts';

const programs = needs('chromium');

const inputs: Readonly<Record<string, () => ReportInput>> = {
  'many seeds': () =>
    sampleReportInput(sampleSeeds(40, 30), {
      asked: 50,
      expectations: [
        { text: 'every VM moves', required: '90 %', observed: 'in 32 of 40 seeds', verdict: 'notMet' },
        {
          text: 'no VM is down for longer than ten minutes',
          required: '95 %',
          observed: 'in 40 of 40 seeds',
          verdict: 'met',
        },
      ],
      assumptions: [{ name: 'launch of a target', value: '20 s to 60 s', source: 'assumed' }],
    }),
  'one seed': () => sampleReportInput(sampleSeeds(1, 12)),
  'a thousand VMs': () => sampleReportInput(sampleSeeds(5, 1_000)),
  nothing: () => sampleReportInput([], { asked: 20 }),
};

describe.skipIf(!programs.available)(programs.title('a report in Chromium'), () => {
  let browser: Browser;
  let folder = '';
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: locate('chromium') ?? 'chromium',
      args: ['--no-sandbox'],
      headless: true,
    });
    folder = await mkdtemp(join(tmpdir(), 'sealift-report-'));
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Opens a report from a file, and what it asked for beside that file or complained about. */
  async function opened(input: ReportInput, options: Parameters<Browser['newPage']>[0]) {
    const path = join(folder, 'report.html');
    await writeFile(path, reportPage(input));
    const page: Page = await browser.newPage(options);
    const noise: string[] = [];
    const { href } = pathToFileURL(path);
    page.on('request', (request) => request.url() !== href && noise.push(request.url()));
    page.on('console', (message) => noise.push(message.text()));
    page.on('pageerror', (error) => noise.push(error.message));
    page.on('dialog', (dialog) => noise.push(dialog.message()));
    await page.goto(href);
    return { page, noise };
  }

  describe.each(Object.entries(inputs))('of %s', (_name, input) => {
    it.each([
      [1280, 'light'],
      [1280, 'dark'],
      [400, 'light'],
      [400, 'dark'],
    ] as const)('is well at %i pixels, %s, and asks for nothing', async (width, colorScheme) => {
      const { page, noise } = await opened(input(), { viewport: { width, height: 900 }, colorScheme });
      expect(await audit(page)).toEqual([]);
      for (const summary of await page.locator('summary').all()) await summary.click();
      expect(await audit(page)).toEqual([]);
      expect(noise).toEqual([]);
      await page.close();
    });
  });

  it('prints dark text on white, whatever the screen shows, and without what only a screen needs', async () => {
    const { page } = await opened(sampleReportInput(sampleSeeds(40, 30)), { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    const ground = (): string => getComputedStyle(document.body).backgroundColor;
    const ink = (): string => getComputedStyle(document.body).color;
    expect([await page.evaluate(ground), await page.evaluate(ink)]).toEqual(['rgb(255, 255, 255)', 'rgb(20, 32, 40)']);
    expect(await page.locator('nav').isVisible()).toBe(false);
    const paper = await page.pdf({ format: 'A4' });
    const pages = paper.toString('latin1').match(/\/Type\s*\/Page\b/g) ?? [];
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.length).toBeLessThan(9);
    await page.close();
  });

  it('is read aloud as sections, named drawings and named tables', async () => {
    const { page } = await opened(sampleReportInput(sampleSeeds(40, 30)), {});
    expect(await page.getByRole('heading', { level: 2 }).allInnerTexts()).toEqual([
      ...['Verdict', 'How long it takes', 'Where VMs stand', 'Bottleneck', 'VMs most at risk', 'Seeds worth a look'],
      'How to come to the same',
    ]);
    expect(await page.getByRole('img', { name: /When the last VM had moved: .*P50/ }).count()).toBe(1);
    const cell = page.getByRole('table', { name: 'Key numbers' }).getByRole('rowheader', { name: 'Last VM moved' });
    expect(await cell.count()).toBe(1);
    await page.close();
  });
});
