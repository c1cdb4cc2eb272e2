import { defineConfig } from 'vitest/config';
import { LongestFirst } from '#test/support/longest-first';
import { outcomeReporter } from '#test/support/outcome-reporter';
import { runSeed } from '#test/support/run-seed';

declare module 'vitest' {
  interface ProvidedContext {
    /** The seed all properties of this run draw from. */
    seed: number;
  }
}

const seed = runSeed(process.env);
const neverTests = ['**/node_modules/**', '**/dist/**', '**/data/**'];
// Real guests, real processes and a real browser: they have the machine to themselves, one file at a time.
const system = [
  'test/live/**/*.test.ts',
  'test/crash/**/*.test.ts',
  'test/browser/**/*.test.ts',
  'test/command-line.test.ts',
  'test/package.test.ts',
];
// Simulated worlds make much that is soon forgotten: room for it takes a seventh of their time away.
const execArgv = ['--max-semi-space-size=32'];
const shared = { provide: { seed }, setupFiles: ['test/support/seed.ts'] };

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', outcomeReporter()],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          ...shared,
          execArgv,
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...neverTests, ...system],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: 'system',
          include: system,
          exclude: neverTests,
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
