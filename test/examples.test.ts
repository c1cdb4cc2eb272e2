import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fencedBlocks } from '#test/support/markdown';
import { projectFiles, workFolders } from '#test/support/tree';

/**
 * No example goes stale. Every block marked `ts` in a Markdown file is type-checked; one marked `ts run` is also run, and
 * must end well. Every line of a block marked `sh` names scripts, commands and files that exist. Code that is not meant
 * to compile is marked `text`.
 */
const documents = ['README.md', 'ARCHITECTURE.md', ...projectFiles().filter((file) => file.endsWith('.md'))];
const blocks = documents.flatMap((file) => fencedBlocks(file, readFileSync(file, 'utf8')));
const examples = blocks
  .filter(({ info }) => /^ts\b/.test(info))
  .map((block, n) => ({ ...block, file: `example-${n}.ts` }));
const commands = blocks
  .filter(({ info }) => /^(sh|bash)\b/.test(info))
  .flatMap(({ where, code }) => commandsIn(code).map((command) => ({ where, command })));

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const npmsOwn = ['ci', 'install', 'pack', 'exec', 'link', 'start', 'test'];

describe('examples in the documents', () => {
  let root = '';
  let sealiftCommands: readonly string[] = [];
  let types: Ended = { status: 1, output: 'not run' };
  // The type-check takes in most of the project.
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'sealift-examples-'));
    for (const name of ['node_modules', ...workFolders].filter((path) => existsSync(path)))
      await symlink(resolve(name), join(root, name));
    await copyFile('package.json', join(root, 'package.json'));
    const { compilerOptions } = JSON.parse(readFileSync('tsconfig.json', 'utf8')) as { compilerOptions: object };
    await writeFile(
      join(root, 'tsconfig.json'),
      // An example may name what it does not use: the reader will.
      JSON.stringify({
        compilerOptions: { ...compilerOptions, noUnusedLocals: false, incremental: false, tsBuildInfoFile: undefined },
        files: examples.map(({ file }) => file),
      }),
    );
    for (const { file, code } of examples) await writeFile(join(root, file), `${code}\nexport {};\n`);
    const { output } = await end(resolve('node_modules/.bin/tsx'), ['cli.ts', '--help'], resolve('.'));
    sealiftCommands = [...output.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name]) => String(name));
    if (examples.length > 0) types = await end(resolve('node_modules/.bin/tsc'), ['--pretty', 'false'], root);
  }, 180_000);
  afterAll(() => rm(root, { recursive: true }));

  it.each(examples)('$where is type-correct', ({ file }) => {
    expect(types.output.split('\n').filter((line) => line.startsWith(file))).toEqual([]);
  });

  it.each(examples.filter(({ info }) => info === 'ts run'))(
    '$where runs',
    async ({ file }) => {
      const { status, output } = await end(resolve('node_modules/.bin/tsx'), [file], root);
      expect(status, output).toBe(0);
    },
    60_000,
  );

  it.each(commands)('$where: $command', ({ command }) => {
    expect(staleIn(command, sealiftCommands)).toEqual([]);
  });
});

/** The commands of a block: lines joined where they continue, comments and output left out, `a && b` taken apart. */
function commandsIn(code: string): readonly string[] {
  return code
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) =>
      line
        .replace(/^\$ /, '')
        .replace(/(^|\s)#.*$/, '')
        .trim(),
    )
    .flatMap((line) => line.split(/\s*(?:&&|\|\||;|\|)\s*/))
    .filter((line) => line !== '');
}

/** What a command names that is not there: an npm script, a sealift command, or a file of the project. */
function staleIn(command: string, sealiftCommands: readonly string[]): readonly string[] {
  const inProject = new RegExp(`^(?:\\./)?(?:${workFolders.join('|')})/[^<>*]+$`);
  const files = command.split(/\s+/).filter((word) => inProject.test(word) && !existsSync(word));
  const [, script] = /^npm (?:run (?:--silent |-s )?)?([\w:-]+)/.exec(command) ?? [];
  const [, sealift] = /^(?:npx )?sealift ([a-z]+)/.exec(command) ?? [];
  return [
    ...files.map((file) => `no file ${file}`),
    ...(script !== undefined && !npmsOwn.includes(script) && !(script in scripts) ? [`no npm script ${script}`] : []),
    ...(sealift !== undefined && !sealiftCommands.includes(sealift) ? [`no sealift command ${sealift}`] : []),
  ];
}

interface Ended {
  readonly status: number;
  readonly output: string;
}

function end(program: string, args: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((done) => {
    execFile(program, args, { cwd, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      done({ status: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }),
    );
  });
}
