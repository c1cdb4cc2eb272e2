/**
 * Who may import whom. DESIGN in one line: core <- replicator <- simulator <- scenarios <- web, and web takes only core.
 * test/architecture/import-rules.test.ts plants a violation of every rule here and sees it caught by that rule alone.
 */

const tests = '\\.test\\.ts$|\\.contract\\.ts$|^test/|^bench/';
const adapters = '^core/event-log/(in-memory|sqlite|eventstoredb|chain|log-hash)[^/]*\\.ts$';
const external = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled', 'core'];

/** A folder that may import only the ones listed, and packages. */
const mayImport = (folder, allowed, comment) => ({
  name: `${folder}-imports-left`,
  severity: 'error',
  comment,
  from: { path: `^${folder}/`, pathNot: tests },
  to: {
    path: '^(core|replicator|simulator|scenarios|web)/|^cli\\.ts$',
    pathNot: `^(${[folder, ...allowed].join('|')})/`,
  },
});

/** One outside client, known to some files only. */
const oneDoor = ({ client, door, comment }) => ({
  name: `one-door-${client.replace(/^.*\//, '')}`,
  severity: 'error',
  comment,
  from: { pathNot: [door, tests] },
  to: { path: `(^|node_modules/)(@types/)?${client}(/|$)` },
});

export default {
  forbidden: [
    mayImport(
      'core',
      [],
      'The model, the driver and the laws judge simulated, live and audited logs alike, so they know none of those worlds.',
    ),
    mayImport(
      'replicator',
      ['core'],
      'What moves real disks must not know that it can be simulated: there is one replicator, not two.',
    ),
    mayImport(
      'simulator',
      ['core', 'replicator'],
      'A simulated world serves every scenario and every view, so it knows none.',
    ),
    mayImport(
      'scenarios',
      ['core', 'replicator', 'simulator'],
      'A scenario runs without the web: its result is a log, and the log is what is looked at.',
    ),
    mayImport(
      'web',
      ['core'],
      'The web shows logs and sends commands. If it knew a world, it would show that world and not the log.',
    ),
    {
      name: 'nobody-imports-the-front-door',
      severity: 'error',
      comment: 'cli.ts chooses adapters and worlds. Whoever imports it has every one of them, and a process, on board.',
      from: { path: '.' },
      to: { path: '^cli\\.ts$' },
    },
    {
      name: 'model-is-pure',
      severity: 'error',
      comment:
        'core is the same code live, under a seed and in a browser. Node and packages are for the adapters of the event log; xstate is the language of the charts.',
      from: { path: '^core/', pathNot: [adapters, tests] },
      to: { dependencyTypes: external, pathNot: '(^|node_modules/)xstate(/|$)' },
    },
    {
      name: 'xstate-only-in-core',
      severity: 'error',
      comment:
        'The state machine library is a detail of the charts: outside of core, decide, evolve and the state they return are all there is.',
      from: { pathNot: ['^core/', tests] },
      to: { path: '(^|node_modules/)xstate(/|$)' },
    },
    {
      name: 'core-does-not-choose-its-log',
      severity: 'error',
      comment:
        'core writes to the EventLog port. Which adapter stands behind it is chosen at the front door, or a browser would get SQLite.',
      from: { path: '^core/', pathNot: [adapters, tests] },
      to: { path: adapters },
    },
    oneDoor({
      client: '@eventstore/db-client',
      door: '^core/event-log/eventstoredb\\.ts$',
      comment:
        'The EventStoreDB client is known to one file, which turns its errors into ours. A new client version changes that file.',
    }),
    oneDoor({
      client: 'better-sqlite3',
      door: '^core/event-log/sqlite[^/]*\\.ts$',
      comment: 'SQLite is known to the SQLite adapter only, where durability and locking are decided once.',
    }),
    {
      name: 'vendors-do-not-meet',
      severity: 'error',
      comment:
        'Each connector speaks for one vendor. What two of them share is a port in core or a protocol in replicator.',
      from: { path: '^replicator/connectors/([^/]+)/', pathNot: [tests, '^replicator/connectors/laboratory/'] },
      to: { path: '^replicator/connectors/([^/]+)/', pathNot: '^replicator/connectors/($1|laboratory)/' },
    },
    {
      name: 'laboratory-is-for-the-live-world',
      severity: 'error',
      comment:
        'The laboratory starts real guests for a plan that names them. A connector or pipeline that knew it would behave differently in it.',
      from: {
        path: '.',
        pathNot: [tests, '^replicator/connectors/laboratory/', '^replicator/live(-world)?[/.]', '^cli\\.ts$'],
      },
      to: { path: '^replicator/connectors/laboratory/' },
    },
    {
      name: 'endpoints-do-not-meet',
      severity: 'error',
      comment: 'Each simulated endpoint speaks for one vendor, as each connector does.',
      from: { path: '^simulator/endpoints/([^/]+)/', pathNot: tests },
      to: { path: '^simulator/endpoints/([^/]+)/', pathNot: '^simulator/endpoints/$1/' },
    },
    {
      name: 'no-io-in-virtual-time',
      severity: 'error',
      comment:
        'A world in virtual time touches nothing outside its seed, neither itself nor through what it imports: real I/O would finish in an order no seed can replay.',
      // `block/world` hands ports of the world to processes of production, whose defaults are the real ones: nothing of it
      // may take those itself, and the globals throw while it runs.
      from: {
        path: '^simulator/(kernel|estate|flow|block|faults)/',
        pathNot: [tests, '^simulator/block/world/'],
      },
      to: {
        reachable: true,
        path: '^(node:)?(fs|net|tls|dgram|dns|http|http2|https|child_process|cluster|worker_threads|timers|readline|os|inspector|perf_hooks|crypto)(/|$)|^replicator/connectors/',
      },
    },
    {
      name: 'world-hands-out-its-own-ports',
      severity: 'error',
      comment:
        'What puts processes of production into a world in virtual time gives them files, networks and clocks of that world. Taking real ones would leave the seed.',
      from: { path: '^simulator/block/world/', pathNot: tests },
      to: {
        path: '^(node:)?(fs|net|tls|dgram|dns|http|http2|https|child_process|cluster|worker_threads|timers|readline|os|inspector|perf_hooks|crypto)(/|$)|^replicator/(connectors/|wall-clock|disk/node-files|protocol/tls-network)',
      },
    },
    {
      name: 'dashboard-takes-core-and-types',
      severity: 'error',
      comment:
        'The dashboard runs in a browser: the pure part of core, its own files, and from the API nothing but types.',
      from: { path: '^web/dashboard/', pathNot: [tests, '\\.config\\.ts$'] },
      to: {
        path: '^(core|web)/',
        pathNot: [
          '^web/dashboard/',
          '^core/(?!event-log/)',
          '^core/event-log/(?!in-memory|sqlite|eventstoredb|chain|log-hash)',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'dashboard-needs-no-node',
      severity: 'error',
      comment: 'The dashboard runs in a browser, where Node is not.',
      from: { path: '^web/dashboard/', pathNot: [tests, '\\.config\\.ts$'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'nobody-imports-a-test',
      severity: 'error',
      comment:
        'Tests, benches and what supports them are not in the package: production code that needs one works only here.',
      from: { pathNot: [tests, '\\.config\\.ts$'] },
      to: { path: tests },
    },
    {
      name: 'no-test-imports-a-test',
      severity: 'error',
      comment: 'Importing a test runs it twice. What two tests share is in test/support or is a contract.',
      from: { path: '.' },
      to: { path: '\\.test\\.ts$' },
    },
    {
      name: 'no-dev-packages-in-production',
      severity: 'error',
      comment:
        'A package of devDependencies is not there when Sealift is installed. The dashboard is bundled, so its own may be.',
      from: {
        path: '^(core|replicator|simulator|scenarios|web)/|^cli\\.ts$',
        pathNot: [tests, '\\.config\\.ts$', '^web/dashboard/'],
      },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: 'node_modules/@types/' },
    },
    {
      name: 'relative-only-for-siblings',
      severity: 'error',
      comment:
        'Across folders an import says where it goes (#core/...), so that moving a file changes no path inside it.',
      from: { path: '^(|.+/)[^/]+$' },
      to: { dependencyTypes: ['local'], dependencyTypesNot: ['aliased'], pathNot: '^$1[^/]+$' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Two modules that need each other are one module, or lack a third.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      comment: 'A file that imports nothing and is imported by nobody does nothing.',
      from: { orphan: true, pathNot: [tests, '\\.config\\.(ts|mjs)$', '\\.d\\.ts$', '^\\.'] },
      to: {},
    },
    {
      name: 'not-to-unresolvable',
      severity: 'error',
      comment: 'An import that cannot be followed escapes every other rule here.',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|data)/|^test/architecture/planted/' },
    tsPreCompilationDeps: true,
    detectProcessBuiltinModuleCalls: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
