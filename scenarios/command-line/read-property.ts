import { createRequire } from 'node:module';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Refused } from '#core/text/refused';
import { lawsOfModule } from '#scenarios/check/property-module';

/*
 * A user's own law is a module. One in JavaScript is loaded as it is. One in TypeScript is bundled by the esbuild that is
 * installed with the user's project; Sealift brings none, and without it the file is loaded as it is by a Node that does so.
 */

type Loaded = Readonly<Record<string, unknown>>;

/** The module of a property file, as a thread can import it. Refused if it cannot be loaded or has no law. */
export async function propertyModule(path: string): Promise<string> {
  const file = resolve(path);
  const bundler = extname(file) === '.ts' ? bundlerNear(file) : undefined;
  const url = bundler === undefined ? pathToFileURL(file).href : await bundled(file, bundler);
  const module = await loaded(url);
  if (!module.ok) throw new Refused(refusal(path, module.error));
  lawsOfModule(module.value);
  return url;
}

async function loaded(
  url: string,
): Promise<{ readonly ok: true; readonly value: Loaded } | { readonly ok: false; readonly error: unknown }> {
  // Whatever is wrong with a file of somebody else is theirs to be told.
  return (import(url) as Promise<Loaded>).then(
    (value) => ({ ok: true as const, value }),
    (error: unknown) => ({ ok: false as const, error }),
  );
}

function refusal(path: string, error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION' && path.endsWith('.ts'))
    return `${path} is TypeScript, which this Node does not load, and there is no esbuild beside it; install esbuild there, or compile it to .js`;
  return `${path} cannot be loaded (${detailOf(error)}); give --property a module that exports a law`;
}

interface Bundler {
  build(options: object): Promise<{ readonly outputFiles: readonly { readonly text: string }[] }>;
}

/** The module with all it imports, as a URL that holds it. */
async function bundled(file: string, bundler: string): Promise<string> {
  const { build } = (await import(pathToFileURL(bundler).href)) as Bundler;
  const made = await build({
    ...{
      entryPoints: [file],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      logLevel: 'silent',
    },
  }).catch((error: unknown) => {
    throw new Refused(`${file} cannot be compiled: ${detailOf(error)}`);
  });
  return `data:text/javascript,${encodeURIComponent(made.outputFiles[0]?.text ?? '')}`;
}

function bundlerNear(file: string): string | undefined {
  try {
    return createRequire(file).resolve('esbuild');
  } catch {
    // It is not there: the caller says what to do.
    return undefined;
  }
}

const detailOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
