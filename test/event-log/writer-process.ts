import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** A process that appends to a log, built once so that starting it a hundred times is quick. */
export interface WriterProgram {
  start(options: { path: string; run: string; seed: number; lanes: number; batches?: number }): Writer;
  remove(): Promise<void>;
}

/** One running writer. */
export interface Writer {
  readonly child: ChildProcess;
  /** The last acknowledged revision of each stream, as far as was heard. */
  readonly acknowledged: ReadonlyMap<string, number>;
  /** Resolves when the writer has opened its log, or has ended. */
  readonly open: Promise<unknown>;
  /** Resolves when it has ended and everything it printed was read. */
  readonly ended: Promise<{ readonly status: number | null; readonly errors: string }>;
}

/** Bundles `writer.ts` into a folder of its own. */
export async function buildWriter(): Promise<WriterProgram> {
  const folder = await mkdtemp(join(tmpdir(), 'sealift-writer-'));
  await mkdir(join(folder, 'data'));
  await symlink(resolve('node_modules'), join(folder, 'node_modules'));
  const program = join(folder, 'writer.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./writer.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    external: ['better-sqlite3'],
    logLevel: 'warning',
  });
  return {
    start: ({ path, run, seed, lanes, batches }) =>
      listen(
        spawn(process.execPath, [program, path, run, ...[seed, lanes, batches ?? Infinity].map(String)], {
          stdio: ['ignore', 'pipe', 'pipe'],
        }),
      ),
    remove: () => rm(folder, { recursive: true }),
  };
}

function listen(child: ChildProcess): Writer {
  const acknowledged = new Map<string, number>();
  let errors = '';
  let rest = '';
  let opened = (): void => {};
  const open = new Promise<void>((go) => (opened = go));
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    // A kill may cut a line short; half a number is no acknowledgement.
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [stream = '', revision] = line.split(' ');
      if (revision === undefined) opened();
      else acknowledged.set(stream, Number(revision));
    }
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = once(child, 'close').then(([status]) => ({ status: status as number | null, errors }));
  return { child, acknowledged, open: Promise.race([open, ended]), ended };
}
