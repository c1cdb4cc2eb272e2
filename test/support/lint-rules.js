/**
 * Lint rules of our own, for what no stock rule knows. Loaded by oxlint (`jsPlugins`), which wants JavaScript and a
 * default export. `.oxlintrc.json` says where each applies.
 */

const instead = {
  createActor: 'use the pure initialTransition and transition: a running actor has a life of its own, outside the log',
  interpret: 'use the pure initialTransition and transition: a running actor has a life of its own, outside the log',
  invoke: 'make the work an effect: its outcome returns as a fact, so it is in the log',
  spawn: 'make the work an effect: its outcome returns as a fact, so it is in the log',
  spawnChild: 'make the work an effect: its outcome returns as a fact, so it is in the log',
  sendTo: 'append to the other stream through an effect: actors do not talk past the log',
  sendParent: 'append to the other stream through an effect: actors do not talk past the log',
  forwardTo: 'append to the other stream through an effect: actors do not talk past the log',
  after: 'arm a timer with an effect (armTimer): its end returns as a fact, on the clock that is in charge',
  raise: 'without a delay only: a delay is an effect (armTimer) whose end returns as a fact',
  emit: 'what others should know is a fact',
  log: 'what should be remembered is a fact',
};
const importable = new Set([
  'createActor',
  'interpret',
  'spawn',
  'spawnChild',
  'sendTo',
  'sendParent',
  'forwardTo',
  'emit',
  'log',
]);
const configuration = new Set(['invoke', 'after']);
const actionKeys = new Set(['actions', 'entry', 'exit']);

const nameOf = (node) =>
  node.type === 'Identifier' ? node.name : node.type === 'Literal' ? String(node.value) : undefined;
const isFunction = (node) => node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression';

/** XState as a pure decider: see DESIGN.md, section 4. */
const chartIsPure = {
  create(context) {
    const refuse = (node, name) => context.report({ node, message: `No ${name} in a chart: ${instead[name]}.` });
    return {
      ImportSpecifier(node) {
        const name = nameOf(node.imported);
        if (node.parent.source.value.startsWith('xstate') && importable.has(name)) refuse(node, name);
      },
      ImportNamespaceSpecifier(node) {
        if (node.parent.source.value.startsWith('xstate'))
          context.report({ node, message: 'Import what is used by name: a namespace hides what a chart may not use.' });
      },
      Property(node) {
        const name = nameOf(node.key);
        const isConfig = node.value.type === 'ObjectExpression' || node.value.type === 'ArrayExpression';
        if (!node.shorthand && isConfig && configuration.has(name)) refuse(node, name);
        if (!actionKeys.has(name)) return;
        const listed = node.value.type === 'ArrayExpression' ? node.value.elements : [node.value];
        for (const action of listed)
          if (action !== null && isFunction(action))
            context.report({
              node: action,
              message: 'No inline action in a chart: name an effect, so that it is data.',
            });
      },
      CallExpression(node) {
        const name = node.callee.type === 'Identifier' ? node.callee.name : nameOf(node.callee.property ?? node.callee);
        const options = node.arguments[1];
        if (name === 'raise' && options?.type === 'ObjectExpression')
          if (options.properties.some((property) => property.type === 'Property' && nameOf(property.key) === 'delay'))
            refuse(node, 'raise');
      },
    };
  },
};

const plugin = { meta: { name: 'sealift' }, rules: { 'chart-is-pure': chartIsPure } };

export default plugin;
