import { readFile, realpath, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { build } from 'esbuild';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { err, ok } from '#core/result';
import { addCheckCommand } from '#scenarios/command-line/check-command';
import { readScenario } from '#scenarios/command-line/read-scenario';
import { wallClock } from '#replicator/wall-clock';

/**
 * Builds the thread of `sealift check` and modules with worlds into a folder, by the names of their files: a thread runs a
 * module of its own, and Node does not load TypeScript.
 */
export async function buildCheck(folder: string, worlds: readonly string[]): Promise<void> {
  await build({
    entryPoints: ['scenarios/command-line/check-worker.ts', ...worlds],
    ...{ outdir: folder, outExtension: { '.js': '.mjs' }, entryNames: '[name]', outbase: '.' },
    ...{ bundle: true, splitting: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'silent' },
    packages: 'external',
  });
  // Where it finds packages, some of which are no JavaScript.
  await symlink(await realpath('node_modules'), join(folder, 'node_modules'));
}

/** Runs `sealift check` over the worlds of a module that was built into the folder: what it printed and noted, and how it ended. */
export async function checkedIn(
  { folder, world }: { readonly folder: string; readonly world: string },
  words: readonly string[],
  signal = new AbortController().signal,
) {
  const printed: string[] = [];
  const noted: string[] = [];
  let status: number | undefined;
  const log = inMemoryEventLog();
  const program = new Command('sealift').exitOverride().configureOutput({ writeErr: () => undefined });
  addCheckCommand(program, {
    terminal: {
      ...{ isInteractive: false, width: 80, live: () => undefined },
      print: (line) => void printed.push(line),
      note: (line) => void noted.push(line),
    },
    ...{ clock: wallClock, cores: 2, interrupts: () => signal },
    worker: pathToFileURL(join(folder, 'check-worker.mjs')),
    runner: pathToFileURL(join(folder, `${world}.mjs`)),
    readScenario: (word) =>
      readScenario(word.endsWith('.yaml') ? word : `scenarios/${word}.yaml`, (path) =>
        readFile(path).then(ok, () => err('it is not there')),
      ),
    // It is read once the command has let go of it.
    createLog: () => Promise.resolve({ ...log, close: () => Promise.resolve() }),
    commit: () => Promise.resolve('commit 0123abc'),
    setStatus: (ending) => (status = ending),
  });
  await program.parseAsync(['check', ...words], { from: 'user' });
  return { printed, noted, status, log };
}
