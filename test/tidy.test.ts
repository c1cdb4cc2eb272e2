import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { proseOf } from '#test/support/markdown';
import { filesBelow, foldersOf, projectFiles } from '#test/support/tree';

/** What no linter knows. Each list below names what is wrong; an empty list is a tidy house. */
const files = projectFiles();
const textOf = (path: string): string => readFileSync(path, 'utf8');
const titles = (markdown: string): readonly string[] => proseOf(markdown).match(/^# .+$/gm) ?? [];

describe('folders', () => {
  it('have a README.md', () => {
    expect(foldersOf(files).filter((folder) => !files.includes(`${folder}/README.md`))).toEqual([]);
  });

  it('have one title in it', () => {
    const readmes = ['README.md', ...files.filter((file) => file.endsWith('/README.md'))];
    expect(readmes.filter((readme) => titles(textOf(readme)).length !== 1)).toEqual([]);
  });
});

describe('file names', () => {
  it('say what is inside', () => {
    const vague = /(^|[-./])(utils?|helpers?|common|manager|service|impl|misc)\.[a-z.]+$|\/index\.ts$/;
    expect(files.filter((file) => vague.test(file))).toEqual([]);
  });

  it('are in kebab-case', () => {
    const code = files.filter((file) => file.endsWith('.ts'));
    expect(
      code.filter(
        (file) =>
          !/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|contract|config|d|worker))?\.ts$/.test(file.split('/').at(-1) ?? ''),
      ),
    ).toEqual([]);
  });

  it('of a filter have a test beside them', () => {
    const filters = files.filter((file) => /^replicator\/filters\/[^/]+\.ts$/.test(file) && !file.endsWith('.test.ts'));
    expect(filters.filter((file) => !files.includes(file.replace(/\.ts$/, '.test.ts')))).toEqual([]);
  });
});

describe('words', () => {
  // DESIGN.md, section 2. Vendor words stay inside that vendor's folder, wire and foreign formats.
  const code = files.filter((file) => /\.(ts|md|yaml)$/.test(file) && !file.startsWith('test/tidy'));

  it('source and target have no other names', () => {
    const other = /\b(src|dest|dst|destination)[A-Z]\w*|\b(dest|dst|destination)\b/;
    expect(code.filter((file) => other.test(textOf(file).replaceAll(/`[^`\n]*`|'[^'\n]*'/g, '')))).toEqual([]);
  });
});

describe('charts', async () => {
  const found: { name: string; machine: AnyStateMachine; effects: readonly string[] }[] = [];
  for (const file of filesBelow('core').filter((path) => path.endsWith('/machine.ts'))) {
    const exports = Object.entries((await import(resolve(file))) as Record<string, unknown>);
    const kinds = ((await import(resolve(file, '../effects.ts'))) as { effectKinds?: object }).effectKinds ?? {};
    for (const [name, value] of exports)
      if (isMachine(value)) found.push({ name, machine: value, effects: Object.keys(kinds) });
  }

  it('are there', () => expect(found.map(({ name }) => name)).toContain('migrationMachine'));

  describe.each(found)('$name', ({ machine, effects }) => {
    it('describes every state', () => {
      const leaves = statesBelow(machine.root).filter((state) => (state.description ?? '').trim() === '');
      expect(leaves.filter((state) => state.parent?.type !== 'parallel').map(({ id }) => id)).toEqual([]);
    });

    it('asks for every effect somewhere', () => {
      const asked = new Set(actionNames(machine.config));
      expect(effects.filter((effect) => !asked.has(effect))).toEqual([]);
    });

    it('has a body for every action it names', () => {
      const known = Object.keys(machine.implementations.actions);
      expect(actionNames(machine.config).filter((name) => !known.includes(name))).toEqual([]);
    });
  });
});

describe('scenarios', () => {
  // What a search has saved says for itself why it is there.
  const scenarios = files.filter((file) => /^scenarios\/(?!regressions\/).*\.yaml$/.test(file));

  it('each have a row in their README', () => {
    const readme = files.includes('scenarios/README.md') ? textOf('scenarios/README.md') : '';
    expect(scenarios.filter((file) => !readme.includes(file.replace('scenarios/', '')))).toEqual([]);
  });
});

describe('the simulator', () => {
  it('lists every known difference from the real thing', () => {
    const differs = files
      .filter((file) => /^simulator\/.*\.ts$/.test(file))
      .flatMap((file) =>
        [...textOf(file).matchAll(/@differs\s+(.+?)\s*(?:\*\/)?$/gm)].map(([, text]) => (text ?? '').trim()),
      );
    const listed = files.includes('simulator/DIFFERENCES.md') ? textOf('simulator/DIFFERENCES.md') : '';
    expect(differs.filter((difference) => !listed.includes(difference))).toEqual([]);
  });
});

function isMachine(value: unknown): value is AnyStateMachine {
  return typeof value === 'object' && value !== null && 'root' in value && 'implementations' in value;
}

function statesBelow(node: AnyStateNode): readonly AnyStateNode[] {
  return Object.values(node.states).flatMap((state: AnyStateNode) => [state, ...statesBelow(state)]);
}

/** The names of all actions anywhere in a chart's configuration. */
function actionNames(config: unknown): readonly string[] {
  if (typeof config !== 'object' || config === null) return [];
  return Object.entries(config).flatMap(([key, value]: [string, unknown]) =>
    ['entry', 'exit', 'actions'].includes(key) ? [value].flat().flatMap(nameOfAction) : actionNames(value),
  );
}

function nameOfAction(action: unknown): readonly string[] {
  if (typeof action === 'string') return [action];
  return typeof action === 'object' && action !== null && 'type' in action ? [String(action.type)] : [];
}
