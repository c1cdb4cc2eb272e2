import { chmod, readFile, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { build as bundle, type Plugin } from 'esbuild';
import { build as buildDashboard } from 'vite';
import { agentBuild, agentEntry } from '#replicator/sentinel/bundle/agent-build';

/**
 * Makes `dist/`, all that a published Sealift runs from: `npm run build`.
 *
 * `dist/cli.js` is the front door with our own modules bundled in, so that the subpath imports (#core/...) need no map
 * in the package; packages stay outside. Parts that are imported lazily become chunks beside it.
 * `dist/sentinel.mjs` is the agent of guests. `dist/dashboard/` is the web page.
 */
const front = 'cli.ts';
const page = 'web/dashboard/index.html';
/** What check-worker is told to run. */
const world = 'simulator/block/world/block-world.ts';

/**
 * Has packages that are CommonJS required and not linked. Node reads and scans such a module twice to link it; of two that
 * every copy of a disk starts with, that is a sixth of its start.
 */
const required = (...packages: readonly string[]): Plugin => ({
  name: 'required',
  setup(onBuild) {
    const require = createRequire(import.meta.url);
    onBuild.onResolve({ filter: /^[@a-z]/ }, ({ path }) =>
      packages.includes(path) ? { path, namespace: 'required' } : undefined,
    );
    onBuild.onLoad({ filter: /./, namespace: 'required' }, ({ path }) => {
      const names = Object.keys(require(path) as object).join(', ');
      const call = `createRequire(import.meta.url)(${JSON.stringify(path)})`;
      return { contents: `import { createRequire } from 'node:module'; export const { ${names} } = ${call};` };
    });
  },
});

await rm('dist', { recursive: true, force: true });

const hasShebang = (await readFile(front, 'utf8')).startsWith('#!');
await bundle({
  // A thread runs a module of its own.
  entryPoints: [
    front,
    { in: 'scenarios/command-line/seed-worker.ts', out: 'seed-worker' },
    { in: 'scenarios/command-line/check-worker.ts', out: 'check-worker' },
    ...((await exists(world)) ? [{ in: world, out: 'block-world' }] : []),
  ],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  packages: 'external',
  plugins: [required('commander', '@node-rs/xxhash')],
  sourcemap: true,
  logLevel: 'warning',
  ...(hasShebang ? {} : { banner: { js: '#!/usr/bin/env node' } }),
});
await chmod('dist/cli.js', 0o755);

const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { readonly version: string };
// What runs in guests: one file, with everything in it.
await bundle({
  ...agentBuild,
  entryPoints: [agentEntry],
  outfile: 'dist/sentinel.mjs',
  define: { sealiftVersion: JSON.stringify(version) },
});

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
