import { isBuiltin } from 'node:module';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

/**
 * What is loaded before the front door has read a word of its arguments. Every package there costs tens of milliseconds
 * of each `sealift --help`, and a native one that is not built would stop commands that have no need of it.
 */
const front = 'cli.ts';

describe('the front door', () => {
  it('loads commander and no other package before it knows what is wanted', async () => {
    expect(await packagesAtStart()).toEqual(['commander']);
  });
});

/** The packages that the bundled front door imports statically, itself or through chunks, in alphabetical order. */
async function packagesAtStart(): Promise<readonly string[]> {
  const { metafile } = await build({
    // As `build.config.ts` bundles it: only what is left after types and unused code are gone is loaded.
    ...({ bundle: true, splitting: true, platform: 'node', format: 'esm', packages: 'external' } as const),
    entryPoints: [front],
    outdir: 'dist',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const { outputs } = metafile;
  const first = Object.keys(outputs).find((path) => outputs[path]?.entryPoint === front);
  if (first === undefined) throw new Error(`${front} was not bundled`);
  const loaded = new Set([first]);
  const packages = new Set<string>();
  // A set is walked on into what is added while it is walked.
  for (const path of loaded)
    for (const { path: imported, kind, external } of outputs[path]?.imports ?? []) {
      if (kind === 'dynamic-import') continue;
      if (!external) loaded.add(imported);
      else if (!isBuiltin(imported)) packages.add(imported);
    }
  return [...packages].toSorted();
}
