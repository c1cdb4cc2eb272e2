import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { allowedCode, bannedGlobals, plantedCode } from './planted-code.ts';

interface Finding {
  readonly code: string;
  readonly message: string;
  readonly help?: string;
  readonly filename: string;
}

type Setting = string | readonly [string, ...unknown[]];
interface Configuration {
  readonly rules: Readonly<Record<string, Setting>>;
  readonly overrides: readonly { readonly rules: Readonly<Record<string, Setting>> }[];
}

/** Runs the linter as `npm run check:lint` does, over a tree of its own. */
async function judge(tree: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  const root = await mkdtemp(join(tmpdir(), 'sealift-lint-'));
  try {
    for (const file of ['package.json', 'tsconfig.json', '.oxlintrc.json', 'test/support/lint-rules.js'])
      await cp(file, join(root, file));
    await symlink(resolve('node_modules'), join(root, 'node_modules'));
    for (const [path, content] of Object.entries(tree)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), `${content}\n`);
    }
    const folders = [...new Set(Object.keys(tree).map((path) => path.split('/')[0] ?? path))];
    return (JSON.parse(await oxlint(root, folders)) as { diagnostics: readonly Finding[] }).diagnostics;
  } finally {
    await rm(root, { recursive: true });
  }
}

function oxlint(root: string, folders: readonly string[]): Promise<string> {
  return new Promise((done, fail) => {
    execFile(
      resolve('node_modules/.bin/oxlint'),
      ['--format', 'json', ...folders],
      { cwd: root, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) =>
        stdout.startsWith('{') ? done(stdout) : fail(new Error(stdout + stderr, { cause: error })),
    );
  });
}

/** The names of all rules the configuration turns on by name, as the linter reports them: `eslint(no-console)`. */
function rulesNamed({ rules, overrides }: Configuration): string[] {
  const all = [rules, ...overrides.map((override) => override.rules)].flatMap((set) => Object.entries(set));
  const on = all.filter(([, setting]) => setting !== 'off').map(([name]) => name);
  return [...new Set(on)].map((name) => {
    const [plugin, rule] = name.includes('/') ? name.split('/') : ['eslint', name];
    return `${plugin}(${rule})`;
  });
}

// YAML reads JSON with trailing commas; the comments are whole lines.
const configuration = parse(readFileSync('.oxlintrc.json', 'utf8').replaceAll(/^\s*\/\/.*$/gm, '')) as Configuration;

describe('lint rules', () => {
  let findings: readonly Finding[] = [];
  beforeAll(async () => {
    findings = await judge({ ...allowedCode, ...Object.fromEntries(plantedCode.map(({ at, code }) => [at, code])) });
  }, 120_000);

  for (const { rule, at } of plantedCode)
    it(`${rule} catches ${at}`, () => {
      const found = findings.filter(({ filename }) => filename === at);
      expect([...new Set(found.map(({ code }) => code))]).toEqual([rule]);
    });

  it('leave alone what is allowed', () => {
    expect(findings.filter(({ filename }) => filename in allowedCode)).toEqual([]);
  });

  it('have each been seen catching a planted violation', () => {
    const covered = new Set(plantedCode.map(({ rule }) => rule));
    expect(rulesNamed(configuration).filter((rule) => !covered.has(rule))).toEqual([]);
  });

  it('say what to take instead of what they ban', () => {
    for (const name of bannedGlobals) {
      const found = findings.find(({ filename }) => filename === `core/takes-${name}.ts`);
      expect(`${found?.message} ${found?.help}`).toMatch(/Take|Ask|Use/);
    }
    const banned = (configuration.overrides[0]?.rules['no-restricted-globals'] ?? []) as readonly (
      string | { name: string }
    )[];
    expect(banned.flatMap((ban) => (typeof ban === 'string' ? [] : [ban.name])).toSorted()).toEqual(
      [...bannedGlobals].toSorted(),
    );
  });
});
