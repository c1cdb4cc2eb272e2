/** Code that `rule` (as the linter names it) must object to when it stands in `at`. */
export interface PlantedCode {
  readonly rule: string;
  readonly at: string;
  readonly code: string;
}

/** What the folders in virtual time may not touch. */
export const bannedGlobals = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'crypto',
  'process',
  'fetch',
  'WebSocket',
  'Buffer',
] as const;

const chart = (name: string, code: string): PlantedCode => ({
  rule: 'sealift(chart-is-pure)',
  at: `core/migration/${name}.ts`,
  code,
});
const lines = (count: number): string =>
  Array.from({ length: count }, (_, n) => `export const n${n} = ${n};`).join('\n');

/** At least one case for every rule that `.oxlintrc.json` names. */
export const plantedCode: readonly PlantedCode[] = [
  ...bannedGlobals.flatMap((name) =>
    ['core', 'simulator', 'scenarios'].map((folder) => ({
      rule: 'eslint(no-restricted-globals)',
      at: `${folder}/takes-${name}.ts`,
      code: `export const it = ${name};`,
    })),
  ),
  { rule: 'eslint(no-restricted-properties)', at: 'core/chance.ts', code: 'export const it = Math.random();' },
  { rule: 'eslint(no-restricted-properties)', at: 'core/around.ts', code: 'export const it = globalThis.Date;' },
  { rule: 'eslint(no-restricted-properties)', at: 'replicator/chance.ts', code: 'export const it = Math.random();' },
  { rule: 'eslint(no-restricted-properties)', at: 'test/chance.test.ts', code: 'export const it = Math.random();' },
  chart('actor', "import { createActor } from 'xstate';\nexport const it = createActor;"),
  chart('renamed', "import { createActor as start } from 'xstate';\nexport const it = start;"),
  chart('namespace', "import * as xstate from 'xstate';\nexport const it = xstate;"),
  chart('spawn', "import { spawnChild } from 'xstate';\nexport const it = spawnChild;"),
  chart('send', "import { sendTo } from 'xstate';\nexport const it = sendTo;"),
  chart('emit', "import { emit } from 'xstate';\nexport const it = emit;"),
  chart('log', "import { log } from 'xstate';\nexport const it = log;"),
  chart('invoke', "export const it = { invoke: { src: 'work' } };"),
  chart('after', "export const it = { after: { 1000: 'late' } };"),
  chart('delayed', "import { raise } from 'xstate';\nexport const it = raise({ type: 'Late' }, { delay: 10 });"),
  chart('inline', 'export const it = { entry: () => 1 };'),
  chart('inline-list', 'export const it = { on: { Went: { actions: [() => 1] } } };'),
  { ...chart('wave', "export const it = { invoke: { src: 'work' } };"), at: 'core/wave/invoke.ts' },
  {
    rule: 'typescript(switch-exhaustiveness-check)',
    at: 'core/half.ts',
    code: "export function half(side: 'left' | 'right'): void {\n  switch (side) {\n    case 'left':\n  }\n}",
  },
  {
    rule: 'typescript(no-floating-promises)',
    at: 'replicator/floating.ts',
    code: 'export const go = async (): Promise<void> => {};\nexport function start(): void {\n  go();\n}',
  },
  {
    rule: 'typescript(no-misused-promises)',
    at: 'replicator/condition.ts',
    code: 'export const go = async (): Promise<boolean> => true;\nexport const it = (): number => (go() ? 1 : 2);',
  },
  {
    rule: 'typescript(only-throw-error)',
    at: 'web/throws.ts',
    code: "export function it(): never {\n  throw 'no';\n}",
  },
  { rule: 'typescript(no-explicit-any)', at: 'web/any.ts', code: 'export const it = (x: any): unknown => x;' },
  {
    rule: 'typescript(no-non-null-assertion)',
    at: 'web/bang.ts',
    code: 'export const it = (x: number | undefined): number => x!;',
  },
  { rule: 'import(no-default-export)', at: 'web/default-export.ts', code: 'const it = 1;\nexport default it;' },
  { rule: 'eslint(no-console)', at: 'replicator/prints.ts', code: "export const it = (): void => console.log('x');" },
  { rule: 'eslint(eqeqeq)', at: 'web/loose.ts', code: 'export const it = (x: unknown): boolean => x == 1;' },
  { rule: 'eslint(max-lines)', at: 'web/long.ts', code: lines(401) },
  {
    rule: 'eslint(max-lines-per-function)',
    at: 'web/long-function.ts',
    code: `export function it(): void {\n${'  void 0;\n'.repeat(70)}}`,
  },
  {
    rule: 'vitest(no-focused-tests)',
    at: 'core/only.test.ts',
    code: "import { expect, it } from 'vitest';\nit.only('alone', () => expect(1).toBe(1));",
  },
  {
    rule: 'vitest(valid-expect)',
    at: 'core/unfinished.test.ts',
    code: "import { expect, it } from 'vitest';\nit('forgets to compare', () => {\n  expect(1);\n});",
  },
];

/** What the linter must leave alone: were a ban too wide, it would object to something here. */
export const allowedCode: Readonly<Record<string, string>> = {
  'core/chance.test.ts': 'export const it = [Date.now(), process.pid];',
  'core/event-log/sqlite.ts': 'export const it = [Date.now(), process.pid];',
  'core/migration/allowed.ts':
    "import { assign, setup, transition } from 'xstate';\nexport const it = { setup, transition, actions: ['pauseSource', assign({})], before: 1, after: 2 };",
  'simulator/kernel/sealed-globals.ts': 'export const it = [Date, globalThis.crypto];',
  'simulator/endpoints/kvm/wire.ts': 'export const it = [Date.now(), process.pid];',
  'replicator/live-world.ts': 'export const it = [Date.now(), process.pid];',
  'cli.ts': "console.log('ready');",
  'web/dashboard/vite.config.ts': 'const it = 1;\nexport default it;',
  'web/default.ts':
    "export function half(side: 'left' | 'right'): number {\n  switch (side) {\n    case 'left':\n      return 1;\n    default:\n      return 2;\n  }\n}",
  'web/exhaustive.ts':
    "export function half(side: 'left' | 'right'): number {\n  switch (side) {\n    case 'left':\n      return 1;\n    case 'right':\n      return 2;\n  }\n}",
};
