import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What users install: the tarball that `npm pack` makes, in an empty folder, without a checkout around it. */
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

// What must work there, with what it has to say. A command needs a row here only if it could break by being packaged:
// by a lazily loaded chunk, a file read from the package, or a native module.
const commands: readonly { readonly args: readonly string[]; readonly says: RegExp }[] = [
  { args: ['--help'], says: /^Usage: sealift/m },
  { args: ['--version'], says: new RegExp(`^${version.replaceAll('.', '\\.')}$`, 'm') },
  { args: ['model', '--json'], says: /^\{/ },
];

describe('the package', () => {
  let folder = '';
  let contents: readonly string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealift-package-'));
    await end('npm', ['pack', '--pack-destination', folder], resolve('.'));
    const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz')) ?? 'no tarball';
    contents = (await end('tar', ['--list', '--file', tarball], folder)).split('\n').filter((line) => line !== '');
    await writeFile(join(folder, 'package.json'), '{ "private": true }');
    const quietly = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
    await end('npm', ['install', ...quietly, `./${tarball}`], folder);
    await buildNatives(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('holds what runs, the scenarios and the documents, and nothing else', () => {
    const expected = /^package\/(dist\/.+|scenarios\/[^/]+\.yaml|README\.md|CHANGELOG\.md|package\.json)$/;
    expect(contents.filter((path) => !expected.test(path))).toEqual([]);
    expect(contents).toEqual(expect.arrayContaining(['package/dist/cli.js', 'package/dist/dashboard/index.html']));
  });

  it('holds no test', () => {
    expect(contents.filter((path) => /\.test\.|\/test\//.test(path))).toEqual([]);
  });

  it('installs with no package that only development needs', () => {
    expect(
      ['typescript', 'vite', 'esbuild', 'vitest'].filter((name) => existsSync(join(folder, 'node_modules', name))),
    ).toEqual([]);
  });

  it.each(commands)('runs sealift $args', async ({ args, says }) => {
    expect(await end(join(folder, 'node_modules/.bin/sealift'), args, folder)).toMatch(says);
  });

  it('rehearses the wave that comes with it, and tells that run from its log', async () => {
    const sealift = join(folder, 'node_modules/.bin/sealift');
    const rehearsal = await end(sealift, ['up', '--once', '--speed', 'max', '--port', '0', '--seed', '1'], folder);
    expect(rehearsal).toMatch(/^Wave first-wave completed .* 12 VMs/m);
    const [log] = (await readdir(join(folder, 'data'))).filter((name) => name.endsWith('.db'));
    expect(await end(sealift, ['replay', join('data', log ?? 'no log')], folder)).toMatch(/^\d+ facts over /m);
  });
});

/**
 * SQLite's binding takes minutes to compile, and the checkout has just done so: its build is taken over when the versions
 * agree. When the registry has moved on, it is compiled as a user's would be.
 */
async function buildNatives(folder: string): Promise<void> {
  const here = resolve('node_modules/better-sqlite3');
  const there = join(folder, 'node_modules/better-sqlite3');
  const versionIn = (path: string): string => readFileSync(join(path, 'package.json'), 'utf8');
  if (versionIn(here) === versionIn(there)) await cp(join(here, 'build'), join(there, 'build'), { recursive: true });
  else await end('npm', ['rebuild', 'better-sqlite3'], folder);
}

/** What a program printed. Fails with all of it when the program does. */
function end(program: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((done, fail) => {
    execFile(program, args, { cwd, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      error === null
        ? done(stdout)
        : fail(new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error })),
    );
  });
}
