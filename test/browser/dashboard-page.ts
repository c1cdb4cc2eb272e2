import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build } from 'vite';
import type { EventLog } from '#core/event-log/event-log';
import { locate } from '#test/support/programs';
import type { SmallFleet } from '#test/support/small-fleet';
import { valueOf } from '#test/support/value-of';
import { runView, type RunDescription } from '#web/api/run-view';
import { startServer, type WebServer } from '#web/server';

/** A browser and the built dashboard. */
export interface Stage {
  /** Serves a log as a run. Port 0 takes one that is free. */
  serve(log: EventLog, description: RunDescription, options?: ServeOptions): Promise<Served>;
  /** Opens a page of the dashboard and waits until the run has been read. */
  open(served: Served, hash?: string, options?: OpenOptions): Promise<Page>;
  /** What pages have complained about since this was last asked. */
  complaints(): readonly string[];
  close(): Promise<void>;
}

/** Who carries out commands, and where to listen. */
export interface ServeOptions {
  readonly commands?: SmallFleet['commands'];
  readonly port?: number;
}

/** How large the window is, and which colours are wanted. */
export interface OpenOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
}

/** A run that is served. */
export interface Served {
  readonly server: WebServer;
  stop(): Promise<void>;
}

/** Builds the dashboard into a temporary folder and starts a browser. */
export async function setStage(): Promise<Stage> {
  const dashboard = await mkdtemp(join(tmpdir(), 'sealift-dashboard-'));
  await build({ root: 'web/dashboard', logLevel: 'warn', build: { outDir: dashboard, emptyOutDir: true } });
  const browser: Browser = await chromium.launch({
    executablePath: locate('chromium') ?? 'chromium',
    args: ['--no-sandbox'],
    headless: true,
  });
  const complaints: string[] = [];
  return {
    serve: async (log, description, { commands, port = 0 } = {}) => {
      const run = runView(log, description);
      await run.caughtUp;
      const ports = { run, facts: log, ...(commands && { commands }) };
      const server = valueOf(
        await startServer({ ports, port, dashboard, onCrash: (error) => complaints.push(String(error)) }),
      );
      return {
        server,
        stop: async () => {
          await server.stop();
          await run.close();
        },
      };
    },
    open: async ({ server }, hash = '#/', { width = 1440, height = 900, scheme = 'light' } = {}) => {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme, reducedMotion: 'reduce' });
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        // A server that is gone is what some tests are about; the browser notes each request that failed.
        const expected = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|status of 409/.test(message.text());
        if (message.type() === 'error' && !expected) complaints.push(message.text());
      });
      await page.goto(`${server.url}/${hash}`);
      await page
        .locator('sealift-scrubber')
        .getByRole('slider')
        .or(page.getByText('Nothing has happened yet'))
        .waitFor();
      return page;
    },
    complaints: () => complaints.splice(0),
    close: async () => {
      await browser.close();
      await rm(dashboard, { recursive: true, force: true });
    },
  };
}
