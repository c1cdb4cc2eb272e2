import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { allowedImports, plantedImports, type Tree } from './planted-imports.ts';

interface Report {
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
    readonly ruleSetUsed: { readonly forbidden: readonly { readonly name: string; readonly comment?: string }[] };
  };
}

/** Runs the import rules as `npm run check:imports` does, over a tree of its own. */
async function judge(tree: Tree): Promise<Report['summary']> {
  const root = await mkdtemp(join(tmpdir(), 'sealift-imports-'));
  try {
    for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.mjs'])
      await copyFile(file, join(root, file));
    await symlink(resolve('node_modules'), join(root, 'node_modules'));
    for (const [path, content] of Object.entries(tree)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
    const folders = [...new Set(Object.keys(tree).map((path) => path.split('/')[0] ?? path))];
    return (JSON.parse(await depcruise(root, folders)) as Report).summary;
  } finally {
    await rm(root, { recursive: true });
  }
}

function depcruise(root: string, folders: readonly string[]): Promise<string> {
  const args = ['--config', '.dependency-cruiser.mjs', '--output-type', 'json', ...folders];
  return new Promise((done, fail) => {
    execFile(resolve('node_modules/.bin/depcruise'), args, { cwd: root, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      // With violations its exit status is their number; without a report it has failed.
      stdout === '' ? fail(error ?? new Error(stderr)) : done(stdout),
    );
  });
}

describe('import rules', () => {
  let summary: Report['summary'];
  beforeAll(async () => {
    const trees = plantedImports.map(({ files }) => files);
    summary = await judge(Object.assign({}, allowedImports, ...trees) as Tree);
  }, 120_000);

  for (const { rule, at, files } of plantedImports)
    it(`${rule} catches ${at}`, () => {
      const inCase = summary.violations.filter(({ from }) => from in files);
      expect([...new Set(inCase.map(({ from, rule: { name } }) => `${name}: ${from}`))]).toContain(`${rule}: ${at}`);
      expect([...new Set(inCase.map(({ rule: { name } }) => name))]).toEqual([rule]);
    });

  it('leave alone what is allowed', () => {
    expect(summary.violations.filter(({ from }) => from in allowedImports)).toEqual([]);
  });

  it('have each been seen catching a planted violation', () => {
    const covered = new Set(plantedImports.map(({ rule }) => rule));
    expect(summary.ruleSetUsed.forbidden.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
  });

  it('say why they are there', () => {
    const silent = summary.ruleSetUsed.forbidden.filter(({ comment }) => (comment ?? '').length < 40);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});
