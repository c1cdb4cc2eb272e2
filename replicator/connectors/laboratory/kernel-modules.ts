import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

/** One kernel module, ready to be loaded. */
export interface KernelModule {
  readonly name: string;
  readonly content: Uint8Array;
}

/**
 * The modules in `wanted`, and those in `useful` that there are, with everything they depend on, in the order to load them. What the kernel has built in is
 * left out. Reads each module's own list of dependencies, because a package that is only unpacked has no index of them.
 */
export async function modulesFor(
  folder: string,
  { wanted, useful = [] }: { readonly wanted: readonly string[]; readonly useful?: readonly string[] },
): Promise<readonly KernelModule[]> {
  const builtIn = new Set((await readFile(join(folder, 'modules.builtin'), 'utf8')).split('\n').map(moduleName));
  const files = new Map(
    (await readdir(join(folder, 'kernel'), { recursive: true }))
      .filter((path) => /\.ko(\.xz|\.zst)?$/.test(path))
      .map((path) => [moduleName(path), join(folder, 'kernel', path)]),
  );
  const ordered = new Map<string, KernelModule>();
  const add = async (name: string): Promise<void> => {
    if (ordered.has(name) || builtIn.has(name)) return;
    const file = files.get(name);
    if (file === undefined) throw new Error(`the kernel in ${folder} has no module ${name}, built in or not`);
    const content = await readModule(file);
    for (const needed of dependenciesOf(content)) await add(needed);
    ordered.set(name, { name, content });
  };
  for (const name of useful) if (files.has(name)) await add(name);
  for (const name of wanted) await add(name);
  return [...ordered.values()];
}

/** The names in the `depends=` line of a module's information section. */
export function dependenciesOf(module: Uint8Array): readonly string[] {
  const text = Buffer.from(module).toString('latin1');
  const listed = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? '';
  return listed
    .split(',')
    .filter((name) => name !== '')
    .map(canonical);
}

const moduleName = (path: string): string => canonical(basename(path).replace(/\.ko(\.xz|\.zst)?$/, ''));
// The kernel takes dash and underscore for the same, and file names use both.
const canonical = (name: string): string => name.replaceAll('-', '_');

// A large module is about 10 MiB.
const moduleSizeMax = 64 * 1024 * 1024;

async function readModule(file: string): Promise<Uint8Array> {
  const program = file.endsWith('.xz') ? 'xz' : file.endsWith('.zst') ? 'zstd' : undefined;
  if (program === undefined) return await readFile(file);
  const options = { encoding: 'buffer', maxBuffer: moduleSizeMax } as const;
  return (await promisify(execFile)(program, ['-dc', file], options)).stdout;
}
