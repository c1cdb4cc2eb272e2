import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { longest, ordered } from './longest-first.ts';

describe('the order of test files', () => {
  it('has the longest first, all of which are there, and leaves the others as they come', () => {
    const files = ['core/b.test.ts', ...longest.toReversed(), 'core/a.test.ts'].map((path) => ({
      moduleId: `/checkout/${path}`,
    }));
    expect(ordered(files).map(({ moduleId }) => moduleId.replace('/checkout/', ''))).toEqual([
      ...longest,
      ...['core/b.test.ts', 'core/a.test.ts'],
    ]);
    expect(longest.filter((path) => !existsSync(path))).toEqual([]);
  });

  it('is of workers that have room for what is soon forgotten', () => {
    expect(process.execArgv).toContain('--max-semi-space-size=32');
  });
});
