import { chmod, readFile, rm, stat } from 'node:fs/promises';
import { build as bundle } from 'esbuild';
import { build as buildDashboard } from 'vite';

/**
 * Makes `dist/`, all that a published Sealift runs from: `npm run build`.
 *
 * `dist/cli.js` is the front door with our own modules bundled in, so that the subpath imports (#core/...) need no map
 * in the package; packages stay outside. Parts that are imported lazily become chunks beside it.
 * `dist/dashboard/` is the web page.
 */
const front = 'cli.ts';
const page = 'web/dashboard/index.html';

await rm('dist', { recursive: true, force: true });

const hasShebang = (await readFile(front, 'utf8')).startsWith('#!');
await bundle({
  // A thread runs a module of its own.
  entryPoints: [front, { in: 'scenarios/command-line/seed-worker.ts', out: 'seed-worker' }],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
  ...(hasShebang ? {} : { banner: { js: '#!/usr/bin/env node' } }),
});
await chmod('dist/cli.js', 0o755);

if (await exists(page))
  await buildDashboard({
    root: 'web/dashboard',
    logLevel: 'warn',
    build: { outDir: '../../dist/dashboard', emptyOutDir: true },
  });

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
