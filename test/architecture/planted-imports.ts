/** Files by path. */
export type Tree = Readonly<Record<string, string>>;

/** A violation planted in a tree of its own names: `rule`, and only `rule`, must object to `at`. */
export interface Planted {
  readonly rule: string;
  readonly at: string;
  readonly files: Tree;
}

const use = (what: string): string => `import { thing } from '${what}';\nexport const it = thing;\n`;
const useType = (what: string): string => `import type { Thing } from '${what}';\nexport type It = Thing;\n`;
const run = (what: string): string => `import '${what}';\n`;
const thing = 'export const thing = 1;\nexport type Thing = string;\n';

const planted = (rule: string, at: string, content: string, others: Tree = {}): Planted => ({
  rule,
  at,
  files: { [at]: content, ...others },
});

/** One violation or more for every rule of `.dependency-cruiser.mjs`. */
export const plantedImports: readonly Planted[] = [
  planted('core-imports-left', 'core/a/to-replicator.ts', use('#replicator/thing'), { 'replicator/thing.ts': thing }),
  planted('core-imports-left', 'core/a/type-only.ts', useType('#web/thing'), { 'web/thing.ts': thing }),
  planted('replicator-imports-left', 'replicator/a/to-simulator.ts', use('#simulator/thing'), {
    'simulator/thing.ts': thing,
  }),
  planted('simulator-imports-left', 'simulator/a/to-scenarios.ts', use('#scenarios/thing'), {
    'scenarios/thing.ts': thing,
  }),
  planted('scenarios-imports-left', 'scenarios/a/to-web.ts', use('#web/thing'), { 'web/thing.ts': thing }),
  planted('web-imports-left', 'web/api/to-replicator.ts', use('#replicator/thing'), { 'replicator/thing.ts': thing }),
  planted('web-imports-left', 'web/api/to-simulator.ts', use('#simulator/thing'), { 'simulator/thing.ts': thing }),
  planted('nobody-imports-the-front-door', 'beside.ts', run('./cli.ts')),
  planted('model-is-pure', 'core/a/reads-files.ts', run('node:fs')),
  planted('model-is-pure', 'core/a/takes-a-package.ts', run('yaml')),
  planted('model-is-pure', 'core/a/asks-the-process.ts', "export const fs = process.getBuiltinModule('node:fs');\n"),
  planted('xstate-only-in-core', 'replicator/live/knows-xstate.ts', run('xstate')),
  planted('core-does-not-choose-its-log', 'core/driver/opens-a-log.ts', use('#core/event-log/in-memory'), {
    'core/event-log/in-memory.ts': thing,
  }),
  planted('one-door-db-client', 'web/api/asks-the-store.ts', run('@eventstore/db-client')),
  planted('one-door-db-client', 'core/event-log/sqlite-and-more.ts', run('@eventstore/db-client')),
  planted('one-door-better-sqlite3', 'replicator/journal/own-database.ts', run('better-sqlite3')),
  planted('vendors-do-not-meet', 'replicator/connectors/kvm/meets.ts', use('#replicator/connectors/ahv/thing'), {
    'replicator/connectors/ahv/thing.ts': thing,
  }),
  planted(
    'laboratory-is-for-the-live-world',
    'replicator/connectors/kvm/in-the-laboratory.ts',
    use('#replicator/connectors/laboratory/thing'),
    { 'replicator/connectors/laboratory/thing.ts': thing },
  ),
  planted(
    'laboratory-is-for-the-live-world',
    'simulator/search/in-the-laboratory.ts',
    use('#replicator/connectors/laboratory/thing'),
    { 'replicator/connectors/laboratory/thing.ts': thing },
  ),
  planted('endpoints-do-not-meet', 'simulator/endpoints/kvm/meets.ts', use('#simulator/endpoints/ahv/thing'), {
    'simulator/endpoints/ahv/thing.ts': thing,
  }),
  planted('no-io-in-virtual-time', 'simulator/kernel/listens.ts', run('node:net')),
  planted('world-hands-out-its-own-ports', 'simulator/block/world/listens.ts', run('node:net')),
  planted('world-hands-out-its-own-ports', 'simulator/block/world/real-files.ts', use('#replicator/disk/node-files'), {
    'replicator/disk/node-files.ts': thing,
  }),
  planted('no-io-in-virtual-time', 'simulator/block/through-another.ts', use('#replicator/io/dials'), {
    'replicator/io/dials.ts': `${run('node:net')}${thing}`,
  }),
  planted('dashboard-takes-core-and-types', 'web/dashboard/runs-the-api.ts', use('#web/api/thing'), {
    'web/api/thing.ts': thing,
  }),
  planted('dashboard-takes-core-and-types', 'web/dashboard/opens-a-log.ts', use('#core/event-log/sqlite-thing'), {
    'core/event-log/sqlite-thing.ts': thing,
  }),
  planted('dashboard-needs-no-node', 'web/dashboard/reads-files.ts', run('node:fs')),
  planted('nobody-imports-a-test', 'replicator/a/supported.ts', use('#test/support/thing'), {
    'test/support/thing.ts': thing,
  }),
  planted('nobody-imports-a-test', 'web/api/benched.ts', use('#bench/thing'), { 'bench/thing.ts': thing }),
  planted('no-test-imports-a-test', 'core/a/twice.test.ts', use('./once.test.ts'), { 'core/a/once.test.ts': thing }),
  planted('no-dev-packages-in-production', 'simulator/search/shrinks.ts', run('vitest')),
  planted('relative-only-for-siblings', 'replicator/a/b/up.ts', use('../thing.ts'), { 'replicator/a/thing.ts': thing }),
  planted('relative-only-for-siblings', 'replicator/down.ts', use('./a/thing.ts'), { 'replicator/a/thing.ts': thing }),
  planted(
    'no-cycles',
    'core/a/chicken.ts',
    `import { egg } from './egg.ts';\nexport const chicken = (): number => egg();\n`,
    {
      'core/a/egg.ts': `import { chicken } from './chicken.ts';\nexport const egg = (): number => chicken();\n`,
    },
  ),
  planted('no-orphans', 'core/a/orphan.ts', thing),
  planted('not-to-unresolvable', 'replicator/a/lost.ts', run('#replicator/a/gone')),
  planted('not-to-unresolvable', 'replicator/a/unknown.ts', run('no-such-package')),
];

/** What the rules must leave alone: were one too wide, it would object to something here. */
export const allowedImports: Tree = {
  'cli.ts': [
    '#web/server',
    '#scenarios/run',
    '#simulator/flow/world',
    '#replicator/live-world',
    '#core/event-log/sqlite',
  ]
    .map(run)
    .join(''),
  'core/unit.ts': thing,
  'core/migration/machine.ts': `${run('xstate')}${run('#core/unit')}`,
  'core/event-log/event-log.ts': run('#core/unit'),
  'core/event-log/chain.ts': `${run('node:crypto')}${thing}`,
  'core/event-log/sqlite.ts': `${run('better-sqlite3')}${run('./chain.ts')}${run('./event-log.ts')}`,
  'core/event-log/eventstoredb.ts': `${run('@eventstore/db-client')}${run('./chain.ts')}`,
  'replicator/connectors/kvm/kvm.ts': `${run('node:net')}${run('#core/unit')}`,
  'replicator/connectors/laboratory/laboratory.ts': run('#replicator/connectors/kvm/kvm'),
  'replicator/live-world.ts': run('#replicator/connectors/laboratory/laboratory'),
  'simulator/flow/world.ts': `${run('#core/unit')}${run('#core/migration/machine')}${run('flatqueue')}`,
  'simulator/endpoints/kvm/wire.ts': `${run('node:net')}${run('#replicator/connectors/kvm/kvm')}`,
  'scenarios/run.ts': `${run('node:fs')}${run('yaml')}${run('#simulator/endpoints/kvm/wire')}`,
  'web/api/routes.ts': `${run('hono')}${thing}${run('#core/event-log/event-log')}`,
  'web/server.ts': `${run('#web/api/routes')}${run('@hono/node-server')}`,
  'web/dashboard/main.ts': [run('lit'), useType('#web/api/routes'), run('#core/migration/machine')].join(''),
  'web/dashboard/main.test.ts': `${run('vitest')}${run('node:fs')}${run('./main.ts')}`,
  'test/support/shared.ts': thing,
  'test/live/whole.test.ts': `${run('vitest')}${use('#test/support/shared')}${run('#core/event-log/in-memory')}`,
  'bench/whole.ts': run('#replicator/live-world'),
};
