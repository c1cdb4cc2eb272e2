import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const execute = promisify(execFile);

/** Runs Sealift from its sources, as in a checkout that was never built. */
const sealift = (...words: readonly string[]) => execute(process.execPath, ['--import', 'tsx', 'cli.ts', ...words]);

describe('threads for seeds', () => {
  it.each([
    ['rehearse fix-up-fails --seeds 2 --json', { seeds: 2 }],
    ['check fix-up-fails --seeds 2 --vms 1 --json', { checked: 2, failed: [] }],
  ])('run from sources as from a build: sealift %s', { timeout: 120_000 }, async (words, said) => {
    const { stdout } = await sealift(...words.split(' '));
    expect(JSON.parse(stdout)).toMatchObject(said);
  });
});
