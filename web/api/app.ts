import { Hono } from 'hono';
import { foreignRequest } from '#web/loopback';
import type { WebPorts } from '#web/ports';
import { dashboardFiles } from './dashboard-files.ts';
import { factRoutes } from './facts.ts';
import { migrationRoutes } from './migrations.ts';
import { problem } from './problem.ts';
import { runRoutes } from './run.ts';
import { waveRoutes } from './waves.ts';

/** What the app needs beside its ports. */
export interface AppOptions {
  /** The folder of the built dashboard. */
  readonly dashboard: string;
  /** Aborted when the server stops: streams end then. */
  readonly stopping: AbortSignal;
  /** Told what a handler threw: a fault of this program. */
  readonly onCrash?: (error: unknown) => void;
}

/** The API alone. */
export const apiRoutes = ({ run, facts, commands }: WebPorts, stopping: AbortSignal) =>
  new Hono()
    .route('/run', runRoutes(run, commands !== undefined))
    .route('/migrations', migrationRoutes({ run, ...(commands && { commands }) }))
    .route('/waves', waveRoutes({ run, ...(commands && { commands }) }))
    .route('/facts', factRoutes(facts, { stopping, beat: () => ({ now: run.now(), head: run.extent().head }) }));

/** The API as a client sees it; types only. */
export type ApiRoutes = ReturnType<typeof apiRoutes>;

/** API and dashboard behind one door: requests of other sites are turned away, errors leave as problem documents. */
export function webApp(ports: WebPorts, { dashboard, stopping, onCrash }: AppOptions): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    const foreign = foreignRequest({
      method: c.req.method,
      host: c.req.header('host') ?? new URL(c.req.url).host,
      origin: c.req.header('origin'),
      fetchSite: c.req.header('sec-fetch-site'),
    });
    if (foreign) return problem(c, foreign);
    await next();
    for (const [name, value] of Object.entries(guards)) c.res.headers.set(name, value);
    return undefined;
  });
  app.use('/api/*', async (c, next) => {
    await next();
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store');
  });
  app.route('/api', apiRoutes(ports, stopping));
  app.all('/api/*', (c) => problem(c, { type: 'NoSuchRoute', path: c.req.path }));
  app.route('/', dashboardFiles(dashboard));
  app.notFound((c) => problem(c, { type: 'NoSuchRoute', path: c.req.path }));
  app.onError((error, c) => {
    onCrash?.(error);
    return problem(c, { type: 'Internal' });
  });
  return app;
}

// The page loads nothing from elsewhere and may be framed by nobody: an operator's click cannot be borrowed.
const guards = {
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;
