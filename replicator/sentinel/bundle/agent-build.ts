/**
 * How the agent becomes one file, for esbuild: for the oldest Node it runs on, with all packages inside and nothing but
 * Node's own modules outside. Data only: the builder is not there when Sealift is installed.
 */
export const agentBuild = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node18',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
} as const;

/** Where it begins. */
export const agentEntry = 'replicator/sentinel/agent/main.ts';

/** The most bytes it may have. */
export const agentBytesMax = 2 * 1024 * 1024;
