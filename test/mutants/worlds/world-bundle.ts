import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { context, type Plugin } from 'esbuild';
import { applied, type Mutant } from '#test/mutants/mutant';
import { marked, markedBanner } from './reach-marks.ts';

/** The code of worlds as one module that a thread runs. */
export interface WorldBundle {
  readonly module: URL;
  /** Tells one state of the code from another. */
  readonly hash: string;
}

/** Makes bundles of the checkout. What did not change since the last one is not read again. */
export interface WorldBundler {
  /** As it is, with marks that tell which mutants a world reaches. */
  untouched(mutants: readonly Mutant[]): Promise<WorldBundle>;
  mutated(mutant: Mutant): Promise<WorldBundle>;
  close(): Promise<void>;
}

/** A bundler with a folder of its own outside the checkout. Takes one bundle at a time. */
export async function worldBundler(): Promise<WorldBundler> {
  const folder = mkdtempSync(join(tmpdir(), 'sealift-worlds-'));
  // Where the modules find packages, some of which are no JavaScript.
  symlinkSync(realpathSync('node_modules'), join(folder, 'node_modules'));
  let edit = (_path: string, source: string): string => source;
  const edits: Plugin = {
    name: 'edits',
    setup: (build) =>
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
        contents: edit(relative(process.cwd(), path), readFileSync(path, 'utf8')),
        loader: 'ts',
      })),
  };
  const building = await context({
    entryPoints: ['test/mutants/worlds/world-thread.ts'],
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external' },
    ...{ write: false, logLevel: 'silent', banner: { js: markedBanner }, plugins: [edits] },
  });
  let last: Promise<unknown> = Promise.resolve();
  const bundled = (name: string, how: typeof edit): Promise<WorldBundle> => {
    const next = last.then(async () => {
      edit = how;
      const { outputFiles } = await building.rebuild();
      const text = outputFiles[0]?.text ?? '';
      const file = join(folder, `${name}.mjs`);
      writeFileSync(file, text);
      return { module: pathToFileURL(file), hash: createHash('sha256').update(text).digest('hex') };
    });
    last = next.catch(() => undefined);
    return next;
  };
  return {
    untouched: (mutants) =>
      bundled('untouched', (path, source) => {
        const own = mutants.filter(({ file }) => file === path);
        return own.length > 0 ? marked(path, source, own) : source;
      }),
    mutated: (mutant) =>
      bundled(mutant.id, (path, source) => (path === mutant.file ? applied(source, mutant) : source)),
    close: async () => {
      await building.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
